"""Users, and clients and browsers that are logged in as them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from launchpad.dashboard.users import add_user

if TYPE_CHECKING:
    from playwright.sync_api import Page

WRITER, READER = "anna", "bert"
PASSWORDS = {WRITER: "correct horse battery", READER: "only looking here"}
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def users_file(directory: Path) -> Path:
    """A file of two users: one may write, the other may look."""
    file = directory / "users.yaml"
    for name, password in PASSWORDS.items():
        add_user(file, name, password, may_write=name == WRITER)
    return file


def token(client: FlaskClient, path: str = "/login") -> str:
    """The token of the form on a page."""
    found = _TOKEN.search(client.get(path).text)
    assert found is not None, path
    return found.group(1)


def attempt(client: FlaskClient, name: str, password: str, path: str = "/login") -> TestResponse:
    """Send the form of the login."""
    form = {"csrf_token": token(client), "name": name, "password": password}
    return client.post(path, data=form)


def log_in(client: FlaskClient, name: str = WRITER) -> None:
    """As one of the users."""
    answer = attempt(client, name, PASSWORDS[name])
    assert answer.status_code == 303, answer.text


def type_in(page: Page, name: str = WRITER, password: str | None = None) -> None:
    """Fill in the form that a browser shows, and send it."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password or PASSWORDS[name])
    page.get_by_role("button", name="Log in").click()
