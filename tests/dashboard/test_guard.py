"""What a browser, a page elsewhere or a hostile record can make the dashboard do: nothing but show."""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fireworks import FWorker, LaunchPad
from flask.testing import FlaskClient

from al_workflows.records import LabelStatus, Verdict, VerdictKind
from al_workflows.results import run_id
from fw_specs.keys import ACTIONS, CAMPAIGNS, LABELS, LOSSES, MEMBERS, RUN, RUNS
from fw_specs.store import Store
from fw_specs.submit import submit
from tests.builders import cycle, label, run_spec, slab
from tests.dashboard.browser import Watched
from tests.dashboard.conftest import asked, served
from tests.dashboard.logins import PASSWORDS, WRITER, log_in, token, users_file
from tests.dashboard.world import many
from tests.launchpad.test_bad_input import ALFLOW
from tests.launchpad.test_rlaunch import ENVIRONMENT

SCRIPT = "<script>document.title = 'broken into'</script>"
ATTRIBUTE = "\"'><img src=x onerror=\"document.title = 'broken into'\">"
#: pages that are crawled at most
MOST = 250


@pytest.fixture
def here(lpad_file: Path) -> Iterator[FlaskClient]:
    with asked(lpad_file) as client:
        yield client


# --- host names, headers, methods ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["evil.example", "evil.example:8050", "127.0.0.1.evil.example", "[::2]", "127.0.0.2"])
def test_a_page_elsewhere_does_not_reach_it_by_a_name_of_its_own(name: str, here: FlaskClient) -> None:
    for path in ("/", "/runs", "/changes?topic=runs", "/static/live.js", "/login", "/no/such/page"):
        answer = here.get(path, headers={"Host": name})
        assert answer.status_code == 421, path
        assert answer.is_json


@pytest.mark.parametrize("name", ["localhost", "localhost:8050", "127.0.0.1:9999", "[::1]:8050", "al.example.org"])
def test_its_own_names_and_those_it_was_given(name: str, lpad_file: Path) -> None:
    with asked(lpad_file, names=("al.example.org",)) as client:
        assert client.get("/runs", headers={"Host": name}).status_code == 200


ANSWERS = {
    "/runs": 200,
    "/": 302,
    "/static/live.js": 200,
    "/no/such": 404,
    "/changes?topic=runs": 200,
    "/runs?page=x": 400,
}


@pytest.mark.parametrize("path", ANSWERS)
def test_headers_that_keep_browsers_safe(path: str, here: FlaskClient) -> None:
    answer = here.get(path)
    answer.close()
    assert answer.status_code == ANSWERS[path]
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'self'(;|$)", policy)
    assert {"frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} <= set(policy.split("; "))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in answer.headers
    if not path.startswith("/static"):
        assert answer.headers["Cache-Control"] == "no-store"


def test_pages_only_show(here: FlaskClient) -> None:
    here.application.config["WTF_CSRF_ENABLED"] = False  # not that alone stands in the way
    for rule in here.application.url_map.iter_rules():
        posts = {"POST", "PUT", "PATCH", "DELETE"} & (rule.methods or set())
        assert not posts or rule.endpoint in ("login.log_in", "login.log_out", "actions.act"), rule


def test_every_form_needs_its_token(lpad_file: Path, tmp_path: Path) -> None:
    with asked(lpad_file, users=users_file(tmp_path), actions=True) as client:
        form = {"name": WRITER, "password": PASSWORDS[WRITER]}
        assert client.post("/login", data=form).status_code == 400
        assert client.post("/login", data=form | {"csrf_token": "made up"}).status_code == 400
        assert client.post("/login", json=form).status_code == 400
        log_in(client)
        for path in ("/logout", "/action/run/cancel/x", "/action/campaign/cancel/x"):
            assert client.post(path).status_code == 400, path
        assert client.get("/runs").status_code == 200


def test_a_large_body_is_not_read(lpad_file: Path, tmp_path: Path) -> None:
    with asked(lpad_file, users=users_file(tmp_path)) as client:
        form = {"csrf_token": token(client), "name": "x" * (1 << 19), "password": "y"}
        assert client.post("/login", data=form).status_code == 413


# --- what is asked for --------------------------------------------------------------------------------------------

OPERATORS = ["q[$ne]=x", "q[$gt]=", "campaign[$ne]=x", "sort[$gt]=", "topic[$ne]=x", "where[$where]=sleep(1)"]


@pytest.mark.parametrize("query", OPERATORS)
@pytest.mark.parametrize("path", ["/runs", "/campaigns", "/workers", "/failures"])
def test_operators_of_the_database_are_no_query(path: str, query: str, here: FlaskClient, lpad: LaunchPad) -> None:
    plain, asked_for = here.get(path), here.get(f"{path}?{query}")
    assert asked_for.status_code == 200

    def shown(text: str) -> str:
        text = re.sub(r"<time.*?</time>|href=\"[^\"]*\"|csrf_token.*?>", "", text)
        return re.sub(r'data-version="[^"]*"', "", text)

    assert shown(plain.text) == shown(asked_for.text)


@pytest.mark.parametrize("value", ['{"$gt": ""}', "'; return true; //", ".*", "$where", "^", "(a+)+$", "\\"])
def test_what_is_searched_for_is_text(value: str, here: FlaskClient, lpad: LaunchPad, tmp_path: Path) -> None:
    assert submit(lpad, run_spec(), slab(), tmp_path / "work")
    run = run_id(run_spec(), slab())
    assert run not in here.get("/runs", query_string={"q": value}).text
    assert run in here.get("/runs", query_string={"q": run[:5]}).text
    assert here.get("/failures", query_string={"campaign": value}).status_code == 404
    assert here.get(f"/changes?topic=run:{value}").status_code == 200


def test_a_login_by_operators_is_none(lpad_file: Path, tmp_path: Path) -> None:
    with asked(lpad_file, users=users_file(tmp_path)) as client:
        secret = token(client)
        for form in ({"name[$ne]": "", "password[$ne]": ""}, {"name": '{"$ne": ""}', "password": '{"$ne": ""}'}):
            assert client.post("/login", data=form | {"csrf_token": secret}).status_code == 401


STRANGE = ["/runs?q=%00", "/changes?topic=run:%00", "/failures?campaign=%00", "/failures?kind=x", "/runs?page=-1"]
STRANGE += ["/run/%00", "/static/%00", "/failures?campaign=a%00b", "/runs?sort=$where", "/runs?page=99999999999999"]


@pytest.mark.parametrize("path", STRANGE)
def test_what_cannot_be_meant_is_refused(path: str, here: FlaskClient) -> None:
    assert here.get(path).status_code in (400, 404)


PATHS = [
    "/static/../app.py",
    "/static/..%2fapp.py",
    "/static/%2e%2e/app.py",
    "/static/..%5capp.py",
    "/static//etc/passwd",
]
PATHS += ["/static/%2fetc%2fpasswd", "/library/../app.py", "/../../etc/passwd", "//etc/passwd", "/run/..%2f..%2fetc"]
PATHS += ["/static/....//app.py", "/run/../../etc/passwd", "/static/library/../../../../../etc/passwd"]


@pytest.fixture
def empty_server(lpad_file: Path) -> Iterator[str]:
    with served(lpad_file) as address:
        yield address


def test_no_address_leads_out_of_its_files(empty_server: str) -> None:
    host = empty_server.removeprefix("http://")
    for path in PATHS:  # as written: a client would tidy them up
        connection = http.client.HTTPConnection(host, timeout=20)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status in (301, 302, 308, 400, 404, 405), path
        assert b"create_app" not in body, path
        assert b"root:" not in body, path


# --- what records hold --------------------------------------------------------------------------------------------


class Suspicious(HTMLParser):
    """Scripts that are not files of ours, handlers, and addresses that are scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        if tag == "script" and not values.get("src", "").startswith("/static/"):
            self.found.append(f"<script {values}>")
        self.found += [f"{tag} {name}" for name in values if name.startswith("on")]
        for name in ("href", "src", "action"):
            address = values.get(name, "")
            if address and not address.startswith(("/", "#", "?", "data:image/")):
                self.found.append(f"{name}={address}")
        if tag == "a" and values.get("href", "").startswith("/"):
            self.links.add(values["href"].partition("#")[0])


def poison(launchpad: LaunchPad, directory: Path, text: str) -> str:
    """Have every word that a database can hold be ``text``; the id of a run."""
    spec, start = run_spec(), slab(2.4, seed=0)
    assert submit(launchpad, spec, start, directory / "work")
    run, database = run_id(spec, start), launchpad.db
    taken, _ = launchpad.checkout_fw(FWorker(name=text), "/tmp")
    lost = launchpad.fireworks.find_one({"fw_id": taken.fw_id}, {"launches": 1}) or {}
    launchpad.launches.update_many({}, {"$set": {"host": text}})
    launchpad.fireworks.update_many({}, {"$set": {"name": text, "spec._category": text}})
    verdict = Verdict(VerdictKind.FAILED, criterion=text, reason=text)
    Store(database).put_cycle(run, replace(cycle(0), verdict=verdict))
    for number, status in enumerate([LabelStatus.CRASHED, LabelStatus.SCF_NOT_CONVERGED]):
        failed = label(start, 0, number, status, cause=text, directory=text, code=text)
        key = f"{run}/0000/{number:02d}"
        document = {**failed.to_dict(), "run": run, "cycle": 0, "index": number}
        document["request"] = document["request"] | {"key": key, "reason": text, "strategy": text}
        database[LABELS].replace_one({"_id": key}, document, upsert=True)
    database[LOSSES].insert_one({"_id": lost["launches"][-1], "fw_id": taken.fw_id, "reason": text})
    many(launchpad, 20, text)
    tags = {"bulk": text, "miller": text, "adsorbate": text, "site": text, "other": text}
    database[MEMBERS].update_many({}, {"$set": {"tags": tags, "reason": text, "kind": text, "group": text}})
    database[MEMBERS].update_one({}, {"$set": {"run": run, "key": text}})
    database[CAMPAIGNS].update_many({}, {"$set": {"trouble": text, "skipped": [{"key": text, "why": text}]}})
    database[CAMPAIGNS].update_many({}, {"$set": {"directory": text, "waiting": [{"why": text, "members": 3}]}})
    database[RUNS].update_one({"_id": run}, {"$set": {"mark.al_campaign": text, "directory": text}})
    action = {"who": text, "verb": "pause", "kind": "run", "name": text, "where": {text: text}, "outcome": "done"}
    database[ACTIONS].insert_one({"_id": "0" * 32, "at": Store(database).run(run).created, "lines": [text], **action})
    launchpad.fireworks.update_one({f"spec.{RUN}": run, "state": "READY"}, {"$set": {"state": "FIZZLED"}})
    return run


@pytest.mark.parametrize("text", [SCRIPT, ATTRIBUTE], ids=["script", "attribute"])
def test_records_are_shown_as_text_on_every_page(text: str, lpad_file: Path, lpad: LaunchPad, tmp_path: Path) -> None:
    run = poison(lpad, tmp_path, text)
    seen: set[str] = set()
    with asked(lpad_file, users=users_file(tmp_path), actions=True) as client:
        log_in(client)
        waiting = [
            "/campaigns",
            "/runs",
            "/workers",
            "/failures",
            "/actions",
            f"/run/{run}",
            f"/action/run/cancel/{run}",
        ]
        shown = 0
        while waiting and len(seen) < MOST:
            address = waiting.pop(0)
            if address in seen or address.endswith((".png", ".svg", ".pdf")):
                continue
            seen.add(address)
            answer = client.get(address)
            assert answer.status_code < 500, address
            if answer.mimetype != "text/html":
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.mimetype in ("application/json", "text/csv", "text/plain", "chemical/x-xyz") or (
                    "attachment" in answer.headers.get("Content-Disposition", "")
                ), f"{address}: {answer.mimetype}"
                continue
            parsed = Suspicious(answer.text)
            assert parsed.found == [], address
            shown += "broken into" in answer.text
            waiting += sorted(parsed.links - seen)
    assert {"/workers", "/failures", "/actions"} <= seen
    assert all(any(part in one for one in seen) for part in ("/campaign/", "/label/", "/run/", "/actions/0"))
    assert shown >= 4


@pytest.mark.parametrize("place", [SCRIPT, ATTRIBUTE])
def test_addresses_are_shown_as_text(place: str, here: FlaskClient) -> None:
    for rule in here.application.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or not rule.arguments or rule.endpoint == "static":
            continue
        numbers = {name: 1 for name, kind in rule._converters.items() if type(kind).__name__ == "IntegerConverter"}
        with here.application.test_request_context():
            address = here.application.url_for(rule.endpoint, **dict.fromkeys(rule.arguments, place) | numbers)
        answer = here.get(address)
        assert answer.status_code in (400, 403, 404), address
        assert answer.mimetype == "application/json" or Suspicious(answer.text).found == [], address
    for query in ("q", "campaign", "kind", "sort", "page", "where", "topic"):
        for path in ("/runs", "/failures", "/campaigns", "/workers", "/changes", "/login"):
            answer = here.get(path, query_string={query: place})
            assert answer.status_code < 500
            assert answer.mimetype == "application/json" or Suspicious(answer.text).found == []


@pytest.mark.parametrize("path", ["/run/<img src=x onerror=alert(1)>.json", "/no/<b>such</b>.json"])
def test_an_error_about_data_is_data(path: str, here: FlaskClient) -> None:
    for headers in ({}, {"Accept": "application/json"}):
        answer = here.get(path, headers=headers)
        assert answer.status_code == 404
        assert answer.mimetype == "application/json"


@pytest.mark.browser
def test_a_browser_runs_nothing_that_records_hold(
    lpad_file: Path, lpad: LaunchPad, tmp_path: Path, browse: Callable[..., Watched]
) -> None:
    run = poison(lpad, tmp_path, SCRIPT + ATTRIBUTE)
    with served(lpad_file) as address:
        window = browse(address)
        for path in ("/campaigns", "/runs", "/workers", "/failures", f"/run/{run}"):
            answer = window.page.goto(address + path)
            assert answer is not None
            window.page.wait_for_timeout(300)
            assert "broken into" not in window.page.title(), path
    window.complaints = [one for one in window.complaints if "Failed to load resource" not in one]


# --- the server as users start it ---------------------------------------------------------------------------------


@pytest.fixture
def command(lpad_file: Path, tmp_path: Path) -> Iterator[Callable[..., tuple[int, subprocess.Popen[str]]]]:
    """Start `alflow dashboard` on a free port."""
    processes: list[subprocess.Popen[str]] = []

    def start(*words: str) -> tuple[int, subprocess.Popen[str]]:
        words = (ALFLOW, "dashboard", "--port", "0", "--launchpad", str(lpad_file), *words)
        process = subprocess.Popen(
            words, cwd=tmp_path, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://[\d.]+:(\d+)", line)
        assert found is not None, line + (process.stderr.read() if process.stderr else "")
        return int(found.group(1)), process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def ask(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read().decode()
    connection.close()
    return found


def test_the_command_serves_behind_a_proxy_and_ends_when_told(
    command: Callable[..., tuple[int, subprocess.Popen[str]]], tmp_path: Path
) -> None:
    users = users_file(tmp_path)
    port, process = command("--users", str(users), "--tls", "--name", "al.example.org", "--actions")
    status, _, text = ask(port, "/login", Host="al.example.org")
    assert status == 400
    assert "TLS" in text
    proxied = {"Host": "al.example.org", "X_Forwarded_Proto": "https", "X_Forwarded_For": "203.0.113.5"}
    status, headers, _ = ask(port, "/login", **proxied)
    assert status == 200
    assert "Secure" in headers["Set-Cookie"]
    status, headers, _ = ask(port, "/runs", **proxied)
    assert (status, headers["Location"]) == (303, "/login?next=/runs")
    assert ask(port, "/login", Host="evil.example", X_Forwarded_Proto="https")[0] == 421
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_without_tls_forwarded_headers_say_nothing(
    command: Callable[..., tuple[int, subprocess.Popen[str]]], tmp_path: Path
) -> None:
    port, _ = command("--users", str(users_file(tmp_path)))
    status, headers, _ = ask(port, "/login", X_Forwarded_Proto="https", X_Forwarded_Host="evil.example")
    assert status == 200
    assert "Secure" not in headers["Set-Cookie"]


def test_whoever_listens_to_others_in_the_open_is_warned(
    command: Callable[..., tuple[int, subprocess.Popen[str]]], tmp_path: Path
) -> None:
    _, process = command("--users", str(users_file(tmp_path)), "--host", "0.0.0.0")
    assert process.stderr is not None
    assert "unencrypted" in process.stderr.readline()
