"""The dashboard as it is served, and a real browser in front of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient

from launchpad.dashboard.app import create_app
from launchpad.dashboard.config import DashboardConfig
from launchpad.settings import Source, resolve
from tests.dashboard.world import World, filled

if TYPE_CHECKING:
    from fireworks import LaunchPad
    from playwright.sync_api import Browser

    from tests.dashboard.browser import Watched

Serve = Callable[..., AbstractContextManager[str]]


@contextmanager
def asked(file: Path, **settings: Any) -> Iterator[FlaskClient]:
    """The dashboard of the database that ``file`` names, without a server; nothing follows changes."""
    app = create_app(DashboardConfig(resolve(file), **settings), follow=False)
    app.testing = True
    yield app.test_client()
    app.extensions["alflow"].database.close()


@contextmanager
def served(database: Path | Source, **settings: Any) -> Iterator[str]:
    """The dashboard of a database, which a my_launchpad.yaml may name, served on a free port; its address."""
    from waitress import create_server

    source = database if isinstance(database, Source) else resolve(database)
    app = create_app(DashboardConfig(source, port=0, **settings))
    server = create_server(app, host="127.0.0.1", port=0, threads=8)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        app.extensions["alflow"].changes.stop()

        def close() -> None:
            for channel in list(server.active_channels.values()):
                channel.handle_close()
            server.close()

        server.trigger.pull_trigger(close)  # in its own thread, as all that touches its sockets
        thread.join(timeout=5)
        server.task_dispatcher.shutdown()
        app.extensions["alflow"].database.close()


@pytest.fixture(scope="session")
def world(mongo: Any, any_database: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A filled database for the whole session: look at it, change nothing."""
    import yaml
    from fireworks import LaunchPad

    from launchpad.private_files import write_private
    from launchpad.settings import connect

    directory = tmp_path_factory.mktemp("world")
    file = directory / "my_launchpad.yaml"
    write_private(file, yaml.safe_dump({**any_database, "name": "test_dashboard_world"}))
    connect(resolve(file)).connection.close()
    launchpad = LaunchPad.from_file(str(file))
    yield filled(launchpad, file, directory)
    launchpad.connection.close()
    with mongo.admin_client() as client:
        client.drop_database("test_dashboard_world")


@pytest.fixture(scope="session")
def world_address(world: World) -> Iterator[str]:
    """The dashboard of the filled database."""
    with served(world.file) as address:
        yield address


@pytest.fixture
def client(world: World) -> Iterator[FlaskClient]:
    """Flask's client of the dashboard of the filled database."""
    with asked(world.file) as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    from tests.dashboard.browser import CHROMIUM

    if CHROMIUM is None:
        pytest.skip("Debian's chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium: Browser) -> Iterator[Callable[..., Watched]]:
    """Open a window at a dashboard's address; at the end its console must have said nothing.

    Keyword arguments are those of Playwright's contexts, e.g. ``viewport`` or ``color_scheme``.
    """
    from tests.dashboard.browser import Watched

    windows: list[Watched] = []

    def open_window(address: str, **settings: Any) -> Watched:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        context.set_default_timeout(15_000)
        windows.append(Watched(context.new_page(), address))
        return windows[-1]

    yield open_window
    for one in windows:
        one.page.context.close()
    assert [complaint for one in windows for complaint in one.complaints] == []


@pytest.fixture
def empty_address(lpad: LaunchPad, lpad_file: Path) -> Iterator[str]:
    """The dashboard of a database in which nothing is yet; ``lpad`` writes to it."""
    with served(lpad_file) as address:
        yield address
