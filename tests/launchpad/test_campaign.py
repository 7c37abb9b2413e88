"""`alflow campaign` on a real mongod: commands as a user gives them, workers as real `rlaunch` processes."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import ase.io
import pytest
from click.testing import Result
from fireworks import LaunchPad
from typer.testing import CliRunner

from al_workflows.campaign.member import Member
from al_workflows.campaign.states import Limits
from fw_specs.campaign_store import CampaignStore
from fw_specs.store import Store
from launchpad import planned_campaign, settings
from launchpad.cli.app import app
from launchpad.planned_campaign import PlannedCampaign
from launchpad.supervise import keep_held
from tests.campaign.members import gas, site, slab_member, small_campaign
from tests.launchpad.test_rlaunch import ENVIRONMENT

pytestmark = pytest.mark.workflow
NAME = "small"


class Shell:
    """`alflow campaign` in this process, on one database."""

    def __init__(self, lpad_file: Path, lpad: LaunchPad, patch: pytest.MonkeyPatch) -> None:
        self._file, self._patch = lpad_file, patch
        patch.setattr(settings, "connect", lambda *_, **__: lpad)  # closed by its fixture, as a process's end would
        for name in ("PYTHONPATH", "OMP_NUM_THREADS"):
            patch.setenv(name, ENVIRONMENT[name])

    def plan(
        self, members: Sequence[Member], skipped: Sequence[dict[str, str]] = (), limits: Limits = Limits()
    ) -> None:
        """What the campaign's file describes from now on."""
        plan = PlannedCampaign(NAME, members, limits, skipped)
        self._patch.setattr(planned_campaign, "planned", lambda *_: plan)

    def __call__(self, *words: str, code: int = 0) -> str:
        done: Result = CliRunner().invoke(app, ["campaign", *words, "--launchpad", str(self._file)])
        assert done.exit_code == code, (done.output, done.exception)
        return str(done.output)


@pytest.fixture
def shell(lpad_file: Path, lpad: LaunchPad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(lpad_file, lpad, monkeypatch)


def states(lpad: LaunchPad) -> dict[str, str]:
    return {one["key"]: one["state"] for one in CampaignStore(lpad.db).find(NAME)}


def test_a_campaign_from_its_file_to_its_results(shell: Shell, lpad: LaunchPad, tmp_path: Path) -> None:
    stuck = site("Ag", "fcc", height=2.4, termination={"max_dft_calls": 1})
    members = [*small_campaign(), slab_member("Ag"), stuck]
    shell.plan(members, [{"key": "Pt-111", "why": "no lattice constant"}])
    assert "6 new members, 0 as before" in shell("submit", "c.yaml")
    assert "0 new members, 6 as before" in shell("submit", "c.yaml")
    text = shell("run", NAME, "--workers", "2", code=1)
    assert "6 members: 1 BUDGET_SPENT, 5 CONVERGED" in text
    assert "left out: Pt-111: no lattice constant" in text
    assert f"BUDGET_SPENT  {stuck.key} ({stuck.run}): 1 DFT calls were made (allowed: 1)" in text
    assert shell("status").startswith(f"{NAME}: 6 members")

    found = json.loads(shell("results", NAME, "--json"))
    entries = {entry["key"]: entry for entry in found["entries"]}
    energies = {member.key: Store(lpad.db).result(member.run) for member in members}
    energy = {key: result.answer.energy for key, result in energies.items() if result and result.answer}
    expected = energy["Cu-111-O-fcc"] - energy["Cu-111"] - 0.5 * energy["O2"]
    assert entries["Cu-111-O-fcc"]["adsorption_energy_eV"] == pytest.approx(expected)
    assert sorted(entries[f"Cu-111-O-{where}"]["rank"] for where in ("fcc", "hcp")) == [1, 2]
    assert entries[stuck.key]["adsorption_energy_eV"] is None
    assert entries[stuck.key]["missing"] == f"{stuck.key} is BUDGET_SPENT"
    assert found["totals"]["dft_calls"] == sum(entry["dft_calls"] for entry in entries.values())
    text = shell("results", NAME, "--csv", "c.csv")
    assert "Written: c.csv" in text
    assert len(list(csv.DictReader((tmp_path / "c.csv").read_text().splitlines()))) == 6

    text = shell("export", NAME, "--output", "data")
    assert "test.extxyz" in text
    sets = {split: ase.io.read(tmp_path / "data" / f"{split}.extxyz", ":") for split in ("train", "test")}
    surfaces = {split: {atoms.info["surface"] for atoms in images} for split, images in sets.items()}
    assert surfaces["train"] | surfaces["test"] == {"Cu 111", "Ag 111", "molecule"}
    assert not surfaces["train"] & surfaces["test"]
    number = sum(label.ok for member in members for label in Store(lpad.db).labels(member.run))
    assert sum(len(images) for images in sets.values()) == number

    text = shell("resume", NAME, "--where", "adsorbate=O", "--where", "bulk=Ag")
    assert "starts anew as" in text
    text = shell("run", NAME, code=1)  # the same limit again
    assert "is left as it is: it was started anew before" in shell("resume", NAME, "--where", f"key={stuck.key}")


def test_members_are_paused_resumed_and_cancelled_by_what_they_are_of(shell: Shell, lpad: LaunchPad) -> None:
    shell.plan([*small_campaign(), slab_member("Ag"), site("Ag")], limits=Limits(at_once=3))
    shell("submit", "c.yaml")
    assert sorted(states(lpad).values()) == ["UNDER_WAY"] * 3 + ["WAITING"] * 3
    begun = {one["key"]: one["run"] for one in CampaignStore(lpad.db).begun(NAME)}
    text = shell("pause", NAME, "--where", "bulk=Cu")
    assert "that had not begun: PAUSED" in text
    assert {key for key, state in states(lpad).items() if state == "PAUSED"} == {
        *("Cu-111", "Cu-111-O-fcc", "Cu-111-O-hcp")
    }
    assert set(Store(lpad.db).held()) == {run for key, run in begun.items() if key.startswith("Cu")}
    assert keep_held(lpad) == []
    # their places are taken by others
    assert {key for key, state in states(lpad).items() if state == "UNDER_WAY"} == {"O2", "Ag-111", "Ag-111-O-fcc"}
    text = shell("run", NAME, "--workers", "2", code=1)
    assert "3 CONVERGED, 3 PAUSED" in text
    shell("cancel", NAME, "--where", "site=h?p")
    assert states(lpad)["Cu-111-O-hcp"] == "CANCELLED"
    text = shell("resume", NAME)
    assert "goes on" in text
    shell("run", NAME, "--workers", "2", code=1)
    assert states(lpad) == dict.fromkeys(states(lpad), "CONVERGED") | {"Cu-111-O-hcp": "CANCELLED"}
    shell("resume", NAME, "--where", "state=CANCELLED")
    assert "6 members: 6 CONVERGED" in shell("run", NAME)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("status", "other"), "campaign 'other' is not in this database; those that are: small"),
        (("results", "other"), "campaign 'other' is not in this database"),
        (("pause", NAME, "--where", "bulk"), "`--where bulk` must be like bulk=Pt"),
        (("pause", NAME, "--where", "bulk=Pt"), "no member of campaign small fits bulk=Pt"),
        (("export", NAME, "-o", "data", "--where", "bulk=Pt"), "no member of campaign small that fits has begun"),
        (("results", NAME, "--parquet", "a/b.parquet"), "needs pyarrow"),
    ],
)
def test_mistakes_are_said_in_a_line(
    shell: Shell, words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as where it is not installed
    shell.plan([slab_member(), gas()])
    shell("submit", "c.yaml")
    assert said in shell(*words, code=2)
