"""A campaign's relaxations beside an optimizer's that asks DFT at every step, from the same starts.

Energies eV. Ends whose energies differ by less than :data:`SAME` count as one basin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from al_workflows.campaign.results import Entry

#: eV
SAME = 0.010


@dataclass(frozen=True)
class Direct:
    """What plain DFT found for a member: ``energy`` is None where it failed, ``outcome`` says how it ended."""

    energy: float | None
    calls: int
    outcome: str


@dataclass(frozen=True)
class Compared:
    """A member beside plain DFT; ``adsorption_difference`` is the campaign's less plain DFT's."""

    entry: Entry
    direct: Direct
    adsorption_difference: float | None

    @property
    def difference(self) -> float | None:
        """The campaign's energy less plain DFT's."""
        energy = self.entry.outcome.energy
        return None if energy is None or self.direct.energy is None else energy - self.direct.energy

    @property
    def ends(self) -> str:
        """``same``, ``lower`` or ``higher`` than plain DFT; ``-`` where there is nothing to compare."""
        if self.difference is None:
            return "-"
        if abs(self.difference) < SAME:
            return "same"
        return "lower" if self.difference < 0 else "higher"

    def row(self) -> dict[str, Any]:
        """In the types of JSON."""
        one = self.entry.outcome
        return {
            "key": one.key,
            "ends": self.ends,
            "energy_eV": one.energy,
            "direct_energy_eV": self.direct.energy,
            "adsorption_energy_eV": self.entry.adsorption_energy,
            "adsorption_difference_eV": self.adsorption_difference,
            "dft_calls": one.calls,
            "direct_dft_calls": self.direct.calls,
            "direct_outcome": self.direct.outcome,
        }


def compare(entries: Sequence[Entry], direct: Mapping[str, Direct]) -> list[Compared]:
    """Each of ``entries`` that plain DFT has answered, beside that; a reference is compared as a member of its own."""
    found = []
    for entry in entries:
        if entry.outcome.key not in direct:
            continue
        mine = direct[entry.outcome.key]
        parts = [(mine.energy, 1.0)]
        for key, number in entry.used.items():
            parts.append((direct[key].energy if key in direct else None, -number))
        theirs = None
        if entry.adsorption_energy is not None and all(energy is not None for energy, _ in parts):
            theirs = sum(number * energy for energy, number in parts if energy is not None)
        difference = None if theirs is None or entry.adsorption_energy is None else entry.adsorption_energy - theirs
        found.append(Compared(entry, mine, difference))
    return found


def conclusion(found: Sequence[Compared], method: str) -> str:
    """What the comparison says, in a few lines."""
    pairs = [(one, one.difference) for one in found if one.difference is not None]
    same = [(one, difference) for one, difference in pairs if one.ends == "same"]
    ours, theirs = (sum(calls) for calls in ([o.entry.outcome.calls for o in found], [o.direct.calls for o in found]))
    lines = [f"{len(found)} relaxations: {ours} DFT calls, {method} {theirs}"]
    if same:
        largest = max(abs(difference) for _, difference in same)
        lines.append(
            f"{len(same)} end within {1000 * SAME:g} meV of {method}'s energy (median "
            f"{1000 * median(abs(difference) for _, difference in same):.2f} meV, largest {1000 * largest:.2f} meV)"
        )
    energies = [abs(one.adsorption_difference) for one, _ in same if one.adsorption_difference is not None]
    if energies:
        lines.append(f"their {len(energies)} adsorption energies differ by {1000 * max(energies):.2f} meV at most")
    for one, difference in pairs:
        if one.ends != "same":
            lines.append(f"{one.entry.outcome.key} ends {1000 * abs(difference):.0f} meV {one.ends} than {method}")
    lines += [f"{one.entry.outcome.key}: {method}: {one.direct.outcome}" for one in found if one.difference is None]
    return "\n".join(lines)
