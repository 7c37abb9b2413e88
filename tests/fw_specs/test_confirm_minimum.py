"""A run that falls off a saddle, through FireWorks: the numbers of the loop in one process, and nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from fireworks import LaunchPad

from al_workflows import offline
from al_workflows.records import VerdictKind
from al_workflows.termination.curvature import CURVATURE, questions
from fw_specs.keys import DFT, STEP
from launchpad.status import read_status
from tests.builders import bridge, run_spec
from tests.fw_specs.test_run import in_a_directory_of_its_own, numbers, state, through_fireworks, work
from tests.launchpad.test_bad_input import alflow

__all__ = ["in_a_directory_of_its_own"]


@pytest.mark.workflow
def test_it_gives_the_numbers_of_the_loop_in_process(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    simulation = {"kind": "relaxation", "fmax": 0.05, "confirm_minimum": "always", "leave_saddles": False}
    spec, start = run_spec(simulation=simulation), bridge()
    stored = through_fireworks(lpad, spec, start, tmp_path)
    direct = offline.run(spec, start, tmp_path / "direct")
    assert (stored.verdict.kind, stored.verdict.criterion) == (VerdictKind.CONVERGED, CURVATURE)
    assert [one.verdict for one in stored.cycles] == [one.verdict for one in direct.cycles]
    assert numbers(stored.labels) == numbers(direct.labels)
    assert len(questions(stored.cycles, stored.labels)) > 1
    assert lpad.fireworks.count_documents({f"spec.{STEP}": DFT}) == len(stored.labels)

    before = state(lpad)
    for fw in list(lpad.fireworks.find({}, {"fw_id": 1})):
        lpad.rerun_fw(fw["fw_id"])
    work(lpad, tmp_path)
    assert state(lpad) == before

    status = read_status(lpad, stored.run)
    assert status.energy == (stored.answer.energy if stored.answer else None)
    assert status.fmax is not None
    assert status.fmax <= 0.05
    shown = alflow("show", "test", "--launchpad", str(lpad_file), cwd=tmp_path, COLUMNS="220")
    words = " ".join(shown.stdout.split())
    for part in ("is that a minimum?", "is no minimum", "whether that is a minimum", "the model's word"):
        assert part in words
