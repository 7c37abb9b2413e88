"""Pause, resume, cancel and rerun from the dashboard: by whom, only when meant, once, and all of it logged."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import launch_rocket
from flask.testing import FlaskClient
from pymongo.errors import OperationFailure

from al_workflows.campaign.states import Limits, MemberState
from al_workflows.results import run_id
from fw_specs.campaign_store import CampaignStore
from fw_specs.campaign_submit import submit_members
from fw_specs.campaign_turns import look_after
from fw_specs.keys import ACTIONS
from fw_specs.submit import submit
from launchpad.dashboard.database import Database
from launchpad.local_mongo import LocalMongo
from launchpad.mongo_users import Role, add_user, remove_user
from launchpad.private_files import write_private
from launchpad.settings import connect, resolve
from launchpad.slurm_queue import SlurmQueue
from launchpad.status import RunState, read_status
from tests.builders import run_spec, slab
from tests.campaign.members import small_campaign
from tests.dashboard.browser import Watched
from tests.dashboard.conftest import asked, served
from tests.dashboard.logins import READER, WRITER, log_in, token, type_in, users_file
from tests.dashboard.world import work

_ONCE = re.compile(r'name="once" value="([0-9a-f]{32})"')


@pytest.fixture(autouse=True)
def no_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    """SLURM's commands may be here without a cluster."""
    monkeypatch.setattr(SlurmQueue, "there", staticmethod(lambda: False))


@pytest.fixture
def users(tmp_path: Path) -> Path:
    return users_file(tmp_path)


@pytest.fixture
def run(lpad: LaunchPad, tmp_path: Path) -> str:
    """A run that waits for workers."""
    spec, start = run_spec(), slab(2.4, seed=0)
    assert submit(lpad, spec, start, tmp_path / "work")
    return run_id(spec, start)


@pytest.fixture
def acting(lpad_file: Path, users: Path) -> Iterator[FlaskClient]:
    """A dashboard with actions, and somebody logged in who may write."""
    with asked(lpad_file, users=users, actions=True) as client:
        log_in(client)
        yield client


def press(client: FlaskClient, path: str, **changes: str) -> str:
    """Load the page that asks and press its button; where that leads."""
    found = _ONCE.search(client.get(path).text)
    assert found is not None
    form = {"csrf_token": token(client, path), "once": found.group(1), **changes}
    answer = client.post(path, data=form)
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def test_a_run_is_paused_resumed_cancelled_and_rerun(acting: FlaskClient, lpad: LaunchPad, run: str) -> None:
    for verb, state in (
        ("pause", RunState.PAUSED),
        ("resume", RunState.WAITING),
        ("cancel", RunState.CANCELLED),
        ("rerun", RunState.WAITING),
    ):
        page = acting.get(f"/action/run/{verb}/{run}")
        assert page.status_code == 200
        assert f"{verb.capitalize()} run {run}?" in page.text
        assert read_status(lpad, run).state is not state  # to ask does nothing
        outcome = acting.get(press(acting, f"/action/run/{verb}/{run}"))
        assert read_status(lpad, run).state is state
        assert run in outcome.text
        assert "done" in outcome.text
    log = list(lpad.db[ACTIONS].find().sort("at"))
    assert [(one["who"], one["verb"], one["outcome"]) for one in log] == [
        (WRITER, verb, "done") for verb in ("pause", "resume", "cancel", "rerun")
    ]
    assert all(one["at"] <= one["ended"] for one in log)
    assert f"{run} is paused: " in log[0]["lines"][0]
    text = acting.get("/actions").text
    assert text.count("<tr>") == 5
    assert WRITER in text


def test_what_an_action_will_do_is_said_before(acting: FlaskClient, lpad: LaunchPad, run: str) -> None:
    text = acting.get(f"/action/run/cancel/{run}").text
    assert "its SLURM jobs are cancelled" in text
    assert "0 labels are kept." in text
    assert WRITER in text
    lpad.checkout_fw(FWorker(name="w1"), "/tmp")  # somebody runs a step
    text = acting.get(f"/action/run/cancel/{run}").text
    assert "runs now with worker w1" in text
    text = acting.get(f"/action/run/resume/{run}").text
    assert "There is nothing to resume" in text
    assert '<button type="submit" id="do"' not in text


def test_what_is_refused_is_logged_with_its_reason(acting: FlaskClient, lpad: LaunchPad, run: str) -> None:
    path = f"/action/run/pause/{run}"
    first, second = (_ONCE.search(acting.get(path).text) for _ in range(2))
    assert first is not None
    assert second is not None
    secret = token(acting, path)
    for once in (first, second):
        assert acting.post(path, data={"csrf_token": secret, "once": once.group(1)}).status_code == 303
    outcomes = [one["outcome"] for one in lpad.db[ACTIONS].find().sort("at")]
    assert outcomes == ["done", "refused"]
    assert "paused already" in acting.get("/actions").text


def test_a_button_that_is_pressed_twice_acts_once(acting: FlaskClient, lpad: LaunchPad, run: str) -> None:
    path = f"/action/run/pause/{run}"
    found = _ONCE.search(acting.get(path).text)
    assert found is not None
    form = {"csrf_token": token(acting, path), "once": found.group(1)}
    name = acting.application.config["SESSION_COOKIE_NAME"]
    cookie = acting.get_cookie(name)
    assert cookie is not None
    answers = []

    def send() -> None:
        client = acting.application.test_client()
        client.set_cookie(name, cookie.value)
        answers.append(client.post(path, data=form).status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [303] * 4
    (only,) = lpad.db[ACTIONS].find()
    assert only["outcome"] == "done"
    assert read_status(lpad, run).state is RunState.PAUSED


@pytest.mark.parametrize("who", [READER, None])
def test_whoever_may_not_write_does_nothing(
    who: str | None, lpad_file: Path, users: Path, lpad: LaunchPad, run: str
) -> None:
    path = f"/action/run/cancel/{run}"
    with asked(lpad_file, users=users, actions=True) as client:
        secret = token(client)
        if who is not None:
            log_in(client, who)
            secret = token(client, "/runs")
        asks, does = client.get(path), client.post(path, data={"csrf_token": secret, "once": "0" * 32})
        assert (asks.status_code, does.status_code) == ((403, 403) if who else (303, 303))
        if who:
            assert "may only look" in asks.text
            assert "Actions" in client.get("/runs").text  # the log is for all who may look
    assert lpad.db[ACTIONS].count_documents({}) == 0
    assert read_status(lpad, run).state is RunState.WAITING


def test_without_actions_there_are_none(lpad_file: Path, users: Path, lpad: LaunchPad, run: str) -> None:
    path = f"/action/run/cancel/{run}"
    with asked(lpad_file, users=users) as client:
        log_in(client)
        assert client.get(path).status_code == 403
        form = {"csrf_token": token(client, "/runs"), "once": "0" * 32}
        assert client.post(path, data=form).status_code == 403
        assert client.get("/actions").status_code == 404
    assert read_status(lpad, run).state is RunState.WAITING


@pytest.mark.parametrize("broken", ["no token", "another's token", "a get", "no once", "a bad once"])
def test_what_no_form_of_ours_sent_does_nothing(
    broken: str, acting: FlaskClient, lpad_file: Path, users: Path, lpad: LaunchPad, run: str
) -> None:
    path = f"/action/run/cancel/{run}"
    found = _ONCE.search(acting.get(path).text)
    assert found is not None
    form = {"csrf_token": token(acting, path), "once": found.group(1)}
    if broken == "a get":
        assert acting.get(path, query_string=form).status_code == 200
    else:
        if broken == "no token":
            del form["csrf_token"]
        elif broken == "another's token":
            with asked(lpad_file, users=users) as other:
                form["csrf_token"] = token(other)
        elif broken == "no once":
            del form["once"]
        else:
            form["once"] = '{"$gt": ""}'
        answer = acting.post(path, data=form)
        assert answer.status_code == 400
        assert "csrf" in answer.text.lower() or "not complete" in answer.text
    assert lpad.db[ACTIONS].count_documents({}) == 0
    assert read_status(lpad, run).state is RunState.WAITING


PATHS = ["/action/run/delete/{run}", "/action/worker/pause/{run}", "/action/run/pause/nothing", "/action/run/pause/"]
PATHS += ["/action/campaign/rerun/x", "/action/campaign/pause/nothing", "/action/run/pause/..%2f..%2fetc"]


@pytest.mark.parametrize("path", PATHS)
def test_what_is_not_there_is_not_acted_on(path: str, acting: FlaskClient, lpad: LaunchPad, run: str) -> None:
    path = path.format(run=run)
    assert acting.get(path).status_code == 404
    form = {"csrf_token": token(acting, "/runs"), "once": "0" * 32}
    assert acting.post(path, data=form).status_code == 404
    assert lpad.db[ACTIONS].count_documents({}) == 0


def test_a_run_is_meant_by_its_whole_id(acting: FlaskClient, run: str) -> None:
    assert acting.get(f"/action/run/pause/{run[:-2]}").status_code == 404


def test_members_of_a_campaign(acting: FlaskClient, lpad: LaunchPad, tmp_path: Path) -> None:
    submit_members(lpad, "small", small_campaign(), tmp_path / "small", Limits(dft_calls=100))
    look_after(lpad, "small")
    store = CampaignStore(lpad.db)
    some = "adsorbate=O"
    text = acting.get("/action/campaign/pause/small", query_string={"where": some}).text
    assert "members fit adsorbate = O" in text
    press(acting, f"/action/campaign/pause/small?where={some}", where=some)
    states = {bool(one["tags"].get("adsorbate") == "O"): set() for one in store.find("small", {})}
    for one in store.find("small", {}):
        states[one["tags"].get("adsorbate") == "O"].add(one["state"])
    assert states[True] == {MemberState.PAUSED}
    assert MemberState.PAUSED not in states[False]
    press(acting, "/action/campaign/resume/small")
    assert not list(store.find("small", {"state": "PAUSED"}))
    press(acting, "/action/campaign/cancel/small")
    assert {one["state"] for one in store.find("small", {})} == {MemberState.CANCELLED}
    (where,) = {str(one["where"]) for one in lpad.db[ACTIONS].find({"verb": "pause"})}
    assert where == "{'adsorbate': 'O'}"


@pytest.mark.parametrize("where", ["adsorbate", "$where=1", "tags.x=1", "a=1&where=a=2", "=x"])
def test_a_selection_that_is_none(where: str, acting: FlaskClient, lpad: LaunchPad, tmp_path: Path) -> None:
    submit_members(lpad, "small", small_campaign(), tmp_path / "small", Limits())
    assert acting.get(f"/action/campaign/pause/small?where={where}").status_code == 400


def test_what_fizzled_is_run_again(acting: FlaskClient, lpad: LaunchPad, run: str, tmp_path: Path) -> None:
    (tmp_path / "work" / ".alflow-run").rename(tmp_path / "mark")
    work(lpad, tmp_path)
    assert read_status(lpad, run).state is RunState.FIZZLED
    (tmp_path / "mark").rename(tmp_path / "work" / ".alflow-run")
    press(acting, f"/action/run/rerun/{run}")
    assert read_status(lpad, run).state is RunState.WAITING
    launch_rocket(lpad, FWorker())
    assert lpad.fireworks.count_documents({"state": "FIZZLED"}) == 0


def test_the_reading_connection_stays_one_that_only_reads(mongo: LocalMongo, tmp_path: Path) -> None:
    database = Database(resolve(mongo.launchpad_file()))
    try:
        assert not database.may_write()
        collection = database.launchpad().db["scratch_of_actions"]
        for write in (
            lambda: collection.insert_one({}),
            lambda: collection.update_one({}, {"$set": {"a": 1}}, upsert=True),
            lambda: collection.delete_many({}),
            lambda: collection.drop(),
            lambda: list(collection.aggregate([{"$match": {}}, {"$out": "elsewhere"}])),
        ):
            with pytest.raises(OperationFailure, match="not authorized"):
                write()
    finally:
        database.close()


def test_a_user_called_dashboard_is_somebody_elses(mongo: LocalMongo, tmp_path: Path) -> None:
    add_user(mongo, "dashboard", Role.READER, tmp_path / "dashboard.yaml")  # as SECURITY.md has it
    database = Database(resolve(mongo.launchpad_file()))
    try:
        database.launchpad().db.command("ping")
        connect(resolve(tmp_path / "dashboard.yaml"), read_only=True).connection.close()
    finally:
        database.close()
        remove_user(mongo, "dashboard")


def test_actions_are_refused_at_the_start_where_the_database_may_not_be_written(
    mongo: LocalMongo, users: Path, tmp_path: Path
) -> None:
    from tests.launchpad.test_bad_input import refusal

    add_user(mongo, "looker", Role.READER, tmp_path / "looker.yaml")
    document = yaml.safe_load((tmp_path / "looker.yaml").read_text())
    write_private(tmp_path / "plain.yaml", yaml.safe_dump(document))
    connect(resolve(mongo.launchpad_file())).connection.close()
    try:
        words = ["dashboard", "--actions", "--users", str(users), "--port", "0", "--launchpad", "plain.yaml"]
        assert "readWrite" in refusal(*words, cwd=tmp_path)
    finally:
        remove_user(mongo, "looker")


@pytest.mark.browser
def test_a_browser_pauses_a_run(
    lpad_file: Path, users: Path, lpad: LaunchPad, run: str, browse: Callable[..., Watched]
) -> None:
    with served(lpad_file, users=users, actions=True) as address:
        window = browse(address)
        page = window.open(f"/action/run/pause/{run}")
        type_in(page)
        page.get_by_role("heading", name=f"Pause run {run}?").wait_for()
        assert window.serious() == []
        page.get_by_role("button", name=f"Pause {run}").click()
        page.get_by_text(f"{run} is paused").wait_for()
        assert window.serious() == []
        assert read_status(lpad, run).state is RunState.PAUSED
        page.go_back()
        page.get_by_role("button", name=f"Pause {run}").or_(page.get_by_text("nothing to pause")).first.wait_for()
        window.open("/actions")
        assert window.serious() == []
        assert page.get_by_role("row").count() == 2
