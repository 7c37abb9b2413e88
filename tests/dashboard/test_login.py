"""Who gets in: passwords, sessions, limits, and the file that decides."""

from __future__ import annotations

import contextlib
import os
import pty
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from flask.testing import FlaskClient

from al_workflows.errors import InputError
from launchpad.dashboard import login
from launchpad.dashboard.config import DashboardConfig
from launchpad.dashboard.users import Users, add_user, change_password, read_users, remove_user, secret_key
from launchpad.settings import Source
from tests.dashboard.browser import Watched
from tests.dashboard.conftest import asked, served
from tests.dashboard.logins import PASSWORDS, READER, WRITER, attempt, log_in, token, type_in, users_file
from tests.dashboard.world import World
from tests.launchpad.test_bad_input import ALFLOW, refusal

NOWHERE = Source("the test", "nowhere", document={"host": "localhost", "port": 1, "name": "nothing"})


@pytest.fixture
def users(tmp_path: Path) -> Path:
    return users_file(tmp_path)


@pytest.fixture
def guarded(world: World, users: Path) -> Iterator[FlaskClient]:
    """The dashboard of the filled database, which asks for a login."""
    with asked(world.file, users=users) as client:
        yield client


def own_cookie(client: FlaskClient) -> str:
    """The session's cookie, as the last answer set it."""
    name = client.application.config["SESSION_COOKIE_NAME"]
    found = client.get_cookie(name)
    assert found is not None
    return found.value


# --- the file -----------------------------------------------------------------------------------------------------


def test_the_file_is_private_and_holds_no_password(users: Path) -> None:
    assert stat.S_IMODE(users.stat().st_mode) == 0o600
    assert not any(password in users.read_text() for password in PASSWORDS.values())
    found = read_users(users)
    assert found[WRITER].may_write
    assert not found[READER].may_write
    assert all(user.password.startswith("scrypt:") for user in found.values())
    assert "scrypt:" not in repr(found)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666])
def test_a_file_that_others_can_read_or_write_is_refused(mode: int, users: Path, world: World) -> None:
    users.chmod(mode)
    with pytest.raises(InputError, match="chmod 600"), asked(world.file, users=users):
        pass
    with pytest.raises(InputError, match="chmod 600"):
        add_user(users, "carla", "a long password", may_write=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no `users`"),
        ("users: 3", "has no `users`"),
        ("users: {anna: plain text}", "`anna`"),
        ("users: {anna: {password: plain text, may_write: true}}", "`anna`"),
        ("users: {anna: {password: 'scrypt:1$a$b', may_write: 1}}", "`may_write"),
        ("users: {anna: {password: 'scrypt:1$a$b', may_wite: true}}", "`may_write"),
        ("users: !!python/object/apply:os.system ['true']", "has no `users`"),
    ],
)
def test_a_file_that_is_none_is_refused(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "users.yaml"
    file.touch(mode=0o600)
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        read_users(file)


@pytest.mark.parametrize("name", ["", "a b", "../a", "a:b", "a\nb", "x" * 65, "<b>", "-a", "a|b"])
def test_names_that_are_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be 1 to 64 letters"):
        add_user(tmp_path / "users.yaml", name, "a long password", may_write=False)
    assert not (tmp_path / "users.yaml").exists()


def test_the_key_of_sessions_is_private_and_stays(users: Path) -> None:
    before = os.umask(0)
    try:
        key = secret_key(users)
    finally:
        os.umask(before)
    file = users.with_name("users.yaml.key")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret_key(users) == key
    assert len(key) >= 64
    file.chmod(0o644)
    with pytest.raises(InputError, match="key of sessions"):
        secret_key(users)


def test_whoever_is_reached_by_others_needs_users(users: Path) -> None:
    with pytest.raises(InputError, match=r"--host.*alflow dashboard user add"):
        DashboardConfig(NOWHERE, host="0.0.0.0")
    with pytest.raises(InputError, match="--tls"):
        DashboardConfig(NOWHERE, tls=True)
    with pytest.raises(InputError, match="--actions"):
        DashboardConfig(NOWHERE, actions=True)
    DashboardConfig(NOWHERE, host="0.0.0.0", users=users)


# --- the command --------------------------------------------------------------------------------------------------


def user(*words: str, typed: str = "", cwd: Path) -> subprocess.CompletedProcess[str]:
    words = (ALFLOW, "dashboard", "user", *words, "--users", "users.yaml")
    return subprocess.run(words, input=typed, cwd=cwd, capture_output=True, text=True, check=False)


def test_users_are_added_listed_changed_and_removed(tmp_path: Path) -> None:
    assert user("add", "anna", "--may-write", typed="correct horse battery\n", cwd=tmp_path).returncode == 0
    first = read_users(tmp_path / "users.yaml")["anna"]
    assert Users(tmp_path / "users.yaml").check("anna", "correct horse battery") == first
    assert user("password", "anna", typed="another battery\n", cwd=tmp_path).returncode == 0
    assert Users(tmp_path / "users.yaml").check("anna", "correct horse battery") is None
    assert read_users(tmp_path / "users.yaml")["anna"].may_write
    assert user("list", cwd=tmp_path).stdout == "anna  may write\n"
    assert user("remove", "anna", cwd=tmp_path).returncode == 0
    assert "no users yet" in user("list", cwd=tmp_path).stdout


def test_what_is_wrong_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    short = user("add", "anna", typed="short\n", cwd=tmp_path)
    assert short.returncode == 2
    assert "must have 12" in short.stderr
    assert not (tmp_path / "users.yaml").exists()
    assert user("add", "anna", typed="", cwd=tmp_path).returncode == 2
    assert user("add", "anna", typed="correct horse battery\n", cwd=tmp_path).returncode == 0
    before = (tmp_path / "users.yaml").read_text()
    assert "alflow dashboard user password anna" in user("add", "anna", typed="another long one\n", cwd=tmp_path).stderr
    assert "'bert' is not in" in user("remove", "bert", cwd=tmp_path).stderr
    assert (tmp_path / "users.yaml").read_text() == before


def test_the_command_line_takes_no_password(tmp_path: Path) -> None:
    assert user("add", "anna", "--password", "correct horse battery", cwd=tmp_path).returncode == 2
    assert user("add", "anna", "correct horse battery", cwd=tmp_path).returncode == 2
    assert not (tmp_path / "users.yaml").exists()


@pytest.mark.parametrize("again", ["correct horse battery", "something else entirely"])
def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(again: str, tmp_path: Path) -> None:
    upper, lower = pty.openpty()
    words = [ALFLOW, "dashboard", "user", "add", "anna", "--users", "users.yaml"]
    process = subprocess.Popen(
        words, cwd=tmp_path, stdin=lower, stdout=lower, stderr=lower, start_new_session=True, close_fds=True
    )
    os.close(lower)
    shown = b""
    for asked_for, typed in ((b"password: ", "correct horse battery"), (b"again: ", again)):
        while asked_for not in shown:
            shown += os.read(upper, 1000)
        os.write(upper, f"{typed}\n".encode())
    process.wait(60)
    os.set_blocking(upper, False)
    with contextlib.suppress(OSError):  # all is read
        shown += os.read(upper, 10_000)
    os.close(upper)
    assert b"correct horse" not in shown
    assert (process.returncode == 0) == (again == "correct horse battery")
    assert (tmp_path / "users.yaml").exists() == (again == "correct horse battery")


def test_the_server_refuses_in_one_line(tmp_path: Path) -> None:
    assert "--host" in refusal("dashboard", "--host", "0.0.0.0", cwd=tmp_path)
    assert "cannot be read" in refusal("dashboard", "--users", "missing.yaml", cwd=tmp_path)
    (tmp_path / "users.yaml").write_text("users: {}")
    (tmp_path / "users.yaml").chmod(0o644)
    assert "chmod 600" in refusal("dashboard", "--users", "users.yaml", cwd=tmp_path)


# --- in and out ---------------------------------------------------------------------------------------------------

PAGES = ("/", "/campaigns", "/runs", "/workers", "/failures", "/actions", "/actions/1", "/no/such/page")
DATA = ("/changes?topic=runs", "/run/x/figure/energy.json", "/campaign/small/results.csv", "/run/x/figure/energy.png")


@pytest.mark.parametrize("path", PAGES)
def test_pages_need_a_login(path: str, guarded: FlaskClient) -> None:
    answer = guarded.get(path)
    assert answer.status_code == 303
    assert answer.location.partition("?")[0] == "/login"
    assert guarded.post(path).status_code in (303, 400)


@pytest.mark.parametrize("path", DATA)
def test_data_needs_a_login_and_says_401(path: str, guarded: FlaskClient) -> None:
    answer = guarded.get(path, headers={"Accept": "application/json"} if "json" in path else {})
    assert answer.status_code == 401
    assert answer.is_json


def test_every_route_but_the_login_needs_one(guarded: FlaskClient) -> None:
    parts = {"kind": "run", "verb": "pause", "ending": "png", "cycle": 1, "index": 1}
    for rule in guarded.application.url_map.iter_rules():
        if rule.endpoint in ("static", "login.enter", "login.log_in") or "GET" not in (rule.methods or ()):
            continue
        values = {name: parts.get(name, "x") for name in rule.arguments}
        with guarded.application.test_request_context():
            address = guarded.application.url_for(rule.endpoint, **values)
        assert guarded.get(address).status_code in (303, 401), address


def test_the_form_of_the_login_tells_strangers_nothing(guarded: FlaskClient, world: World) -> None:
    text = guarded.get("/login").text
    assert "Runs" not in text
    assert "test_dashboard_world" not in text
    assert world.relaxation not in text


def test_a_login_leads_where_one_wanted_to_go(guarded: FlaskClient) -> None:
    onward = guarded.get("/runs?q=relax&sort=run").location
    answer = attempt(guarded, WRITER, PASSWORDS[WRITER], onward)
    assert answer.status_code == 303
    assert answer.location == "/runs?q=relax&sort=run"
    assert guarded.get("/runs").status_code == 200
    assert guarded.get("/login?next=/failures").location == "/failures"


ELSEWHERE = ["https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)"]
ELSEWHERE += ["/\t/evil.example", "/\n//evil.example", " //evil.example", "evil.example", "https:/evil.example", "//"]


@pytest.mark.parametrize("place", ELSEWHERE)
def test_a_login_leads_nowhere_else(place: str, guarded: FlaskClient) -> None:
    form = {"csrf_token": token(guarded), "name": WRITER, "password": PASSWORDS[WRITER]}
    answer = guarded.post("/login", query_string={"next": place}, data=form)
    assert answer.status_code == 303
    assert answer.location == "/"
    assert guarded.get("/login", query_string={"next": place}).location == "/"


def test_a_wrong_password_and_a_name_that_is_not_there_look_the_same(guarded: FlaskClient) -> None:
    answers, seconds = [], []
    for name in (WRITER, "nobody"):
        spent = []
        for _ in range(3):
            begun = time.process_time()
            answer = attempt(guarded, name, "not the password")
            spent.append(time.process_time() - begun)
            assert answer.status_code == 401
        answers.append(answer.text.replace(name, "NAME").replace(token(guarded), ""))
        seconds.append(min(spent))
    assert "Name or password is wrong." in answers[0]
    strip = [login_form(text) for text in answers]
    assert strip[0] == strip[1]
    assert max(seconds) < 2 * min(seconds)  # a hash takes a hundred times as long as all the rest


def login_form(text: str) -> str:
    """The page without its tokens and times."""
    return "\n".join(line for line in text.splitlines() if "csrf_token" not in line and "<time" not in line)


def test_cookies_are_for_this_site_and_no_script(guarded: FlaskClient) -> None:
    guarded.get("/login")
    answer = attempt(guarded, WRITER, PASSWORDS[WRITER])
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert "Secure" not in cookie  # without TLS a browser would not keep it


def test_a_login_gives_another_session(guarded: FlaskClient) -> None:
    guarded.get("/login")
    with guarded.session_transaction() as session:
        session["planted"] = "by somebody else"
    log_in(guarded)
    with guarded.session_transaction() as session:
        assert "planted" not in session


def test_logging_out_ends_the_session_and_copies_of_its_cookie(guarded: FlaskClient) -> None:
    log_in(guarded)
    copy = own_cookie(guarded)
    assert guarded.get("/logout").status_code == 405
    assert guarded.post("/logout", data={"csrf_token": token(guarded, "/runs")}).status_code == 303
    assert guarded.get("/runs").status_code == 303
    guarded.set_cookie(guarded.application.config["SESSION_COOKIE_NAME"], copy)
    assert guarded.get("/runs").status_code == 303


@pytest.mark.parametrize("how", ["password", "removed", "key", "file"])
def test_a_session_ends_with_what_it_rests_on(how: str, guarded: FlaskClient, users: Path, world: World) -> None:
    log_in(guarded)
    assert guarded.get("/runs").status_code == 200
    if how == "password":
        change_password(users, WRITER, "another long password")
    elif how == "removed":
        remove_user(users, WRITER)
    elif how == "file":
        users.chmod(0o644)
        answer = attempt(guarded, WRITER, PASSWORDS[WRITER])
        assert answer.status_code == 503
        assert "cannot be used" in answer.text
    else:
        name, copy = guarded.application.config["SESSION_COOKIE_NAME"], own_cookie(guarded)
        users.with_name("users.yaml.key").unlink()
        with asked(world.file, users=users) as other:
            other.set_cookie(name, copy)
            other.set_cookie(other.application.config["SESSION_COOKIE_NAME"], copy)
            assert other.get("/runs").status_code == 303
        return
    assert guarded.get("/runs").status_code == 303
    assert guarded.get("/changes?topic=runs").status_code == 401


def test_rights_are_those_of_now(guarded: FlaskClient, users: Path) -> None:
    log_in(guarded)
    found = yaml.safe_load(users.read_text())
    found["users"][WRITER]["may_write"] = False
    users.write_text(yaml.safe_dump(found))
    with guarded:
        guarded.get("/runs")
        account = login.account()
        assert account is not None
        assert not account.may_write


def test_a_session_ends_after_twelve_hours_of_whatever(guarded: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(guarded)
    begun = time.time()
    for hours in (6, 11.9):
        monkeypatch.setattr(login, "now", lambda hours=hours: begun + 3600 * hours)
        assert guarded.get("/runs").status_code == 200
    monkeypatch.setattr(login, "now", lambda: begun + 3600 * 12.1)
    assert guarded.get("/runs").status_code == 303


def test_a_session_that_was_made_up_is_none(guarded: FlaskClient) -> None:
    with guarded.session_transaction() as session:
        session["_user_id"], session["since"], session["id"] = f"{WRITER}|{'0' * 32}", int(time.time()), "x"
    assert guarded.get("/runs").status_code == 303
    guarded.set_cookie(guarded.application.config["SESSION_COOKIE_NAME"], "eyJfdXNlcl9pZCI6ImFubmEifQ.aaaa.bbbb")
    assert guarded.get("/runs").status_code == 303


# --- few attempts -------------------------------------------------------------------------------------------------


def test_few_attempts_from_an_address_and_for_a_name(guarded: FlaskClient) -> None:
    form = {"csrf_token": token(guarded), "password": "not the password"}
    codes = [guarded.post("/login", data=form | {"name": f"name{number}"}).status_code for number in range(11)]
    assert codes == [401] * 10 + [429]
    blocked = guarded.post("/login", data=form | {"name": WRITER, "password": PASSWORDS[WRITER]})
    assert blocked.status_code == 429
    assert "Too many attempts" in blocked.text
    assert guarded.get("/login").status_code == 200  # to look is no attempt


def test_few_attempts_for_a_name_from_wherever(guarded: FlaskClient) -> None:
    form = {"csrf_token": token(guarded), "name": WRITER, "password": "not the password"}
    codes = [
        guarded.post("/login", data=form, environ_base={"REMOTE_ADDR": f"192.0.2.{number}"}).status_code
        for number in range(11)
    ]
    assert codes == [401] * 10 + [429]
    other = {"REMOTE_ADDR": "192.0.2.77"}
    right = form | {"name": READER, "password": PASSWORDS[READER]}
    assert guarded.post("/login", data=right, environ_base=other).status_code == 303


# --- TLS by a proxy -----------------------------------------------------------------------------------------------


def test_behind_a_proxy_that_speaks_tls(world: World, users: Path) -> None:
    with asked(world.file, users=users, tls=True, names=("al.example.org",)) as client:
        assert client.get("/login", headers={"Host": "al.example.org"}).status_code == 400  # it came in the open
        proxy = {"Host": "al.example.org", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.5"}
        page = client.get("/login", headers=proxy)
        assert page.status_code == 200
        (cookie,) = page.headers.getlist("Set-Cookie")
        assert cookie.startswith("__Host-alflow-")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        assert client.get("/login", headers=proxy | {"Host": "other.example.org"}).status_code == 421


def test_what_a_browser_says_of_a_proxy_counts_only_behind_one(guarded: FlaskClient) -> None:
    form = {"csrf_token": token(guarded), "name": "nobody", "password": "not the password"}
    codes = [
        guarded.post(
            "/login", data=form | {"name": f"n{number}"}, headers={"X-Forwarded-For": f"192.0.2.{number}"}
        ).status_code
        for number in range(11)
    ]
    assert codes[-1] == 429


# --- in a browser -------------------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_logs_in_and_out(scheme: str, world: World, users: Path, browse: Callable[..., Watched]) -> None:
    with served(world.file, users=users) as address:
        window = browse(address, color_scheme=scheme, viewport={"width": 390, "height": 800})
        page = window.open("/runs?sort=run")
        assert page.url.endswith("/login?next=/runs?sort%3Drun")
        assert window.serious() == []
        assert not window.wide()
        type_in(page, password="not the password")
        page.get_by_role("alert").wait_for()
        assert window.serious() == []
        window.complaints = [one for one in window.complaints if "401" not in one]
        type_in(page)
        page.get_by_role("heading", name="Runs").wait_for()
        assert page.url.endswith("/runs?sort=run")
        assert WRITER in page.inner_text(".tools")
        assert window.serious() == []
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("heading", name="Log in").wait_for()
        page.wait_for_load_state("networkidle")


@pytest.mark.browser
def test_an_open_page_asks_for_a_login_when_the_session_has_ended(
    world: World, users: Path, browse: Callable[..., Watched]
) -> None:
    with served(world.file, users=users) as address:
        window = browse(address)
        page = window.open("/runs")
        type_in(page)
        page.get_by_role("heading", name="Runs").wait_for()
        change_password(users, WRITER, "another long password")
        page.get_by_role("heading", name="Log in").wait_for()
        window.complaints = [one for one in window.complaints if "401" not in one]
        type_in(page, password="another long password")
        page.get_by_role("heading", name="Runs").wait_for()
        page.wait_for_load_state("networkidle")
