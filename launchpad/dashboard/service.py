"""What the pages work with: how the dashboard was started, its database, and what tells of changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from fireworks import LaunchPad
from flask import current_app, render_template

from launchpad.dashboard.changes import Changes
from launchpad.dashboard.config import DashboardConfig
from launchpad.dashboard.data.histories import Histories
from launchpad.dashboard.data.members import Members
from launchpad.dashboard.database import Database
from launchpad.dashboard.figures import Drawn, kept
from launchpad.dashboard.kept import Kept

#: members that are kept in memory, all campaigns and what is made of them together
MEMBERS_KEPT = 50_000


def members_in(value: object) -> int:
    """How many members a kept value is of; a tenth of them for one that only points at these."""
    rows = len(getattr(value, "rows", ()))
    return 100 + (rows if isinstance(value, Members) else rows // 10)


@dataclass(frozen=True)
class Service:
    """Of one application. ``members`` keeps what was read of campaigns' members, by topic, version and what it is."""

    config: DashboardConfig
    database: Database
    changes: Changes
    histories: Histories = field(default_factory=Histories)
    drawn: Kept[Drawn] = field(default_factory=kept)
    members: Kept[Any] = field(default_factory=lambda: Kept(MEMBERS_KEPT, members_in))


def service() -> Service:
    """That of the application which answers the current request."""
    return cast(Service, current_app.extensions["alflow"])


def reading() -> LaunchPad:
    """The LaunchPad, for reading alone."""
    return service().database.launchpad()


def page(template: str, section: str, topic: str, **values: object) -> str:
    """A page that keeps itself true.

    Parameters
    ----------
    section
        The entry of the navigation that it belongs to.
    topic
        What it is of, by which changes are noticed (:mod:`.topics`); asked for before ``values`` were read it would
        miss what happens between, after them it would hide it: so the version is of the topic as it was, at worst.
    """
    return render_template(template, section=section, topic=topic, version=values.pop("version"), **values)
