"""Figures of how a campaign goes: each takes its history and gives a figure, or None where there is none yet."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from al_workflows.analysis.meaning import mean
from al_workflows.analysis.style import (
    LIGHT,
    Style,
    legend,
    name_ticks,
    new_axes,
    new_panels,
    time_unit,
    whole_numbers,
    wide_legend,
)
from al_workflows.campaign.history import CampaignHistory
from al_workflows.campaign.member import Role
from al_workflows.campaign.results import Entry
from al_workflows.campaign.states import MemberState

#: members that a point of a running median is of, at least, and the share of all that it is of
WINDOW, SHARE = 9, 1 / 20
#: more members are drawn as smaller points, and their median at about so many of them
MANY = 300


def learning_curve(history: CampaignHistory, style: Style = LIGHT) -> Figure | None:
    """DFT calls of each member that has ended, in that order, with their running median.

    Crosses found no answer, and are not in the median. What plain DFT took, where that is known, is a mean beside them.
    """
    done = history.done
    if not done:
        return None
    order = "in which they ended" if history.timed else "of the plan"
    figure, axes = new_axes(style, f"members in the order {order}", "DFT calls of the member")
    size = 5 if len(done) <= MANY else 3
    answered = [(n, one) for n, one in enumerate(done, start=1) if one.outcome.state is MemberState.CONVERGED]
    for role, colour in zip(Role, _colours(style), strict=True):
        of_role = [(n, one) for n, one in answered if one.outcome.role is role]
        _members(axes, of_role, "o", size, role.value, colour, style)
    parked = [(n, one) for n, one in enumerate(done, start=1) if one.outcome.state is not MemberState.CONVERGED]
    _members(axes, parked, "X", size + 2, "no answer", style.red, style)
    if len(answered) >= WINDOW:
        calls = [one.outcome.calls for _, one in answered]
        half = max(WINDOW, round(SHARE * len(calls))) // 2
        shown = range(0, len(calls), max(len(calls) // MANY, 1))
        medians = [statistics.median(calls[max(0, n - half) : n + half + 1]) for n in shown]
        places = [answered[n][0] for n in shown]
        axes.plot(places, medians, "-", color=style.ink, lw=1.8, label=f"median of {2 * half + 1}")
    if history.direct:
        usual = statistics.mean(one.calls for one in history.direct.values())
        name = f"{history.method}'s mean {usual:.1f}"
        axes.axhline(usual, color=style.faint, ls="--", lw=1.4, label=name)
    axes.set_xlim(0, len(done) + 1)
    axes.set_ylim(bottom=0)
    whole_numbers(axes, "xy")
    wide_legend(axes, style)
    return figure


def progress(history: CampaignHistory, style: Style = LIGHT) -> Figure | None:
    """Members that have ended, and the DFT calls that they took, over wall time since the campaign's submission.

    Needs ``history.ended``, and ``submitted`` or ``began``. Calls count when their member ends.
    """
    done = [one for one in history.done if one.outcome.key in history.ended]
    done.sort(key=lambda one: history.ended[one.outcome.key])
    start = history.submitted if history.submitted is not None else min(history.began.values(), default=None)
    if not done or start is None:
        return None
    seconds = [max(history.ended[one.outcome.key] - start, 0.0) for one in done]
    length, unit = time_unit(seconds[-1])
    times = [0.0, *(second / length for second in seconds)]
    figure, (above, below) = new_panels(
        style, [(f"wall time ({unit})", "members"), (f"wall time ({unit})", "DFT calls")]
    )
    members = len(history.results.entries)
    above.step(times, range(len(times)), where="post", color=style.blue, lw=3.0, label="ended")
    converged = [0, *accumulate(one.outcome.state is MemberState.CONVERGED for one in done)]
    above.step(times, converged, where="post", color=style.green, lw=1.2, label="converged")
    above.axhline(members, color=style.faint, ls="--", lw=1.2, label=f"all {members}")
    calls = [0, *accumulate(one.outcome.calls for one in done)]
    below.step(times, calls, where="post", color=style.blue, lw=1.8, label="of members that ended")
    if history.direct:
        plain, known = _plain(history, done)
        name = f"{history.method} for them" + ("" if known else f" (by its mean of {len(history.direct)})")
        below.step(times, [0, *accumulate(plain)], where="post", color=style.faint, lw=1.4, label=name)
    if history.budget is not None:
        below.axhline(history.budget, color=style.red, ls="--", lw=1.2, label=f"budget {history.budget}")
    for axes in (above, below):
        axes.set_xlim(0, 1.03 * times[-1] or 1.0)
        axes.set_ylim(bottom=0)
        whole_numbers(axes, "y")
        legend(axes, style)
    return figure


def calls_by_kind(history: CampaignHistory, style: Style = LIGHT) -> Figure | None:
    """DFT calls of the members that have converged, by adsorbate, and by role for those that have none."""
    groups: defaultdict[str, list[Entry]] = defaultdict(list)
    for one in history.done:
        if one.outcome.state is MemberState.CONVERGED:
            adsorbate, role = one.outcome.tags.get("adsorbate", ""), one.outcome.role
            plain = adsorbate if role is Role.ADSORPTION else f"{role.value} {adsorbate}".strip()
            groups[plain or role.value].append(one)
    if not groups:
        return None
    figure, axes = new_axes(style, "adsorbate, or role", "DFT calls of the member")
    if len(groups) > 8:
        figure.set_figwidth(min(1.6 + 0.4 * len(groups), 16.0))
    names = sorted(groups, key=lambda name: (groups[name][0].outcome.role is not Role.ADSORPTION, name))
    for place, name in enumerate(names):
        calls = [one.outcome.calls for one in groups[name]]
        beside = [place + shift for shift in _spread(len(calls))]
        (points,) = axes.plot(beside, calls, ".", color=style.blue, ms=6, alpha=0.55)
        mean(points, name, points=[one.outcome.key for one in groups[name]])
        middle = statistics.median(calls)
        said = "median" if place == 0 else None
        (mark,) = axes.plot([place], [middle], "_", color=style.ink, ms=16, mew=2, label=said)
        mean(mark, "median", points=[name])
    name_ticks(axes, names)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylim(bottom=0)
    whole_numbers(axes, "y")
    wide_legend(axes, style)
    return figure


def _members(
    axes: Axes, pairs: Sequence[tuple[int, Entry]], marker: str, size: float, name: str, colour: str, style: Style
) -> None:
    if not pairs:
        return
    places, calls = [n for n, _ in pairs], [one.outcome.calls for _, one in pairs]
    (points,) = axes.plot(places, calls, marker, color=colour, mec=style.paper, mew=0.5, ms=size, label=name)
    mean(points, name, points=[_said(one) for _, one in pairs])


def _said(one: Entry) -> str:
    """Of a member, what a pointer is told."""
    found = one.outcome
    return found.key if found.state is MemberState.CONVERGED else f"{found.key} ({found.state.value})"


def _colours(style: Style) -> tuple[str, ...]:
    """Of the roles, in their order."""
    return style.blue, style.green, style.yellow, style.pink, style.faint


def _plain(history: CampaignHistory, done: Sequence[Entry]) -> tuple[list[float], bool]:
    """What plain DFT takes for each member, and whether all of it is known; else its mean takes the place."""
    usual = statistics.mean(one.calls for one in history.direct.values())
    keys = [one.outcome.key for one in done]
    return [float(history.direct[key].calls) if key in history.direct else usual for key in keys], all(
        key in history.direct for key in keys
    )


def _spread(count: int) -> list[float]:
    """Shifts that keep points of one place apart: evenly, in an order that does not follow theirs."""
    golden = 0.6180339887
    return [0.5 * (float(np.modf(n * golden)[0]) - 0.5) for n in range(count)] if count > 1 else [0.0]
