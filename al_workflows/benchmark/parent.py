"""A parent potential whose every geometry is counted."""

from __future__ import annotations

import time
from enum import StrEnum

from ase import Atoms
from ase.calculators.calculator import Calculator

from al_workflows.records import FloatArray
from al_workflows.structures import max_force, structure_key


class Outcome(StrEnum):
    """How a relaxation ended."""

    CONVERGED = "converged"
    CALLS_SPENT = "calls spent"
    TIME_SPENT = "time spent"
    ENDED = "ended by itself"
    CRASHED = "crashed"


class Stop(Exception):  # no error: the way out of an optimizer that does not know it is done
    """A counted relaxation is over; ``outcome`` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


class Counting(Calculator):  # type: ignore[misc]  # ase is untyped
    """Passes every new geometry on to a parent calculator and keeps what came back.

    All geometries are of one composition and cell. One that was computed before (positions equal to 10⁻⁶ Å) is answered
    from memory and not counted.

    Parameters
    ----------
    parent
        The calculator that answers.
    start
        Its constraints say which atoms are free; those of the structures that are asked for are not looked at.
    fmax
        eV/Å: the first geometry whose largest force on a free atom is at most this raises :class:`Stop`; None: none.
    max_calls
        A geometry beyond this many raises :class:`Stop`; None: no limit.
    max_seconds
        CPU time of this process since construction, s, after which the next question raises :class:`Stop`.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012  # the form ASE reads

    def __init__(
        self,
        parent: Calculator,
        start: Atoms,
        fmax: float | None = None,
        max_calls: int | None = None,
        max_seconds: float | None = None,
    ) -> None:
        super().__init__()
        self._parent, self._start = parent, start.copy()
        self._target, self._max_calls, self._max_seconds = fmax, max_calls, max_seconds
        self._began = time.process_time()
        self._known: dict[str, tuple[float, FloatArray]] = {}
        #: the geometries in the order of their first computation, with energy (eV) and largest force (eV/Å)
        self.images: list[Atoms] = []
        self.energies: list[float] = []
        self.fmax: list[float] = []
        #: CPU time of the parent, s
        self.seconds = 0.0

    @property
    def calls(self) -> int:
        """Distinct geometries computed."""
        return len(self.energies)

    def place_of(self, atoms: Atoms) -> int:
        """The index of a computed geometry in the order of computation."""
        return list(self._known).index(structure_key(atoms))

    def calculate(self, atoms: Atoms, properties: list[str], system_changes: list[str]) -> None:
        """See ASE."""
        super().calculate(atoms, properties, system_changes)
        # an optimizer that no longer moves asks for what is known and would never end
        if self._max_seconds is not None and time.process_time() - self._began > self._max_seconds:
            raise Stop(Outcome.TIME_SPENT)
        key = structure_key(atoms)
        new = key not in self._known
        if new:
            if self._max_calls is not None and self.calls >= self._max_calls:
                raise Stop(Outcome.CALLS_SPENT)
            self._known[key] = self._computed(atoms)
        energy, forces = self._known[key]
        self.results = {"energy": energy, "free_energy": energy, "forces": forces.copy()}
        if new and self._target is not None and self.fmax[-1] <= self._target:
            raise Stop(Outcome.CONVERGED)

    def _computed(self, atoms: Atoms) -> tuple[float, FloatArray]:
        copy, began = self._start.copy(), time.process_time()
        copy.positions[:] = atoms.positions
        copy.calc = self._parent
        energy, forces = float(copy.get_potential_energy()), copy.get_forces(apply_constraint=False)
        self.seconds += time.process_time() - began
        copy.calc = None
        self.images.append(copy)
        self.energies.append(energy)
        self.fmax.append(max_force(copy, forces))
        return energy, forces
