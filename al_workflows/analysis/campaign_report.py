"""A campaign as one page that needs nothing else: its figures, what it cost, and every member."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from al_workflows.analysis.gallery_campaign import CAMPAIGN_GALLERY
from al_workflows.analysis.plates import Plate, environment, number, plate, write_plates
from al_workflows.analysis.report import PAGE, duration
from al_workflows.campaign.history import CampaignHistory
from al_workflows.campaign.results import Entry
from al_workflows.campaign.states import MemberState
from al_workflows.files import write_atomically
from al_workflows.path_result import HEIGHT
from al_workflows.versions import installed_versions

#: members that a cause names
NAMED = 3


def write_campaign_report(history: CampaignHistory, directory: Path) -> Path:
    """Write ``report.html``, and each figure as PNG, SVG, PDF and CSV, into ``directory``; the page's path.

    Raises
    ------
    EnvironmentProblem
        The directory cannot be made or written.
    """
    plates = [plate(history, entry) for entry in CAMPAIGN_GALLERY]
    write_atomically(directory / PAGE, campaign_page(history, plates), durable=False)
    write_plates(plates, [entry.name for entry in CAMPAIGN_GALLERY], directory)
    return directory / PAGE


def campaign_page(history: CampaignHistory, plates: Sequence[Plate]) -> str:
    """The page's HTML; all that comes from the campaign is escaped."""
    results = history.results
    return (
        environment()
        .get_template("campaign.html.j2")
        .render(
            campaign=history,
            states=sorted(results.states.items()),
            facts=facts(history),
            plates=plates,
            members=[member_row(entry) for entry in results.entries],
            causes=causes(results.entries),
            spreads=results.spreads,
            reporter=installed_versions(),
        )
    )


def facts(history: CampaignHistory) -> list[tuple[str, str]]:
    """The campaign's key numbers, most telling first, each with its name and unit."""
    results = history.results
    states = results.states
    converged = [one.outcome.calls for one in history.done if one.outcome.state is MemberState.CONVERGED]
    parked = sum(count for state, count in states.items() if MemberState(state).parked)
    found = [
        ("members", str(len(results.entries))),
        ("converged", str(states.get(MemberState.CONVERGED.value, 0))),
        ("without an answer", str(parked)),
        ("to come, or under way", str(sum(count for state, count in states.items() if not _over(state)))),
        ("DFT calls", str(results.dft_calls)),
    ]
    if history.budget is not None:
        found.append(("budget", f"{history.budget} DFT calls"))
    if converged:
        found.append(("mean of a member", f"{statistics.mean(converged):.1f}"))
    if history.direct:
        usual = statistics.mean(one.calls for one in history.direct.values())
        found.append((f"{history.method}'s mean of {len(history.direct)}", f"{usual:.1f}"))
    borrowed = sum(one.outcome.summary.get("borrowed", 0) for one in results.entries)
    found += [
        ("labels lent, reused", f"{borrowed}, {results.reused}"),
        ("failed points", str(sum(results.failures.values()))),
        ("time of the steps", duration(results.seconds)),
    ]
    if history.submitted is not None and history.ended:
        found.append(("wall time", duration(max(history.ended.values()) - history.submitted)))
    return found


def _over(state: str) -> bool:
    return MemberState(state).ended or MemberState(state).parked or MemberState(state) is MemberState.CANCELLED


@dataclass(frozen=True)
class MemberRow:
    """One member in words; energies eV, forces eV/Å."""

    key: str
    role: str
    state: str
    good: bool
    bad: bool
    adsorption_energy: str
    rank: str
    barrier: str
    energy: str
    fmax: str
    calls: str
    seconds: str
    remark: str


def member_row(entry: Entry) -> MemberRow:
    """What the table says of a member."""
    one = entry.outcome
    reason = one.reason if one.state is not MemberState.CONVERGED else ""
    return MemberRow(
        key=one.key,
        role=one.role.value,
        state=one.state.value,
        good=one.state is MemberState.CONVERGED,
        bad=one.state.parked,
        adsorption_energy=number(entry.adsorption_energy),
        rank="–" if entry.rank is None else str(entry.rank),
        barrier=number(entry.barriers[HEIGHT]),
        energy=number(one.energy),
        fmax=number(one.fmax),
        calls=str(one.calls),
        seconds=f"{one.seconds:.1f}",
        remark="; ".join(text for text in (reason, entry.missing) if text),
    )


@dataclass(frozen=True)
class Cause:
    """Failed single points of one status and cause: how many, of which members (the first), and where one lies."""

    status: str
    cause: str
    points: int
    members: str
    directory: str


def causes(entries: Sequence[Entry]) -> list[Cause]:
    """The failed single points by status and cause, the most frequent first."""
    found: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for entry in entries:
        for failure in entry.failures:
            found[failure["status"], failure["cause"]].append((entry.outcome.key, failure["directory"]))
    return [
        Cause(status, cause, len(points), _several(dict.fromkeys(key for key, _ in points)), points[0][1])
        for (status, cause), points in sorted(found.items(), key=lambda item: -len(item[1]))
    ]


def _several(keys: dict[str, None]) -> str:
    names = list(keys)
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
