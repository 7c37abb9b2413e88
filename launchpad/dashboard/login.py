"""Logging in: sessions that end with a password, forms that no other site can send, and few attempts."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
import time
from datetime import timedelta
from typing import Any, cast

from flask import Flask, abort, current_app, jsonify, redirect, request, session, url_for
from flask_limiter import Limiter
from flask_login import LoginManager, UserMixin, current_user
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from al_workflows.errors import InputError
from launchpad.dashboard.config import DashboardConfig
from launchpad.dashboard.users import User, Users, secret_key

#: s after which everybody logs in again
LIFETIME = 12 * 3600
#: attempts to log in, of one address and for one name
ATTEMPTS = "10/minute;50/hour"
#: what is shown without login
OPEN = frozenset({"login.enter", "login.log_in", "static"})
#: endings of addresses that are no pages
FILES = (".json", ".csv", ".png", ".svg", ".pdf", ".extxyz", ".txt", ".cif")

logger = logging.getLogger(__name__)


class Account(UserMixin):  # type: ignore[misc]
    """A user who is logged in; the id holds for one password only."""

    def __init__(self, user: User, key: bytes) -> None:
        self.name, self.may_write = user.name, user.may_write
        digest = hmac.new(key, user.password.encode(), hashlib.sha256).hexdigest()
        self.id = f"{user.name}|{digest[:32]}"


class Accounts:
    """The users of an application, and the sessions that were ended by hand."""

    def __init__(self, users: Users, key: bytes) -> None:
        self.users, self._key = users, key
        self._ended: dict[str, float] = {}
        self._lock = threading.Lock()

    def account(self, user: User) -> Account:
        """Of a user who gave the right password."""
        return Account(user, self._key)

    def load(self, identity: str) -> Account | None:
        """Whose session it is; None if the user, the password or the session is no longer."""
        name, _, _ = identity.partition("|")
        try:
            user = self.users.read().get(name)
        except InputError as error:  # it was well when we began
            logger.warning("nobody is let in: %s", error)
            return None
        if user is None or not hmac.compare_digest(self.account(user).id.encode(), identity.encode()):
            return None
        since = session.get("since")
        if not isinstance(since, int) or not 0 <= now() - since < LIFETIME:
            return None
        return None if session.get("id") in self._ended else self.account(user)

    def end(self, identity: str) -> None:
        """Have a session end, copies of its cookie included."""
        with self._lock:
            kept = {one: when for one, when in self._ended.items() if now() - when < LIFETIME}
            self._ended = kept | {identity: now()}


def now() -> float:
    """Time, s since 1970."""
    return time.time()


def begin_session() -> None:
    """Nothing of what the browser held before counts any more."""
    session.clear()
    session.permanent = True
    session["since"], session["id"] = int(now()), secrets.token_hex(16)


def protect(app: Flask, config: DashboardConfig) -> None:
    """Have the application's pages ask for a login, if it has users, and its forms for a token, in any case."""
    key = secrets.token_hex(32).encode() if config.users is None else secret_key(config.users)
    name = f"alflow-{hashlib.sha256(key).hexdigest()[:8]}"  # two dashboards of one host do not end each other's
    app.config.update(
        SECRET_KEY=key,
        SESSION_COOKIE_NAME=f"__Host-{name}" if config.tls else name,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=config.tls,
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=LIFETIME),
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        MAX_CONTENT_LENGTH=1 << 18,
        MAX_FORM_MEMORY_SIZE=1 << 17,
    )
    if config.tls:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    accounts = None if config.users is None else Accounts(Users(config.users), key)
    if accounts is not None:
        accounts.users.read()  # refused before anything is served
    app.extensions["alflow.accounts"] = accounts
    manager = LoginManager(app)
    manager.user_loader(lambda identity: None if accounts is None else accounts.load(identity))
    app.before_request(_need_login)
    CSRFProtect(app)
    app.context_processor(lambda: {"account": account()})
    _limit(app)


def accounts() -> Accounts | None:
    """Those of the current application; None where nobody needs to log in."""
    return cast("Accounts | None", current_app.extensions["alflow.accounts"])


def account() -> Account | None:
    """Who is logged in."""
    return cast(Account, current_user._get_current_object()) if current_user.is_authenticated else None


def may_see() -> bool:
    """Whether pages are for whoever asks now."""
    return accounts() is None or account() is not None


def own_path(said: str | None) -> str | None:
    """An address of this dashboard to go on to; None if ``said`` leads, or may be read to lead, elsewhere."""
    if not said or not said.startswith("/") or said.startswith("//") or len(said) > 2000:
        return None
    return None if "\\" in said or any(not letter.isprintable() for letter in said) else said


def _need_login() -> Response | tuple[Response, int] | None:
    if request.endpoint in OPEN or may_see():
        return None
    if request.path.endswith(FILES) or request.endpoint == "changed.changes" or _asks_for_json():
        return jsonify(error="log in first"), 401
    onward = request.full_path.rstrip("?") if request.method in ("GET", "HEAD") else None
    return redirect(url_for("login.enter", next=None if onward == "/" else onward), 303)


def _asks_for_json() -> bool:
    return request.accept_mimetypes.best == "application/json"


def _limit(app: Flask) -> None:
    """Few attempts from one address, and few for one name from wherever."""
    limiter = Limiter(_address, app=app, storage_uri="memory://")
    view: Any = app.view_functions["login.log_in"]
    for key in (_name, _address):
        view = limiter.limit(ATTEMPTS, key_func=key)(view)
    app.view_functions["login.log_in"] = view


def _address() -> str:
    return f"from {request.remote_addr}"


def _name() -> str:
    return f"for {request.form.get('name', '')[:100].casefold()}"


def refuse_without_tls() -> None:
    """Passwords do not travel in the open where TLS was promised.

    Raises
    ------
    BadRequest
        The request did not come by TLS.
    """
    if current_app.config["SESSION_COOKIE_SECURE"] and not request.is_secure:
        abort(
            400,
            "The dashboard was started with --tls, but this request did not come by TLS: go by the proxy's https "
            "address; the proxy must set X-Forwarded-Proto.",
        )
