"""All campaigns of the database."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from launchpad.dashboard.data.campaigns import read_campaigns
from launchpad.dashboard.service import page, reading, service

pages = Blueprint("campaigns", __name__)


@pages.get("/")
def home() -> Response:
    """The first page."""
    return redirect(url_for("campaigns.all_campaigns"))


@pages.get("/campaigns")
def all_campaigns() -> str:
    """A card for each campaign."""
    version = service().changes.version("campaigns")
    rows = read_campaigns(reading())
    return page("campaigns.html", "Campaigns", "campaigns", version=version, rows=rows)
