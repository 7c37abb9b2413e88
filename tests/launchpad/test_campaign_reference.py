"""A campaign's file, through plan, workers and results, to plain DFT's answers beside: all as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from fireworks import LaunchPad

from fw_specs.campaign_store import CampaignStore
from launchpad.campaign_history import read_campaign_history
from launchpad.timeline import read_spans
from tests.dashboard.conftest import asked
from tests.launchpad.test_campaign import Shell, shell

__all__ = ["shell"]  # a fixture

pytestmark = pytest.mark.workflow
FILE = {
    "bulks": ["Cu"],
    "slabs": {"miller": [[1, 1, 1]], "thickness": 4.0, "vacuum": 8.0, "min_lateral": 4.0, "fixed_layers": 1},
    "adsorbates": ["O"],
    "sites": {"positions": ["hollow"]},
    "run": {"simulation": {"kind": "relaxation", "fmax": 0.05}, "dft": {"kind": "emt"}},
}


def test_from_the_file_to_plain_dft(shell: Shell, lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    (tmp_path / "oxygen.yaml").write_text(yaml.safe_dump(FILE))
    assert "4 new members" in shell("submit", "oxygen.yaml")
    assert "4 members: 4 CONVERGED" in shell("run", "oxygen")
    found = {one["key"]: one for one in json.loads(shell("results", "oxygen", "--json"))["entries"]}
    first, second = (found[f"Cu-111-t0-O-hollow{number}"] for number in (1, 2))
    assert second["borrowed"] > 0  # the members of a campaign learn from each other
    assert second["borrowed_from"] >= 1
    assert second["dft_calls"] <= first["dft_calls"]
    text = shell("reference", "oxygen")
    assert "4 end within 10 meV of BFGS's energy" in text
    rows = json.loads((tmp_path / "alflow-reference" / "oxygen" / "comparison.json").read_text())["members"]
    assert {row["ends"] for row in rows} == {"same"}
    assert sum(row["dft_calls"] for row in rows) < sum(row["direct_dft_calls"] for row in rows)
    assert shell("reference", "oxygen") == text  # what was computed is kept

    kept = CampaignStore(lpad.db).campaign("oxygen").reference
    calls = sum(row["dft_calls"] for row in rows)
    assert kept is not None
    assert (kept["method"], kept["members"], kept["dft_calls"]) == ("BFGS", 4, calls)
    with asked(lpad_file) as client:
        for path in ("/campaigns", "/campaign/oxygen"):
            page = client.get(path).text
            assert f"Plain DFT (BFGS) takes {kept['direct_dft_calls']} DFT calls for 4 of the members" in page
            assert f"which took {calls} here" in page

    comparison = "alflow-reference/oxygen/comparison.json"
    assert "(4 members, " in shell("report", "oxygen", "-o", "page", "--reference", comparison)
    page = (tmp_path / "page" / "report.html").read_text()
    assert "4 CONVERGED" in page
    assert "by BFGS, of 4" in page
    assert all((tmp_path / "page" / f"progress.{kind}").stat().st_size for kind in ("png", "svg", "pdf", "csv"))
    history = read_campaign_history(lpad, "oxygen", tmp_path / comparison)
    assert history.submitted is not None
    assert history.ended.keys() == history.began.keys() == found.keys()
    assert all(history.submitted <= history.began[key] < history.ended[key] for key in found)

    spans = read_spans(lpad, first["run"])
    assert {one.state for one in spans} == {"COMPLETED"}
    assert {one.step for one in spans} == {"train", "simulate", "query", "dft", "check"}
    assert all(one.worker for one in spans)
    for one in spans:
        assert one.waited_from is not None
        assert one.started is not None
        assert one.ended is not None
        assert one.waited_from <= one.started <= one.ended
    last = max(spans, key=lambda one: one.ended or 0.0)
    assert (last.step, last.ended) == ("check", history.ended["Cu-111-t0-O-hollow1"])

    alone = FILE | {"run": FILE["run"] | {"sharing": None}}  # type: ignore[operator]
    (tmp_path / "alone.yaml").write_text(yaml.safe_dump(alone))
    shell("submit", "alone.yaml")
    runs = {one["key"]: one["run"] for one in CampaignStore(lpad.db).find("alone")}
    assert runs["Cu-111-t0"] not in {one["run"] for one in CampaignStore(lpad.db).find("oxygen")}


def test_what_cannot_be_compared(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "oxygen.yaml").write_text(yaml.safe_dump(FILE))
    shell("submit", "oxygen.yaml")
    assert "does not answer runs" in shell("reference", "oxygen", "--method", "Newton", code=2)
    assert "no relaxation of campaign oxygen that fits" in shell("reference", "oxygen", "--where", "bulk=Pt", code=2)
    report = ("report", "oxygen", "-o", "page", "--reference")
    assert "cannot be read (No such file" in shell(*report, "nothing.json", code=2)
    (tmp_path / "other.json").write_text('{"campaign": "nitrogen", "method": "BFGS", "members": []}')
    assert "is of campaign nitrogen" in shell(*report, "other.json", code=2)
    (tmp_path / "other.json").write_text("[]")
    assert "it is no comparison" in shell(*report, "other.json", code=2)
    assert not (tmp_path / "page").exists()
    assert "'hydrogen' is not in this database" in shell("report", "hydrogen", code=2)
