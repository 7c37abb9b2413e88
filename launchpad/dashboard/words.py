"""How the pages write numbers, times and states."""

from __future__ import annotations

import datetime
import math

from flask import Flask
from markupsafe import Markup, escape

from al_workflows.analysis.report import duration

#: what is shown of a number that is not there
NONE = "–"
_GOOD = frozenset({"CONVERGED", "COMPLETED", "ok", "done"})
_BAD = frozenset(
    {"FAILED", "STALLED", "BUDGET_SPENT", "STOPPED", "FIZZLED", "LOST", "refused", "failed"}
    | {"scf_not_converged", "geometry_rejected", "timed_out", "crashed", "unreadable"}
)
_BUSY = frozenset({"RUNNING", "UNDER_WAY", "RESERVED", "SUBMITTING", "begun"})


def add_filters(app: Flask) -> None:
    """Let the templates write ``{{ energy|fixed(4) }}``."""
    for function in (fixed, small, count, rate, hours, moment, ago, span, tone, state, coded):
        app.jinja_env.filters[function.__name__] = function


def fixed(value: float | None, digits: int = 3) -> str:
    """A number with so many decimals."""
    return NONE if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def small(value: float | None) -> str:
    """A number of which only the size matters, by two digits."""
    return NONE if value is None or not math.isfinite(value) else f"{value:.2g}"


def count(value: float | None) -> str:
    """A whole number with thin spaces between thousands."""
    return NONE if value is None else f"{value:,.0f}".replace(",", "\u202f")


def rate(value: float | None) -> str:
    """A number per time, to two digits where it is small."""
    if value is None:
        return NONE
    return count(value) if value >= 9.95 else f"{value:.2g}"


def hours(value: float) -> str:
    """Of a time span, to stand after "the last"."""
    if value >= 0.95:
        return "hour" if value < 1.05 else f"{value:.2g} hours"
    minutes = max(1, round(60 * value))
    return "minute" if minutes == 1 else f"{minutes} minutes"


def span(seconds: float | None) -> str:
    """A duration in the unit that one would say it in."""
    return NONE if seconds is None else duration(seconds)


def moment(value: datetime.datetime | None) -> Markup:
    """A time, UTC; the browser shows it in the reader's own zone."""
    if value is None:
        return Markup(NONE)
    aware = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
    return Markup('<time datetime="{}">{}</time>').format(aware.isoformat(), f"{aware:%Y-%m-%d %H:%M} UTC")


def ago(value: datetime.datetime | None, now: datetime.datetime | None = None) -> str:
    """How long ago that was."""
    if value is None:
        return NONE
    aware = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
    return f"{duration(max(0.0, ((now or datetime.datetime.now(datetime.UTC)) - aware).total_seconds()))} ago"


def tone(value: str) -> str:
    """``good``, ``bad``, ``busy`` or ``idle``: how a state is coloured (its word is always there as well)."""
    return "good" if value in _GOOD else "bad" if value in _BAD else "busy" if value in _BUSY else "idle"


def coded(text: str) -> Markup:
    """A sentence, with what stands between backticks as code."""
    pieces = text.split("`")
    shown = [Markup("<code>{}</code>").format(one) if place % 2 else escape(one) for place, one in enumerate(pieces)]
    return Markup("").join(shown)


def state(value: str) -> Markup:
    """A state as a badge."""
    said = value.replace("_", " ").lower()
    return Markup('<span class="state {}">{}</span>').format(tone(value), said)
