"""What a dashboard is started with."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from al_workflows.errors import InputError
from launchpad.settings import Source

#: names by which a browser on the same machine, or at the other end of an SSH tunnel, calls this one
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class DashboardConfig:
    """How the dashboard is served.

    ``users`` is the file of those who may log in; without one nobody needs to, which only a loopback address allows.
    ``actions`` has those users who may write pause, resume, cancel and rerun. ``names`` are further host names by
    which browsers call it, ``tls`` says that a proxy in front of it speaks TLS.
    """

    source: Source
    host: str = "127.0.0.1"
    port: int = 8050
    users: Path | None = None
    actions: bool = False
    names: tuple[str, ...] = ()
    tls: bool = False

    def __post_init__(self) -> None:
        """Refuse what would show the database to anybody."""
        if not 0 <= self.port <= 65535:
            raise InputError(f"`--port` is {self.port} but must be 0 (any that is free) to 65535")
        if self.users is None and not self.loopback:
            raise InputError(
                f"`--host` is {self.host!r}, which others reach, and nobody would have to log in; make a user "
                "(`alflow dashboard user add NAME --users FILE`) and give `--users FILE`, or leave out `--host` and "
                "use an SSH tunnel (`ssh -L 8050:localhost:8050 HOST`)"
            )
        if self.tls and self.users is None:
            raise InputError(
                "`--tls` says that a proxy serves it to others, and nobody would have to log in; give `--users`"
            )
        if self.actions and self.users is None:
            raise InputError("`--actions` needs `--users FILE`: what is done is logged with who did it")

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
