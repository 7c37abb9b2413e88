"""Campaigns on a real mongod, their Fireworks launched in this process: begun by the checks alone, mended by anyone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import rapidfire

from al_workflows.campaign.member import Member
from al_workflows.campaign.states import Limits, MemberState
from al_workflows.errors import InputError
from fw_specs import campaign_turns, lease
from fw_specs.campaign_store import CampaignStore
from fw_specs.campaign_submit import start_anew, submit_members
from fw_specs.campaign_turns import look_after, look_after_all
from fw_specs.store import Store
from fw_specs.submit import submit
from tests.campaign.members import gas, site, slab_member, small_campaign

pytestmark = pytest.mark.workflow
NAME = "small"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}


@pytest.fixture(autouse=True)
def in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def begin(lpad: LaunchPad, members: list[Member], tmp_path: Path, name: str = NAME, **limits: Any) -> CampaignStore:
    submit_members(lpad, name, members, tmp_path / name, Limits(**limits))
    look_after(lpad, name)
    return CampaignStore(lpad.db)


def work(lpad: LaunchPad, tmp_path: Path) -> None:
    """Run all that is ready until nothing is: plain FireWorks, nobody looks after the campaign."""
    scratch = tmp_path / "launchers"
    scratch.mkdir(exist_ok=True)
    rapidfire(lpad, FWorker(), m_dir=str(scratch), sleep_time=0)


def states(store: CampaignStore, name: str = NAME) -> dict[str, str]:
    return {one["key"]: one["state"] for one in store.find(name)}


def runs(lpad: LaunchPad) -> int:
    return int(lpad.workflows.count_documents({}))


def test_the_checks_alone_bring_a_campaign_to_its_end(lpad: LaunchPad, tmp_path: Path) -> None:
    members = small_campaign()
    store = begin(lpad, members, tmp_path, at_once=1)
    assert runs(lpad) == 1  # the others are entries, and cost FireWorks nothing
    assert sorted(states(store).values()) == ["UNDER_WAY", "WAITING", "WAITING", "WAITING"]
    work(lpad, tmp_path)
    assert set(states(store).values()) == {"CONVERGED"}
    found = {one["key"]: one for one in store.find(NAME)}
    for member in members:
        entry, result = found[member.key], Store(lpad.db).result(member.run)
        assert result is not None
        assert result.answer is not None
        assert (entry["energy"], entry["calls"]) == (result.answer.energy, result.dft_calls)
        assert entry["fmax"] <= 0.1
        assert entry["seconds"] > 0
    assert store.spent(NAME)[0] == sum(one["calls"] for one in found.values())
    assert {one["spec"]["al_campaign"] for one in lpad.fireworks.find({}, {"spec": 1})} == {NAME}


def test_a_second_submission_adds_what_is_new_alone(lpad: LaunchPad, tmp_path: Path) -> None:
    members = small_campaign()
    first = submit_members(lpad, NAME, members[:3], tmp_path)
    assert (first.new, first.versions, first.unchanged) == (3, 0, 0)
    again = submit_members(lpad, NAME, members, tmp_path)
    assert (again.new, again.versions, again.unchanged) == (1, 0, 3)
    same = submit_members(lpad, NAME, members, tmp_path)
    assert (same.new, same.versions, same.unchanged) == (0, 0, 4)
    fewer = submit_members(lpad, NAME, members[:2], tmp_path)
    assert (fewer.new, fewer.unchanged, fewer.removed) == (0, 2, 2)
    orders = [one["order"] for one in CampaignStore(lpad.db).find(NAME)]
    assert orders == [0, 1, 2, 3]


def test_a_changed_entry_is_a_new_version_and_the_old_one_costs_nothing_more(lpad: LaunchPad, tmp_path: Path) -> None:
    old, new = site(), site(seed=7)
    members = [slab_member(), gas(), old]
    store = begin(lpad, members, tmp_path)
    assert states(store)[old.key] == "UNDER_WAY"
    done = submit_members(lpad, NAME, [*members[:2], new], tmp_path)
    assert (done.new, done.versions, done.unchanged) == (0, 1, 2)
    assert Store(lpad.db).held() == {old.run: "PAUSED"}
    look_after(lpad, NAME)
    work(lpad, tmp_path)
    (entry,) = store.find(NAME, {"key": old.key})
    assert (entry["version"], entry["run"], entry["state"]) == (2, new.run, "CONVERGED")
    assert Store(lpad.db).labels(old.run) == ()
    # back to what it was: the run that was held goes on
    assert submit_members(lpad, NAME, members, tmp_path).versions == 1
    look_after(lpad, NAME)
    work(lpad, tmp_path)
    (entry,) = store.find(NAME, {"key": old.key})
    assert (entry["version"], entry["run"], entry["state"]) == (3, old.run, "CONVERGED")


def test_what_another_campaign_has_computed_is_not_computed_again(lpad: LaunchPad, tmp_path: Path) -> None:
    slab, molecule = slab_member(), gas()
    store = begin(lpad, [slab, molecule], tmp_path)
    work(lpad, tmp_path)
    launches = lpad.launches.count_documents({})
    begin(lpad, [slab, molecule], tmp_path, "other", at_once=1)
    assert set(states(store, "other").values()) == {"CONVERGED"}
    assert lpad.launches.count_documents({}) == launches
    assert store.spent("other")[0] == 0
    assert [one["energy"] for one in store.find("other")] == [one["energy"] for one in store.find(NAME)]


def killed(lpad_file: Path, tmp_path: Path, where: str, does: str) -> None:
    """Another process does something, and is killed (SIGKILL) when it calls what is at ``where``."""
    module, _, name = where.rpartition(".")
    code = f"""
import os, pkgutil, signal
from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import rapidfire
from fw_specs.campaign_turns import look_after
setattr(pkgutil.resolve_name({module!r}), {name!r}, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
lpad = LaunchPad.from_file({str(lpad_file)!r})
{does}
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("where", "workflows"), [("fw_specs.submit.add_workflow", 0), ("fw_specs.member_store.MemberStore.set_state", 1)]
)
def test_a_kill_between_an_entry_and_its_workflow_is_mended_by_the_next_look(
    lpad: LaunchPad, lpad_file: Path, tmp_path: Path, where: str, workflows: int
) -> None:
    submit_members(lpad, NAME, [slab_member(), gas()], tmp_path)
    killed(lpad_file, tmp_path, where, f"look_after(lpad, {NAME!r})")
    assert runs(lpad) == workflows
    assert set(states(CampaignStore(lpad.db)).values()) == {"WAITING"}
    look_after(lpad, NAME)
    assert runs(lpad) == 2
    assert set(states(CampaignStore(lpad.db)).values()) == {"UNDER_WAY"}


def test_a_kill_between_a_run_s_end_and_its_entry_is_mended_by_the_next_look(
    lpad: LaunchPad, lpad_file: Path, tmp_path: Path
) -> None:
    store = begin(lpad, small_campaign(), tmp_path, at_once=1)
    where = "fw_specs.member_store.MemberStore.put_end"
    killed(lpad_file, tmp_path, where, "rapidfire(lpad, FWorker(), sleep_time=0)")
    assert sorted(states(store).values()) == ["UNDER_WAY", "WAITING", "WAITING", "WAITING"]
    said = look_after(lpad, NAME)
    assert "had ended unnoticed: CONVERGED" in said[0]
    assert sorted(states(store).values()) == ["CONVERGED", "UNDER_WAY", "WAITING", "WAITING"]


def test_a_check_that_is_run_again_after_a_kill_does_what_it_had_left(
    lpad: LaunchPad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = begin(lpad, [gas(), slab_member()], tmp_path, at_once=1)
    with monkeypatch.context() as patch:
        patch.setattr(campaign_turns, "after_check", lambda *_: None)
        work(lpad, tmp_path)
    last = lpad.fireworks.find_one({"spec.al_step": "check"}, {"fw_id": 1}, sort=[("spec.al_cycle", -1)])
    lpad.rerun_fw(last["fw_id"])
    work(lpad, tmp_path)
    assert set(states(store).values()) == {"CONVERGED"}


def test_what_goes_wrong_in_looking_after_fails_no_check_and_is_said(
    lpad: LaunchPad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a mistake")

    store = begin(lpad, [gas(), slab_member()], tmp_path, at_once=1)
    with monkeypatch.context() as patch:
        patch.setattr(campaign_turns, "decide", broken)
        work(lpad, tmp_path)
    assert lpad.fireworks.distinct("state") == ["COMPLETED"]
    assert "RuntimeError: a mistake" in store.campaign(NAME).trouble
    look_after(lpad, NAME)
    assert store.campaign(NAME).trouble == ""
    work(lpad, tmp_path)
    assert set(states(store).values()) == {"CONVERGED"}


def test_one_looks_at_a_time_and_word_that_is_left_is_heeded(lpad: LaunchPad, tmp_path: Path) -> None:
    submit_members(lpad, NAME, [gas()], tmp_path)
    store = CampaignStore(lpad.db)
    assert lease.take(store.campaigns, NAME, "another", 60)
    assert look_after(lpad, NAME) == []
    assert runs(lpad) == 0
    lease.give_back(store.campaigns, NAME, "another")
    asked, answered = store.asked(NAME)
    assert asked > answered
    look_after(lpad, NAME)
    assert store.asked(NAME) == (asked + 1, asked + 1)
    assert runs(lpad) == 1


def test_several_who_look_at_once_begin_as_many_as_may(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    members = [site(key=f"site-{number}", seed=number, references={}) for number in range(8)]
    submit_members(lpad, NAME, members, tmp_path, Limits(at_once=5, waves=False))
    code = "import sys; from fireworks import LaunchPad; from fw_specs.campaign_turns import look_after; "
    code += f"look_after(LaunchPad.from_file(sys.argv[1]), {NAME!r})"
    words = [sys.executable, "-c", code, str(lpad_file)]
    looking = [subprocess.Popen(words, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait() for process in looking] == [0] * 4
    assert runs(lpad) == 5
    assert sorted(states(CampaignStore(lpad.db)).values()) == ["UNDER_WAY"] * 5 + ["WAITING"] * 3
    asked, answered = CampaignStore(lpad.db).asked(NAME)
    assert asked == answered


def test_a_spent_budget_holds_what_is_under_way_and_a_higher_one_lets_it_go_on(lpad: LaunchPad, tmp_path: Path) -> None:
    members = [gas(), slab_member(), site(height=2.2), site(where="hcp", height=2.2)]
    store = begin(lpad, members, tmp_path, dft_calls=5)
    work(lpad, tmp_path)
    found = states(store)
    spent = store.spent(NAME)[0]
    assert 5 <= spent <= 6
    assert spent == sum(label.attempts > 0 for member in members for label in Store(lpad.db).labels(member.run))
    assert set(found.values()) & {"HELD", "WAITING"}
    for one in store.find(NAME, {"state": "HELD"}):
        assert "of 5 calls" in one["reason"]
    submit_members(lpad, NAME, members, tmp_path, Limits(dft_calls=500))
    look_after(lpad, NAME)
    work(lpad, tmp_path)
    assert set(states(store).values()) == {"CONVERGED"}


def test_a_run_that_stops_by_an_error_gives_its_place_to_others(lpad: LaunchPad, tmp_path: Path) -> None:
    bad, good = gas(), slab_member()
    store = begin(lpad, [bad, good], tmp_path, at_once=1)
    (tmp_path / NAME / bad.run / ".alflow-run").unlink()  # its steps refuse to run
    work(lpad, tmp_path)
    assert lpad.fireworks.count_documents({"state": "FIZZLED"}) == 1
    look_after(lpad, NAME)
    assert states(store) == {bad.key: "STOPPED", good.key: "UNDER_WAY"}
    work(lpad, tmp_path)
    assert states(store)[good.key] == "CONVERGED"


def test_a_member_that_cannot_begin_is_parked_with_its_reason(lpad: LaunchPad, tmp_path: Path) -> None:
    bad, good = gas(), slab_member()
    place = tmp_path / NAME / bad.run
    place.mkdir(parents=True)
    (place / ".alflow-run").write_text("another-run\n")
    store = begin(lpad, [bad, good], tmp_path)
    (entry,) = store.find(NAME, {"key": bad.key})
    assert entry["state"] == "STOPPED"
    assert "is the directory of another-run" in entry["reason"]
    assert states(store)[good.key] == "UNDER_WAY"


def test_a_directory_that_cannot_be_written_parks_nobody(lpad: LaunchPad, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    submit_members(lpad, NAME, [slab_member(), gas()], tmp_path / "file")
    begin(lpad, [gas()], tmp_path, "other")
    said = look_after_all(lpad)
    assert len(said) == 1
    assert f"campaign {NAME} was not looked after: directory" in said[0]
    store = CampaignStore(lpad.db)
    assert "cannot be written" in store.campaign(NAME).trouble
    assert set(states(store).values()) == {"WAITING"}


def test_what_was_edited_in_the_database_does_not_begin(lpad: LaunchPad, tmp_path: Path) -> None:
    slab = slab_member()
    submit_members(lpad, NAME, [slab], tmp_path)
    lpad.db["al_inputs"].update_one({"_id": slab.run}, {"$set": {"spec.dft.kind": "gpaw"}})
    look_after(lpad, NAME)
    (entry,) = CampaignStore(lpad.db).find(NAME)
    assert entry["state"] == "STOPPED"
    assert "was changed in the database" in entry["reason"]
    assert runs(lpad) == 0


def test_a_parked_member_starts_anew_as_another_run(lpad: LaunchPad, tmp_path: Path) -> None:
    short = site(height=2.4, termination={"max_dft_calls": 1})
    store = begin(lpad, [slab_member(), gas(), short], tmp_path)
    work(lpad, tmp_path)
    (entry,) = store.find(NAME, {"key": short.key})
    assert entry["state"] == MemberState.BUDGET_SPENT
    run = start_anew(lpad, NAME, entry)
    look_after(lpad, NAME)
    assert run != short.run
    work(lpad, tmp_path)
    (again,) = store.find(NAME, {"key": short.key})
    assert (again["run"], again["version"], again["anew"]) == (run, 2, True)
    assert submit_members(lpad, NAME, [slab_member(), gas(), short], tmp_path).unchanged == 3


def test_a_run_of_its_own_that_becomes_a_member_goes_on_as_one(lpad: LaunchPad, tmp_path: Path) -> None:
    slab = slab_member()
    submit(lpad, slab.spec, slab.start, tmp_path / "alone")
    store = begin(lpad, [slab], tmp_path)
    assert runs(lpad) == 1
    work(lpad, tmp_path)
    assert states(store) == {slab.key: "CONVERGED"}


@pytest.mark.parametrize(
    ("name", "members", "said"),
    [
        ("a/b", [gas()], "name is 'a/b'"),
        (NAME, [gas(), gas()], "keys more than once"),
        (NAME, [site()], "refers to 'Cu-111', which is no member"),
    ],
)
def test_bad_plans_are_refused_before_anything_is_stored(
    lpad: LaunchPad, tmp_path: Path, name: str, members: list[Member], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        submit_members(lpad, name, members, tmp_path)
    assert CampaignStore(lpad.db).names() == []
