"""Log in and out."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from flask_login import login_user, logout_user
from werkzeug.wrappers import Response

from al_workflows.errors import InputError
from launchpad.dashboard import login

pages = Blueprint("login", __name__)
#: the same for a name that is not there
WRONG = "Name or password is wrong."


@pages.get("/login")
def enter() -> Response | str:
    """The form."""
    if login.accounts() is None or login.account() is not None:
        return redirect(login.own_path(request.args.get("next")) or url_for("campaigns.home"))
    login.refuse_without_tls()
    return _form()


@pages.post("/login")
def log_in() -> Response | tuple[str, int]:
    """Begin a session."""
    accounts = login.accounts()
    if accounts is None:
        abort(404)
    login.refuse_without_tls()
    name = request.form.get("name", "")
    try:
        user, there = accounts.users.check(name, request.form.get("password", "")), accounts.users.read()
    except InputError as error:
        login.logger.warning("nobody is let in: %s", error)
        abort(503, "The file of those who may log in cannot be used; the dashboard's own output says why.")
    if user is None:
        known = name if name in there else "a name that is not there"  # or a password in the wrong place
        login.logger.warning("refused to log in %s from %s", known, request.remote_addr)
        return _form(WRONG, name[:100]), 401
    login.begin_session()
    login_user(accounts.account(user))
    login.logger.info("%s logged in from %s", user.name, request.remote_addr)
    return redirect(login.own_path(request.args.get("next")) or url_for("campaigns.home"), 303)


@pages.post("/logout")
def log_out() -> Response:
    """End the session."""
    accounts = login.accounts()
    if accounts is not None and isinstance(identity := session.get("id"), str):
        accounts.end(identity)
    logout_user()
    session.clear()
    return redirect(url_for("login.enter"), 303)


def _form(problem: str = "", name: str = "") -> str:
    return render_template("login.html", problem=problem, name=name)
