"""Effective medium theory by ASE: milliseconds instead of hours. For tests and demonstrations; not DFT."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from al_workflows.dft.backend import Computed, Rung, distribution_version, evaluate
from al_workflows.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class EmtBackend:
    """ASE's EMT with its own parameters."""

    def check(self, elements: Collection[str]) -> None:
        """InputError for an element without EMT parameters."""
        from ase.calculators.emt import parameters

        unknown = sorted(set(elements) - set(parameters))
        if unknown:
            raise InputError(
                f"`dft.kind` is 'emt' but EMT has no parameters for {', '.join(unknown)}; it knows "
                f"{', '.join(sorted(parameters))}: choose another kind"
            )

    def settings(self) -> dict[str, Any]:
        """None."""
        return {}

    def code(self) -> str:
        """E.g. ``ase-emt 3.29.0``."""
        return f"ase-emt {distribution_version('ase')}"

    def ladder(self) -> tuple[Rung, ...]:
        """None."""
        return ()

    def compute(self, atoms: Atoms, directory: Path) -> Computed:
        """Energy and raw forces; writes no files."""
        from ase.calculators.emt import EMT

        return evaluate(atoms, EMT())
