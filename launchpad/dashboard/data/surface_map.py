"""The map of a campaign: a row for each surface, a column for each adsorbate, and in each cell how its members do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from al_workflows.campaign.states import MemberState
from launchpad.dashboard.data.members import Members
from launchpad.dashboard.words import tone

#: tags that make a surface
SURFACE = ("bulk", "miller", "termination")
ADSORBATE = "adsorbate"
#: heads of what has no surface, or no adsorbate
GAS, CLEAN = "gas phase", "clean"
#: rows of the map at most
ROWS = 300
TONES = ("good", "bad", "busy", "idle")


@dataclass
class Cell:
    """Members of one surface and one adsorbate.

    ``query`` is the address's part that filters the table for them, ``tones`` counts them by how their states are
    coloured, ``lowest`` is the lowest adsorption energy among them, eV.
    """

    query: str
    states: Counter[MemberState] = field(default_factory=Counter)
    lowest: float | None = None

    @property
    def members(self) -> int:
        """How many."""
        return self.states.total()

    @property
    def converged(self) -> int:
        """How many of them have an answer."""
        return self.states[MemberState.CONVERGED]

    @property
    def tones(self) -> list[tuple[str, int]]:
        """``good``, ``bad``, ``busy`` and ``idle`` members, those that there are."""
        found: Counter[str] = Counter()
        for state, number in self.states.items():
            found[tone(state.value)] += number
        return [(one, found[one]) for one in TONES if found[one]]

    @property
    def bar(self) -> str:
        """The same as a CSS background: one colour beside the other, each as wide as its share."""
        tones, end = self.tones, 0
        if len(tones) == 1:
            return f"var(--{tones[0][0]}-bar)"
        stops = []
        for one, number in tones:
            begin, end = end, end + number
            stops.append(f"var(--{one}-bar) {100 * begin / self.members:.3g}% {100 * end / self.members:.3g}%")
        return f"linear-gradient(90deg,{','.join(stops)})"

    @property
    def words(self) -> str:
        """The same, to be read out."""
        states = ", ".join(f"{number} {state.value.replace('_', ' ').lower()}" for state, number in self.states.items())
        return states if self.lowest is None else f"{states}; lowest adsorption energy {self.lowest:.2f} eV"


@dataclass(frozen=True)
class SurfaceMap:
    """``cells`` has one for each of ``columns`` in each row, None where there is no such member.

    ``left_out``: rows beyond :data:`ROWS`.
    """

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell | None]]]
    left_out: int


def surface_map(members: Members) -> SurfaceMap:
    """The map of all members, in the plan's order; the gas phase and clean slabs come last and first."""
    cells: dict[tuple[tuple[str, ...], str], Cell] = {}
    surfaces: dict[tuple[str, ...], None] = {}
    adsorbates: dict[str, None] = {}
    for row in members.rows:
        tags = row.outcome.tags
        surface, adsorbate = tuple(tags.get(tag, "") for tag in SURFACE), tags.get(ADSORBATE, "")
        surfaces.setdefault(surface)
        adsorbates.setdefault(adsorbate)
        key = surface, adsorbate
        if key not in cells:
            cells[key] = Cell(_query((*surface, adsorbate), row.outcome.role.value))
        cell, energy = cells[key], row.entry.adsorption_energy
        cell.states[row.outcome.state] += 1
        if energy is not None and (cell.lowest is None or energy < cell.lowest):
            cell.lowest = energy
    columns = sorted(adsorbates, key=bool)
    gas = ("",) * len(SURFACE)
    rows = sorted(surfaces, key=lambda one: one == gas)
    shown = [
        (
            _head(surface),
            [cells.get((surface, adsorbate)) for adsorbate in columns],
        )
        for surface in rows[:ROWS]
    ]
    return SurfaceMap([one or CLEAN for one in columns], shown, max(0, len(rows) - ROWS))


def _head(surface: Sequence[str]) -> str:
    bulk, miller, termination = surface
    return " ".join(filter(None, (bulk, miller, termination and f"t{termination}"))) or GAS


def _query(tags: Sequence[str], role: str) -> str:
    """That finds a cell's members; where they lack a tag, which no address can say, it is their role that tells."""
    found = {name: tag for name, tag in zip((*SURFACE, ADSORBATE), tags, strict=True) if tag}
    return urlencode(found if all(tags) else found | {"role": role})
