"""Who is at work on what, and what waits."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, current_app

from launchpad.dashboard.data.workers import read_work
from launchpad.dashboard.queue_watch import QueueWatch
from launchpad.dashboard.service import page, reading, service

pages = Blueprint("workers", __name__)


@pages.get("/workers")
def all_workers() -> str:
    """Workers, what looks lost, and what is ready."""
    version = service().changes.version("workers")
    watch = cast(QueueWatch, current_app.extensions.setdefault("alflow.queue", QueueWatch.here()))
    work = read_work(reading(), watch.look())
    return page("workers.html", "Workers", "workers", version=version, work=work)
