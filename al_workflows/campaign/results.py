"""What a campaign found: adsorption energies, ranked sites, barriers, the spread between seeds, and what it cost.

An adsorption energy is E − Σ n E_reference over members that converged; where one did not, the result names it instead.
Energies eV, forces eV/Å, times s.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from al_workflows.campaign.member import Role
from al_workflows.campaign.states import MemberState
from al_workflows.path_result import HEIGHT, HEIGHT_BACK, REACTION

#: what sites share that are ranked among each other
SURFACE = ("bulk", "miller", "termination", "coverage", "adsorbate")
#: the tag of members that differ in their random numbers alone
SEED = "seed"


@dataclass(frozen=True)
class Outcome:
    """A member and what became of it. ``summary`` is the content of its run's ``result.json``, empty before that.

    ``energy`` and ``fmax`` are DFT's, of the answer, or of the last cycle while it goes on; ``seconds`` are those of
    its steps, summed.
    """

    key: str
    role: Role
    run: str
    version: int
    state: MemberState
    reason: str
    tags: Mapping[str, str]
    references: Mapping[str, float]
    energy: float | None
    fmax: float | None
    calls: int
    seconds: float
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A row of the results.

    ``adsorption_energy`` is None where a reference or the member itself has not converged; ``missing`` says which, and
    ``used`` is what was taken off otherwise. ``rank`` (from 1) and ``above_best`` are those among the sites of the same
    surface and adsorbate.
    """

    outcome: Outcome
    adsorption_energy: float | None = None
    used: Mapping[str, float] = field(default_factory=dict)
    missing: str = ""
    rank: int | None = None
    above_best: float | None = None

    @property
    def barriers(self) -> dict[str, float | None]:
        """Barrier, barrier back and reaction energy of a path, as DFT confirmed them."""
        return {name: self.outcome.summary.get(name) for name in (HEIGHT, HEIGHT_BACK, REACTION)}

    @property
    def failures(self) -> Sequence[Mapping[str, str]]:
        """The single points that failed: key, status, cause, directory."""
        return tuple(self.outcome.summary.get("failures", ()))

    def row(self) -> dict[str, Any]:
        """The entry in the types of JSON, one level deep but for tags, references and failures."""
        one = self.outcome
        return {
            "key": one.key,
            "role": one.role.value,
            "tags": dict(one.tags),
            "state": one.state.value,
            "reason": one.reason,
            "adsorption_energy_eV": self.adsorption_energy,
            "rank": self.rank,
            "above_best_eV": self.above_best,
            "references": dict(self.used),
            "missing": self.missing,
            **self.barriers,
            "energy_eV": one.energy,
            "fmax_eV_per_A": one.fmax,
            "dft_calls": one.calls,
            "reused": one.summary.get("reused", 0),
            "borrowed": one.summary.get("borrowed", 0),
            "borrowed_from": one.summary.get("borrowed_from", 0),
            "seconds": one.seconds,
            "run": one.run,
            "version": one.version,
            "failures": [dict(failure) for failure in self.failures],
        }


@dataclass(frozen=True)
class Spread:
    """What members found that differ in their seed alone: adsorption energies, else barriers, else energies (eV)."""

    of: str
    quantity: str
    seeds: int
    mean: float
    deviation: float
    range: float


@dataclass(frozen=True)
class CampaignResults:
    """All of it. ``failures`` counts failed single points by their status."""

    name: str
    entries: Sequence[Entry]
    spreads: Sequence[Spread]
    states: Mapping[str, int]
    dft_calls: int
    reused: int
    seconds: float
    failures: Mapping[str, int]

    def plain(self) -> dict[str, Any]:
        """In the types of JSON."""
        spreads = [
            {
                "of": one.of,
                "quantity": one.quantity,
                "seeds": one.seeds,
                "mean_eV": one.mean,
                "standard_deviation_eV": one.deviation,
                "range_eV": one.range,
            }
            for one in self.spreads
        ]
        totals = {
            "members": len(self.entries),
            "states": dict(self.states),
            "dft_calls": self.dft_calls,
            "reused": self.reused,
            "seconds": self.seconds,
            "failures": dict(self.failures),
        }
        return {
            "campaign": self.name,
            "totals": totals,
            "entries": [entry.row() for entry in self.entries],
            "seeds": spreads,
        }


def campaign_results(name: str, outcomes: Sequence[Outcome]) -> CampaignResults:
    """The results of a campaign, finished or not, in the order of its members."""
    by_key = {one.key: one for one in outcomes}
    entries = _ranked([_adsorption(one, by_key) for one in outcomes])
    return CampaignResults(
        name=name,
        entries=entries,
        spreads=_spreads(entries),
        states=Counter(one.state.value for one in outcomes),
        dft_calls=sum(one.calls for one in outcomes),
        reused=sum(one.summary.get("reused", 0) for one in outcomes),
        seconds=sum(one.seconds for one in outcomes),
        failures=Counter(failure["status"] for entry in entries for failure in entry.failures),
    )


def _adsorption(one: Outcome, by_key: Mapping[str, Outcome]) -> Entry:
    """The member with its adsorption energy, or with what is missing for it."""
    if not one.references:
        return Entry(one)
    missing = [_unfinished(key, by_key.get(key)) for key in (one.key, *one.references)]
    said = "; ".join(text for text in missing if text)
    if said or one.energy is None:
        return Entry(one, missing=said)
    energy = one.energy
    for key, number in one.references.items():
        energy -= number * (by_key[key].energy or 0.0)
    return Entry(one, adsorption_energy=energy, used=dict(one.references))


def _unfinished(key: str, one: Outcome | None) -> str:
    """Why the member's energy is none to calculate with; empty if it is."""
    if one is None:
        return f"{key} is no member"
    if one.state is not MemberState.CONVERGED or one.energy is None:
        return f"{key} is {one.state.value}"
    return ""


def _ranked(entries: Sequence[Entry]) -> list[Entry]:
    found: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
    for entry in entries:
        if entry.adsorption_energy is not None:
            found[_surface(entry)].append(entry.adsorption_energy)
    return [
        entry
        if entry.adsorption_energy is None
        else replace(
            entry,
            rank=1 + sum(other < entry.adsorption_energy for other in found[_surface(entry)]),
            above_best=entry.adsorption_energy - min(found[_surface(entry)]),
        )
        for entry in entries
    ]


def _surface(entry: Entry) -> tuple[str, ...]:
    return tuple(entry.outcome.tags.get(tag, "") for tag in SURFACE)


def _spreads(entries: Sequence[Entry]) -> list[Spread]:
    found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for entry in entries:
        one = entry.outcome
        if SEED not in one.tags or one.state is not MemberState.CONVERGED:
            continue
        of = " ".join([one.role.value, *(f"{tag}={value}" for tag, value in one.tags.items() if tag != SEED)])
        if entry.adsorption_energy is not None:
            found[of, "adsorption energy"].append(entry.adsorption_energy)
        elif (barrier := entry.barriers[HEIGHT]) is not None:
            found[of, "barrier"].append(barrier)
        elif one.energy is not None and not one.references:
            found[of, "energy"].append(one.energy)
    return [
        Spread(of, what, len(values), statistics.mean(values), statistics.stdev(values), max(values) - min(values))
        for (of, what), values in found.items()
        if len(values) > 1
    ]
