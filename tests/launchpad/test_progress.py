"""Long commands say how far they are where somebody looks, and nowhere else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from fireworks import LaunchPad

from al_workflows.campaign.states import MemberState
from fw_specs.campaign_store import CampaignStore
from fw_specs.campaign_submit import submit_members
from tests.campaign.members import small_campaign
from tests.launchpad.test_bad_input import ALFLOW, alflow
from tests.terminal import Terminal, plain

BAR = re.compile(r"[━─]{24}  \d+ members so far; facets  \d+ of 8  \d+ s")


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    file = {
        "bulks": ["Cu", "Ag", "Ni", "Pd"],
        "slabs": {"miller": [[1, 1, 1], [1, 0, 0]]},
        "adsorbates": ["O", "N"],
        "run": {"simulation": {"kind": "relaxation"}, "dft": {"kind": "emt"}},
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(file))
    return tmp_path


def test_on_a_terminal_below_the_results(campaign: Path) -> None:
    with Terminal([ALFLOW, "campaign", "plan", "c.yaml"], campaign) as terminal:
        assert terminal.end(60) == 0
    assert BAR.search(plain(terminal.output))
    assert "campaign c: " in plain(terminal.output)


def test_a_pipe_gets_the_document_alone(campaign: Path) -> None:
    line = f"{ALFLOW} campaign plan c.yaml --json > out.json"
    with Terminal(["sh", "-c", line], campaign) as terminal:
        assert terminal.end(60) == 0
    assert BAR.search(plain(terminal.output))  # on standard error, which is the terminal
    assert json.loads((campaign / "out.json").read_text())["name"] == "c"
    with Terminal(["sh", "-c", f"{line} 2> errors"], campaign) as terminal:
        assert terminal.end(60) == 0
    assert (terminal.output, (campaign / "errors").read_text()) == ("", "")
    piped = alflow("campaign", "plan", "c.yaml", cwd=campaign)
    assert (piped.stderr, "\x1b" in piped.stdout) == ("", False)


def test_results_are_lines_of_their_own(tmp_path: Path) -> None:
    words = ("benchmark", "relax", "--seeds", "4", "--peers", "BFGS", "--variants", "none", "-o")
    with Terminal([ALFLOW, *words, "seen"], tmp_path) as terminal:
        assert terminal.end(60) == 0
    lines = [line.rstrip() for line in plain(terminal.output).splitlines()]
    piped = alflow(*words, "piped", cwd=tmp_path).stdout.splitlines()
    found = [re.search(r"paper  seed \d  BFGS: converged, \d+ calls", line) for line in lines]
    assert sum(one is not None for one in found) == 4
    assert sum("  seed " in line for line in piped) == 4
    assert any(re.search(r"\d of 4  \d+ s", line) for line in lines)


@pytest.mark.workflow
def test_a_campaign_is_watched(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    submit_members(lpad, "small", small_campaign(), tmp_path / "small")
    store, keys = CampaignStore(lpad.db), [member.key for member in small_campaign()]
    store.set_state("small", keys[0], MemberState.UNDER_WAY, calls=3, fmax=0.25)
    words = [ALFLOW, "campaign", "status", "small", "--watch", "--every", "0.3", "--launchpad", str(lpad_file)]
    with Terminal(words, tmp_path) as terminal:
        frame = terminal.shows(keys[0])
        assert "0 of 4 CONVERGED, 3 DFT calls" in frame[1]
        assert set(frame[2]) == {"▓", "·"}
        assert any(line.split()[:4] == [keys[0], "UNDER_WAY", "3", "0.2500"] for line in frame)
        store.set_state("small", keys[0], MemberState.CONVERGED)
        store.set_state("small", keys[1], MemberState.STALLED, "no progress for so many cycles")
        assert any(f"STALLED  {keys[1]}: no progress" in line for line in terminal.shows("STALLED"))
        for key in keys[2:]:
            store.set_state("small", key, MemberState.CONVERGED)
        assert terminal.end() == 0
    assert "3 of 4 CONVERGED" in terminal.kept
    assert max(len(line) for frame in terminal.frames for line in frame) <= 80
