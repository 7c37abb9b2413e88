"""MongoDB URIs: take one apart, show it without its secrets, and turn it into FireWorks' connection parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from al_workflows.errors import InputError

DEFAULT_DATABASE = "al_workflows"
SCHEMES = ("mongodb://", "mongodb+srv://")
EXAMPLE = "mongodb://USER:PASSWORD@HOST:27017/DATABASE?authSource=admin"
SECRET_OPTIONS = ("tlscertificatekeyfilepassword", "authmechanismproperties", "proxypassword", "sslpemkeypassword")
# What FireWorks' documents call them; used unless the user says otherwise.
PATIENT_CLIENT: dict[str, Any] = {"w": "majority", "serverSelectionTimeoutMS": 600_000}


@dataclass(frozen=True)
class MongoUri:
    """The parts of a MongoDB URI; user and password are decoded.

    Attributes
    ----------
    scheme
        ``mongodb://`` or ``mongodb+srv://``.
    hosts
        One or several ``HOST:PORT``, separated by commas.
    database
        The name in the path, or None.
    options
        What follows the question mark.
    username, password
        Of the user, or None.
    """

    scheme: str
    hosts: str
    database: str | None
    options: str = field(repr=False)
    username: str | None
    password: str | None = field(repr=False)

    def without_user(self) -> str:
        """Give the same URI without user and password."""
        query = f"?{self.options}" if self.options else ""
        return f"{self.scheme}{self.hosts}/{self.database or ''}{query}"

    def option(self, name: str) -> str | None:
        """Give the value of one option, whose name may be in upper or lower case."""
        found = {key.lower(): value for key, value in parse_qsl(self.options)}
        return found.get(name.lower())


def redacted(uri: str) -> str:
    """Show a URI without its secrets, also one that is not well formed.

    Everything between the user's name and the last ``@`` is hidden, since a password may hold any character.
    """
    scheme, separator, rest = uri.strip().partition("://")
    if not separator:
        return "***"
    userinfo, at, tail = rest.rpartition("@")
    address, question, options = tail.partition("?")
    shown = [
        f"{key}={'***' if key.lower() in SECRET_OPTIONS else value}" for key, value in parse_qsl(options)
    ]  # fmt: skip
    user = userinfo.partition(":")
    return "".join(
        [scheme, "://", user[0], ":***" if user[1] else "", at, address, question if shown else "", "&".join(shown)]
    )


def parse(uri: str, name: str) -> MongoUri:
    """Take a URI apart and check it.

    Parameters
    ----------
    uri
        The text.
    name
        What the user calls it, for messages.

    Raises
    ------
    InputError
        When it is not a MongoDB URI; the password is never repeated.
    """
    from pymongo.errors import PyMongoError
    from pymongo.uri_parser import parse_uri

    uri = uri.strip()
    scheme = next((scheme for scheme in SCHEMES if uri.startswith(scheme)), None)
    if scheme is None:
        raise InputError(f"`{name}` is `{redacted(uri)}` but must read {EXAMPLE}")
    main, _, options = uri.removeprefix(scheme).partition("?")
    userinfo, at, location = main.rpartition("@")
    hosts, _, database = location.partition("/")
    user, colon, password = userinfo.partition(":")
    if any(character in userinfo for character in "/?#[]@") or ":" in password or (not at and "@" in options):
        raise InputError(
            f"`{name}` is `{redacted(uri)}` but in user and password each of / ? # [ ] @ : % must be written as "
            "%2F %3F %23 %5B %5D %40 %3A %25"
        )
    parts = MongoUri(
        scheme,
        hosts,
        unquote(database) or None,
        options,
        unquote(user) if at else None,
        unquote(password) if colon else None,
    )
    if scheme == "mongodb://":  # the other scheme is resolved by DNS when connecting
        try:
            parse_uri(parts.without_user(), validate=True, warn=False)
        except (PyMongoError, ValueError, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"`{name}` is `{redacted(uri)}` but {reason}; it must read {EXAMPLE}") from None
    return parts


def launchpad_document(uri: str, name: str, database: str | None = None) -> dict[str, Any]:
    """Give the parameters of FireWorks' LaunchPad for a URI.

    A password is handed over beside the URI and not inside, because FireWorks prints the whole host in its messages.

    Parameters
    ----------
    uri
        The text.
    name
        What the user calls it, for messages.
    database
        The database to use; by default the one in the URI's path, else ``al_workflows``.
    """
    parts = parse(uri, name)
    document: dict[str, Any] = {
        "host": parts.without_user(),
        "name": database or parts.database or DEFAULT_DATABASE,
        "mongoclient_kwargs": {
            key: value for key, value in PATIENT_CLIENT.items() if parts.option(key) is None
        },
    }  # fmt: skip
    if parts.password is None:
        return {**document, "host": uri.strip(), "uri_mode": True}
    # FireWorks sets its own socket timeout over the URI's
    if (socket_timeout := parts.option("socketTimeoutMS")) is not None:
        document["mongoclient_kwargs"]["socketTimeoutMS"] = int(socket_timeout)
    return {
        **document,
        "port": 27017,
        "username": parts.username,
        "password": parts.password,
        "authsource": parts.option("authSource") or parts.database or "admin",
    }
