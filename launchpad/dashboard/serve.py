"""Serve the dashboard until it is ended."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress

from waitress import create_server

from al_workflows.errors import EnvironmentProblem
from launchpad.dashboard.app import create_app
from launchpad.dashboard.config import DashboardConfig
from launchpad.settings import connect

#: requests that are answered side by side; others wait their turn
THREADS = 8


def serve(config: DashboardConfig, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Parameters
    ----------
    ready
        Told of the address once browsers may come.

    Raises
    ------
    EnvironmentProblem
        The database does not answer, or the address cannot be listened on; with actions: the database may not be
        written.
    InputError
        The file of users cannot be used.
    """
    if config.source.local is not None:
        config.source.local.start()  # as every command does; later, one that was stopped on purpose stays so
    app = create_app(config)
    app.extensions["alflow"].database.launchpad().db.command("ping")
    if config.actions:  # refused here, not when somebody first pauses
        connect(config.source, start_local=False).connection.close()
    try:
        server = create_server(
            app,
            host=config.host,
            port=config.port,
            threads=THREADS,
            ident="alflow",
            max_request_body_size=1 << 20,
            # what a proxy says of the browser is believed where there is one, and nowhere else
            clear_untrusted_proxy_headers=not config.tls,
        )
    except OSError as error:
        taken = "another program listens there; take another `--port`" if error.errno == errno.EADDRINUSE else ""
        raise EnvironmentProblem(f"cannot listen on {config.host}:{config.port}: {taken or error.strerror}") from error
    host = f"[{config.host}]" if ":" in config.host else config.host
    try:
        with suppress(KeyboardInterrupt):  # before the server listens for it
            ready(f"http://{host}:{server.effective_port}")
            server.run()
    finally:
        server.close()
