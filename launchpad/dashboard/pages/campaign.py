"""One campaign: where it stands, its map, its figures, and the table of its members."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace

from flask import Blueprint, Response, abort, render_template, request
from markupsafe import Markup
from matplotlib.figure import Figure

from al_workflows.analysis.style import Style
from al_workflows.campaign.member import Role
from al_workflows.campaign.table_files import flat_rows
from fw_specs.campaign_store import CampaignStore
from launchpad.dashboard import figures, links
from launchpad.dashboard.data.campaign import NAMED, parked_members, with_causes
from launchpad.dashboard.data.campaign_figures import CAMPAIGN_GALLERY, history
from launchpad.dashboard.data.campaigns import campaign_row
from launchpad.dashboard.data.member_table import COLUMNS, PAGE_SIZE, Found, find_members, wanted
from launchpad.dashboard.data.members import Members, read_forces, read_members
from launchpad.dashboard.data.spark import sparkline
from launchpad.dashboard.data.surface_map import surface_map
from launchpad.dashboard.service import page, reading, service

pages = Blueprint("campaign", __name__)
#: rows of a file that are made at once
_CHUNK = 500


@pages.get("/campaign/<name>")
def one_campaign(name: str) -> str:
    """The page; its query filters, sorts and turns the table."""
    topic = f"campaign:{name}"
    version = service().changes.version(topic)
    members = _members(name, version)
    sort, down = links.chosen_sort(COLUMNS, "order")
    want = wanted(request.args, members.tags)
    key = ("table", name, version, want.text, tuple(want.values.items()), sort, down)
    found: Found = service().members.get(key, lambda: find_members(members, want, sort, down))
    place, last = links.chosen_page(len(found.rows), PAGE_SIZE)
    rows = with_causes(reading(), found.rows[PAGE_SIZE * (place - 1) : PAGE_SIZE * place])
    forces = read_forces(reading(), [row.outcome.run for row in rows if row.begun])
    parked = parked_members(members)
    return page(
        "campaign.html",
        "Campaigns",
        topic,
        version=version,
        row=campaign_row(reading(), name, members),
        map=_map(name, version, members),
        figures=CAMPAIGN_GALLERY,
        members=members,
        paths=any(row.outcome.role is Role.PATH for row in members.rows),
        times=any(row.ended for row in members.rows),
        rows=rows,
        sparks={row.outcome.run: sparkline(forces.get(row.outcome.run, ()), row.target) for row in rows},
        choices=found.choices,
        number=len(found.rows),
        want=want,
        sort=sort,
        down=down,
        place=place,
        last=last,
        parked=with_causes(reading(), parked[:NAMED]),
        parked_number=len(parked),
        link=_to_table,
        save=links.here(page=None).replace(request.path, f"{request.path}/members.csv", 1),
    )


@pages.get("/campaign/<name>/members.csv")
def members_file(name: str) -> Response:
    """All members that fit, sorted as the page is, with the columns of ``alflow campaign results --csv``."""
    members = _members(name, service().changes.version(f"campaign:{name}"))
    sort, down = links.chosen_sort(COLUMNS, "order")
    found = find_members(members, wanted(request.args, members.tags), sort, down)
    results = replace(members.results, entries=[row.entry for row in found.rows])
    file = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(_lines(flat_rows(results)), mimetype="text/csv", headers=file)


@pages.get("/campaign/<name>/figure/<figure>.<kind>")
def one_figure(name: str, figure: str, kind: str) -> Response:
    """One of the campaign's figures, as what its ending says; drawn once for all who look at one version of it."""
    entry = next((one for one in CAMPAIGN_GALLERY if one.name == figure), None)
    if entry is None:
        abort(404)
    version = service().changes.version(f"campaign:{name}")

    def draw(style: Style) -> Figure | None:
        return entry.draw(history(CampaignStore(reading().db).campaign(name), _members(name, version)), style)

    return figures.answer(draw, kind, entry.missing, f"{name}-{figure}", version, service().drawn)


def _to_table(**changes: object) -> str:
    return f"{links.here(**changes)}#members"


def _members(name: str, version: str) -> Members:
    """Those of one version of the campaign; read once for all who ask.

    Raises
    ------
    InputError
        There is no such campaign.
    """
    found: Members = service().members.get(("members", name, version), lambda: read_members(reading(), name))
    return found


def _map(name: str, version: str, members: Members) -> Markup:
    """The map as it stands in the page: it is the same for all, and long."""

    def make() -> Markup:
        return Markup(render_template("campaign_map.html", map=surface_map(members), name=name))

    found: Markup = service().members.get(("map", name, version), make)
    return found


def _lines(rows: list[dict[str, object]]) -> Iterator[str]:
    columns = list(rows[0]) if rows else ["key"]
    for start in range(0, max(len(rows), 1), _CHUNK):
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        if not start:
            writer.writeheader()
        writer.writerows(rows[start : start + _CHUNK])
        yield text.getvalue()
