"""The workflow of a cycle, without a database."""

from pathlib import Path

import bson
import pytest
from fireworks import Firework, Workflow

from al_workflows.records import Selection
from al_workflows.steps import ask_for_start
from fw_specs.cycle import dft_firework, first_cycle, next_cycle
from tests.builders import run_spec, slab

PLACE = Path("/somewhere/run")


def by_step(workflow: Workflow) -> dict[str, Firework]:
    return {fw.spec["al_step"]: fw for fw in workflow.fws}


def test_a_cycle_is_a_chain() -> None:
    workflow = next_cycle("run", 3, run_spec(), PLACE)
    steps = by_step(workflow)
    links = {
        workflow.id_fw[parent].spec["al_step"]: [workflow.id_fw[child].spec["al_step"] for child in children]
        for parent, children in workflow.links.items()
    }
    assert links == {"train": ["simulate"], "simulate": ["query"], "query": ["check"], "check": []}
    assert {step: fw.spec["_category"] for step, fw in steps.items()} == {
        "train": "ml",
        "simulate": "ml",
        "query": "ml",
        "check": "control",
    }


def test_cycle_0_labels_the_start_before_the_check() -> None:
    workflow = first_cycle("run", run_spec(), PLACE, ask_for_start("run", slab()))
    steps = by_step(workflow)
    assert workflow.links[steps["dft"].fw_id] == [steps["check"].fw_id]
    assert steps["dft"].spec["_category"] == "dft"


def test_resources_reach_the_firework() -> None:
    resources = {"dft": {"category": "big", "queue": {"walltime": "01:00:00"}}}
    spec = run_spec(resources=resources)
    (request,) = ask_for_start("run", slab()).requests
    firework = dft_firework("run", 0, spec, PLACE, request)
    assert firework.spec["_category"] == "big"
    assert firework.spec["_queueadapter"] == {"walltime": "01:00:00"}
    assert "_queueadapter" not in by_step(next_cycle("run", 1, spec, PLACE))["train"].spec


def test_every_firework_has_an_absolute_directory_of_its_own() -> None:
    selection = Selection(ask_for_start("run", slab()).requests)
    fws = [*first_cycle("run", run_spec(), PLACE, selection).fws, *next_cycle("run", 1, run_spec(), PLACE).fws]
    places = [fw.spec["_launch_dir"] for fw in fws]
    assert all(Path(place).is_absolute() and Path(place).is_relative_to(PLACE) for place in places)
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("step", ["train", "simulate", "query", "check"])
def test_specs_carry_ids_not_data(step: str) -> None:
    firework = by_step(next_cycle("run", 1, run_spec(), PLACE))[step]
    assert len(bson.encode(firework.to_dict())) < 2_000


def test_a_single_point_carries_all_that_it_needs_in_a_few_kilobytes() -> None:
    (request,) = ask_for_start("run", slab()).requests
    firework = dft_firework("run", 0, run_spec(), PLACE, request)
    document = firework.to_dict()
    assert len(bson.encode(document)) < 6_000
    back = Firework.from_dict(bson.decode(bson.encode(document)))
    assert back.tasks[0]["request"] == request.to_dict()
    assert back.tasks[0]["dft"]["kind"] == "emt"


def test_a_misspelt_task_parameter_is_refused() -> None:
    from fw_specs.tasks import TrainTask

    with pytest.raises(RuntimeError, match="cylce"):
        TrainTask(run="run", cycle=1, cylce=2)
