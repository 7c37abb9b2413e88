"""All runs of the database."""

from __future__ import annotations

import re

from flask import Blueprint, request

from launchpad.dashboard import links
from launchpad.dashboard.data.runs import COLUMNS, read_runs
from launchpad.dashboard.service import page, reading, service

pages = Blueprint("runs", __name__)
PAGE_SIZE = 50


@pages.get("/runs")
def all_runs() -> str:
    """A line for each run."""
    version = service().changes.version("runs")
    sort, down = links.chosen_sort(COLUMNS, "-created")
    wanted = request.args.get("q", "").strip()[:200]
    where = {"_id": {"$regex": re.escape(wanted)}} if wanted else {}
    number = reading().db["al_runs"].count_documents(where) if where else 0
    number = number or reading().db["al_runs"].estimated_document_count()
    here, last = links.chosen_page(number, PAGE_SIZE)
    rows, number = read_runs(reading(), where, sort, down, PAGE_SIZE * (here - 1), PAGE_SIZE)
    return page(
        "runs.html",
        "Runs",
        "runs",
        version=version,
        rows=rows,
        number=number,
        wanted=wanted,
        sort=sort,
        down=down,
        place=here,
        last=last,
        link=links.here,
    )
