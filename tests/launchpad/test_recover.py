"""`recover`, `pause`, `resume`, `cancel` and `rerun` where no queue is needed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from fireworks import FWAction, FWorker, LaunchPad
from fireworks.core.rocket_launcher import launch_rocket

from al_workflows.errors import InputError
from al_workflows.records import LabelStatus
from al_workflows.results import run_id
from fw_specs import lease, lost
from fw_specs.store import Store
from fw_specs.submit import submit
from fw_specs.tasks import MAX_LOSSES
from launchpad.control import cancel, pause, rerun, resume
from launchpad.held import Patience
from launchpad.reconcile import Reconciler, Scope, apply
from launchpad.status import fizzled_cause, read_status
from launchpad.supervise import count_runs, keep_held
from launchpad.workers import process_name
from tests.builders import run_spec, slab
from tests.fw_specs.points import answered_run
from tests.fw_specs.test_run import in_a_directory_of_its_own, work

__all__ = ["in_a_directory_of_its_own"]  # a fixture

pytestmark = pytest.mark.workflow
AT_ONCE = Patience(moments=0.0, pings=0.0)
OLD = "2020-01-01T00:00:00"


def submitted(lpad: LaunchPad, tmp_path: Path) -> str:
    """Submit a run of one cycle; its id."""
    spec, start = run_spec(termination={"max_cycles": 1}), slab(2.4, seed=0)
    submit(lpad, spec, start, tmp_path / "work")
    return run_id(spec, start)


def recover(lpad: LaunchPad, patience: Patience = AT_ONCE) -> str:
    reconciler = Reconciler(lpad, None, Scope(), patience)
    return "\n".join(apply(reconciler.plan()))


def states(lpad: LaunchPad, run: str) -> dict[str, int]:
    return dict(read_status(lpad, run).fireworks)


def lose(lpad: LaunchPad) -> int:
    """Begin with what is ready as a worker that is lost; the Firework's id."""
    firework, launch = lpad.checkout_fw(FWorker("lost"), "/nowhere")
    lpad.launches.update_one({"launch_id": launch}, {"$set": {"state_history.0.updated_on": OLD}})
    return int(firework.fw_id)


def test_a_silent_worker_is_looked_at_twice(lpad: LaunchPad, tmp_path: Path) -> None:
    run = submitted(lpad, tmp_path)
    fw_id = lose(lpad)
    lpad.fireworks.update_one({"fw_id": fw_id}, {"$set": {"updated_on": OLD}})
    assert recover(lpad, Patience(60.0, 600.0)) == ""  # after an outage all pings are late
    reconciler = Reconciler(lpad, None, Scope(), Patience(moments=60.0, pings=0.02))
    assert reconciler.plan() == []
    assert reconciler.second_look_in == 0.01
    lpad.ping_launch(lpad.launches.find_one()["launch_id"])  # it lives
    assert not [repair for repair in reconciler.plan() if "not heard of" not in repair.text]
    assert "put back" in recover(lpad)
    assert states(lpad, run) == {"READY": 1, "WAITING": 1}
    assert lost.count(lpad.db, fw_id) == 1


def test_what_ended_between_the_looks_is_not_disturbed(lpad: LaunchPad, tmp_path: Path) -> None:
    run = submitted(lpad, tmp_path)
    lose(lpad)
    repairs = Reconciler(lpad, None, Scope(), AT_ONCE).plan()
    assert len(repairs) == 1
    lpad.complete_launch(lpad.launches.find_one()["launch_id"], FWAction())
    assert apply(repairs) == []
    assert states(lpad, run) == {"COMPLETED": 1, "READY": 1}


def test_two_who_repair_at_once_do_it_once(lpad: LaunchPad, tmp_path: Path) -> None:
    submitted(lpad, tmp_path)
    fw_id = lose(lpad)
    plans = [Reconciler(lpad, None, Scope(), AT_ONCE).plan() for _ in range(4)]
    done: list[str] = []
    gate = threading.Barrier(4)

    def repair(number: int) -> None:
        gate.wait()
        done.extend(apply(plans[number]))

    threads = [threading.Thread(target=repair, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert lost.count(lpad.db, fw_id) == 1
    assert lpad.fireworks.find_one({"fw_id": fw_id})["state"] == "READY"


def test_a_step_that_is_lost_again_and_again_is_given_up_with_its_reason(lpad: LaunchPad, tmp_path: Path) -> None:
    run = answered_run(lpad, tmp_path / "work", points=1)
    launch_rocket(lpad, FWorker())
    for number in range(MAX_LOSSES):
        fw_id = lose(lpad)
        assert ("given up" in recover(lpad)) is (number == MAX_LOSSES - 1)
    assert states(lpad, run) == {"COMPLETED": 1, "FIZZLED": 1}
    assert f"lost {MAX_LOSSES} times" in fizzled_cause(lpad, run)
    assert recover(lpad) == ""
    rerun(lpad, run)
    assert lost.count(lpad.db, fw_id) == 0
    work(lpad, tmp_path)
    assert read_status(lpad, run).state == "BUDGET_SPENT"


def test_a_single_point_that_is_lost_again_and_again_becomes_a_crashed_label(lpad: LaunchPad, tmp_path: Path) -> None:
    run = submitted(lpad, tmp_path)
    place = Path(lpad.fireworks.find_one({"spec.al_step": "dft"})["spec"]["_launch_dir"])
    for number in range(MAX_LOSSES):
        (place / f"attempt_{number + 1}").mkdir(parents=True)  # as a worker that was killed leaves it
        lose(lpad)
        assert "put back" in recover(lpad)
    work(lpad, tmp_path)
    [label] = [one for one in Store(lpad.db).labels(run) if one.cycle == 0]
    assert label.status is LabelStatus.CRASHED
    assert f"lost {MAX_LOSSES} times" in label.cause


def test_errors_of_the_machine_are_tried_again_and_errors_of_the_run_are_not(lpad: LaunchPad, tmp_path: Path) -> None:
    run = submitted(lpad, tmp_path)
    for line, again in (("OSError: [Errno 28] No space left on device", True), ("ValueError: no", False)):
        _, launch = lpad.checkout_fw(FWorker(), "/nowhere")
        trace = f"Traceback (most recent call last):\n  in f\n{line}"
        lpad.complete_launch(launch, FWAction(stored_data={"_exception": {"_stacktrace": trace}}), "FIZZLED")
        assert ("run again" in recover(lpad)) is again
        assert ("READY" in states(lpad, run)) is again
    assert count_runs(lpad, set()) == {"stopped by an error": 1}


def test_a_lock_that_was_left_is_freed_and_one_in_use_is_not(lpad: LaunchPad, tmp_path: Path) -> None:
    run = answered_run(lpad, tmp_path / "work", points=1)
    lpad.workflows.update_many({}, {"$set": {"locked": True}})
    reconciler = Reconciler(lpad, None, Scope(), Patience(moments=0.2, pings=600.0))
    assert reconciler.plan() == []
    threading.Event().wait(reconciler.second_look_in)
    lpad.workflows.update_many({}, {"$set": {"updated_on": "now"}})  # somebody is at it
    assert reconciler.plan() == []
    threading.Event().wait(reconciler.second_look_in)
    assert "freed of a lock" in "\n".join(apply(reconciler.plan()))
    assert lpad.workflows.find_one({"locked": {"$exists": True}}) is None
    work(lpad, tmp_path)
    assert read_status(lpad, run).state == "BUDGET_SPENT"


def test_a_worker_killed_while_it_takes_a_firework(lpad: LaunchPad, tmp_path: Path) -> None:
    """FireWorks marks the Firework first and makes the launch second."""
    run = submitted(lpad, tmp_path)
    lpad._get_a_fw_to_run({"spec.al_step": "dft"})
    assert states(lpad, run) == {"RESERVED": 1, "WAITING": 1}
    assert recover(lpad, Patience(60.0, 600.0)) == ""
    assert "put back" in recover(lpad)
    assert states(lpad, run) == {"READY": 1, "WAITING": 1}


def test_an_update_that_was_cut_off_is_finished(lpad: LaunchPad, tmp_path: Path) -> None:
    run = submitted(lpad, tmp_path)
    launch_rocket(lpad, FWorker())
    check = lpad.fireworks.find_one({"spec.al_step": "check"})["fw_id"]
    point = lpad.fireworks.find_one({"spec.al_step": "dft"})["fw_id"]
    lpad.fireworks.update_one({"fw_id": check}, {"$set": {"state": "WAITING"}})
    unknown = {f"fw_states.{point}": "RUNNING", f"fw_states.{check}": "WAITING"}
    lpad.workflows.update_one({"nodes": check}, {"$set": unknown})
    assert "brought 2 Fireworks up to date" in recover(lpad)
    assert states(lpad, run) == {"COMPLETED": 1, "READY": 1}


@pytest.mark.parametrize("running", ["query", "check"])
def test_a_paused_run_starts_nothing_and_goes_on_as_if_nothing_had_been(
    running: str, lpad: LaunchPad, tmp_path: Path
) -> None:
    """Whatever is running when it is paused ends, and what that appends is paused too."""
    run = submitted(lpad, tmp_path)
    while lpad.fireworks.find_one({"spec.al_step": running, "state": "READY"}) is None:
        launch_rocket(lpad, FWorker())
    Store(lpad.db).hold(run, "PAUSED")  # as if the step had begun before
    work(lpad, tmp_path)
    Store(lpad.db).hold(run, None)
    assert states(lpad, run)["PAUSED"] > 0
    assert "READY" not in states(lpad, run)
    pause(lpad, run, None)
    assert not {"READY", "WAITING"} & set(states(lpad, run))
    work(lpad, tmp_path)
    assert read_status(lpad, run).state == "PAUSED"
    with pytest.raises(InputError, match="paused already"):
        pause(lpad, run, None)
    resume(lpad, run)
    work(lpad, tmp_path)
    assert read_status(lpad, run).state == "BUDGET_SPENT"
    assert set(states(lpad, run)) == {"COMPLETED"}


def test_what_a_held_run_made_ready_is_paused_again(lpad: LaunchPad, tmp_path: Path) -> None:
    run = submitted(lpad, tmp_path)
    Store(lpad.db).hold(run, "PAUSED")
    assert "its run is held" in "\n".join(keep_held(lpad))
    assert keep_held(lpad) == []


def test_a_cancelled_run_is_taken_up_again_to_its_end(lpad: LaunchPad, tmp_path: Path) -> None:
    run = submitted(lpad, tmp_path)
    for _ in range(3):
        launch_rocket(lpad, FWorker())
    labels = len(Store(lpad.db).labels(run))
    assert f"{labels} labels are kept" in "\n".join(cancel(lpad, run, None).lines)
    work(lpad, tmp_path)
    assert read_status(lpad, run).state == "CANCELLED"
    with pytest.raises(InputError, match="cancelled, not paused"):
        resume(lpad, run)
    rerun(lpad, run)
    work(lpad, tmp_path)
    assert read_status(lpad, run).state == "BUDGET_SPENT"
    for refused in (lambda: pause(lpad, run, None), lambda: resume(lpad, run), lambda: rerun(lpad, run)):
        with pytest.raises(InputError, match="has ended"):
            refused()


def test_what_makes_no_sense_is_refused(lpad: LaunchPad, tmp_path: Path) -> None:
    run = submitted(lpad, tmp_path)
    with pytest.raises(InputError, match="not paused but WAITING"):
        resume(lpad, run)
    with pytest.raises(InputError, match="fizzled or was cancelled"):
        rerun(lpad, run)
    with pytest.raises(InputError, match="`alflow status` lists the runs"):
        pause(lpad, "nobody", None)


def test_a_lease_has_one_holder_and_a_dead_one_is_known(lpad: LaunchPad) -> None:
    leases = lpad.db["al_leases"]
    leases.insert_one({"_id": "queue"})
    assert lease.take(leases, "queue", process_name(os.getpid()), 60)
    assert not lease.take(leases, "queue", "another", 60)
    assert lease.holder(leases, "queue") == process_name(os.getpid())
    lease.give_back(leases, "queue", "another")
    assert not lease.take(leases, "queue", "another", 60)
    lease.give_back(leases, "queue", process_name(os.getpid()))
    assert lease.take(leases, "queue", "another", 60)
