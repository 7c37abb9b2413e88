"""The settings that studies compare: the paper's are the paper's, ours are the defaults, whatever the DFT code."""

from __future__ import annotations

from pathlib import Path

import pytest

from al_workflows.dft.spec import EmtSpec, GpawSpec
from al_workflows.spec import MdSpec, NebSpec, RelaxationSpec, RunSpec
from al_workflows.spec_file import parse_spec
from al_workflows.study.catalogue import STUDIES
from al_workflows.study.learned import Learned
from al_workflows.study.table1 import TABLE1
from al_workflows.study.table2 import ARMS, TABLE2
from al_workflows.study.trial import Setting


def relaxation(name: str) -> RunSpec:
    return ARMS[name][0].spec(EmtSpec(), 3, {"kind": "relaxation"})


def test_ours_is_a_run_file_of_defaults() -> None:
    plain = {"name": "benchmark", "seed": 3, "structure": "start", "simulation": {"kind": "relaxation"}}
    assert relaxation("default-0.03") == parse_spec(plain | {"dft": {"kind": "emt"}})


@pytest.mark.parametrize("name", [name for name, (_, word) in ARMS.items() if word is not None])
def test_the_papers_rows_have_neither_gate_nor_trust_radius(name: str) -> None:
    spec = relaxation(name)
    assert isinstance(spec.simulation, RelaxationSpec)
    assert (spec.simulation.trust_radius, spec.simulation.confirm_minimum) == (None, "never")
    assert not spec.simulation.leave_saddles
    assert not spec.simulation.also_from_start
    assert spec.dft.min_distance == 0.0
    assert spec.potential.kind == "behler_parrinello"
    assert spec.potential.training.kind == "paper"
    assert spec.potential.descriptor.g2_eta == pytest.approx([0.05, 0.2321, 1.0772, 5.0], rel=1e-3)
    assert spec.potential.prior.kind == ("none" if "no-prior" in name else "morse")
    online = name.startswith("online")
    assert (spec.loop.kind, spec.potential.members) == (("online", 5) if online else ("offline", 1))


def test_every_study_can_be_asked_of_any_code(tmp_path: Path) -> None:
    for study in STUDIES.values():
        for dft in (EmtSpec(), GpawSpec(parameters={"xc": "RPBE"})):
            tasks = study.plan(Setting(tmp_path, (0, 1), dft))
            for task in tasks:
                if isinstance(task, Learned):
                    spec = task.spec()
                    assert isinstance(spec.simulation, RelaxationSpec | NebSpec | MdSpec)
                    assert spec.dft.kind == dft.kind
    assert not list(tmp_path.iterdir())


def test_a_trial_of_one_study_serves_another(tmp_path: Path) -> None:
    setting = Setting(tmp_path, (0,))
    keys = {name: {task.name: task.key() for task in STUDIES[name].plan(setting)} for name in ("table1", "figureS3")}
    assert keys["table1"]["10x2"] == keys["figureS3"]["10x2"]
    assert keys["figureS3"]["10x2"] != keys["figureS3"]["10x2-no-scheduler"]


def test_the_key_holds_all_that_decides(tmp_path: Path) -> None:
    seeds = [task.key() for task in TABLE1.plan(Setting(tmp_path, (0, 1)))]
    other = [task.key() for task in TABLE1.plan(Setting(tmp_path, (0, 1), GpawSpec()))]
    contents = [
        *seeds,
        *other,
        *(task.key() for task in TABLE2.plan(Setting(tmp_path, (2,))) if task.name != "reference"),
    ]
    assert all(contents.count(content) == 1 for content in contents)
