"""Pages that keep themselves true, with the causes of what they cannot show."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from fireworks import LaunchPad
from flask.testing import FlaskClient
from pymongo.errors import OperationFailure

from al_workflows.results import run_id
from fw_specs.submit import submit
from launchpad.dashboard.database import Database
from launchpad.local_mongo import LocalMongo
from launchpad.settings import Source, connect
from tests.builders import run_spec, slab
from tests.conftest import discard
from tests.dashboard.browser import Watched
from tests.dashboard.conftest import served
from tests.dashboard.world import World
from tests.launchpad.test_bad_input import ALFLOW

pytestmark = pytest.mark.browser
#: pages, and what they say where there is nothing
SECTIONS = {
    "/campaigns": "alflow example campaign",
    "/runs": "alflow example relax",
    "/workers": "alflow supervise",
    "/failures": "Nothing has failed",
}


@pytest.mark.parametrize("path", SECTIONS)
def test_an_empty_database_says_what_to_do(path: str, empty_address: str, browse: Callable[..., Watched]) -> None:
    window = browse(empty_address)
    page = window.open(path)
    assert SECTIONS[path] in page.inner_text("main")
    assert window.serious() == []


def test_a_run_that_is_submitted_while_the_page_is_open_appears_by_itself(
    empty_address: str, browse: Callable[..., Watched], lpad: LaunchPad, tmp_path: Path
) -> None:
    page = browse(empty_address).open("/runs")
    assert "No run has been submitted" in page.inner_text("main")
    spec, start = run_spec(), slab()
    assert submit(lpad, spec, start, tmp_path / "work")
    page.get_by_role("link", name=run_id(spec, start)).wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", SECTIONS)
def test_pages_are_accessible_and_fit_a_phone(
    path: str, scheme: str, world_address: str, browse: Callable[..., Watched]
) -> None:
    window = browse(world_address, color_scheme=scheme)
    window.open(path)
    assert window.serious() == []
    small = browse(world_address, color_scheme=scheme, viewport={"width": 390, "height": 800})
    small.open(path)
    assert not small.wide()
    assert small.serious() == []


def test_a_database_that_goes_away_is_said_and_the_page_recovers(
    tmp_path: Path, browse: Callable[..., Watched]
) -> None:
    local = LocalMongo(tmp_path / "mongo")
    local.start()
    source = Source("the test", "a local database", local=local)
    launchpad = connect(source)
    assert submit(launchpad, run_spec(), slab(), tmp_path / "work")
    launchpad.connection.close()
    try:
        with served(source) as address:
            window, other = browse(address), browse(address)
            page = window.open("/runs")
            local.stop()
            page.locator("#trouble:not([hidden])").wait_for()
            assert "The database does not answer" in page.inner_text("#trouble")
            assert page.locator("tbody tr").count() == 1  # what was shown stays
            other.open("/campaigns", status=503)
            assert "The database does not answer" in other.page.inner_text("h1")
            local.start()
            page.locator("#trouble[hidden]").wait_for(state="attached")
            other.page.get_by_role("heading", name="Campaigns").wait_for()
            for one in (window, other):
                one.complaints = [said for said in one.complaints if "503" not in said]
    finally:
        discard(local)


def test_the_command_starts_the_local_database_as_others_do(tmp_path: Path) -> None:
    local = LocalMongo(tmp_path / "mongo")
    environment = os.environ | {"AL_WORKFLOWS_DATA": str(tmp_path)}
    words = [ALFLOW, "dashboard", "--port", "0"]
    try:
        with subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        assert re.fullmatch(r"dashboard of the local database in .*:  http://127\.0\.0\.1:\d+\n", said)
        assert local.status().state == "running"
    finally:
        discard(local)


def test_the_local_database_is_read_by_a_user_who_may_only_read(mongo: LocalMongo) -> None:
    database = Database(Source("the test", "a local database", local=mongo))
    assert not database.may_write()
    with pytest.raises(OperationFailure, match="not authorized"):
        database.launchpad().db["al_runs"].insert_one({"_id": "mine"})
    database.close()


def test_what_no_address_shows_is_a_page_that_says_so(client: FlaskClient) -> None:
    for path in ("/nothing", "/runs?page=x", "/runs?sort=$where"):
        answer = client.get(path)
        assert answer.status_code in (400, 404)
        assert "<h1>" in answer.text


def test_an_operator_of_mongodb_in_a_query_changes_nothing(client: FlaskClient, world: World) -> None:
    for query in ("q[$ne]=x", 'q={"$ne": 1}', "q=.*", "q[$where]=sleep(1000)"):
        answer = client.get(f"/runs?{query}")
        assert answer.status_code == 200
    assert "id contains" in client.get('/runs?q={"$ne": 1}').text
    assert world.relaxation not in client.get('/runs?q={"$ne": 1}').text
