"""DFT as an ASE calculator: every new geometry is a single point of its own, and none is computed twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ase import Atoms
from ase.calculators.calculator import CalculationFailed, Calculator

from al_workflows.dft.single_point import single_point
from al_workflows.records import Label, Request
from al_workflows.spec import DftSpec
from al_workflows.structures import structure_key


class SinglePoints(Calculator):  # type: ignore[misc]  # ase is untyped
    """Labels by :func:`~al_workflows.dft.single_point.single_point`, each geometry in a directory named after it.

    Whoever asks again for a geometry is answered from there, in whatever order and by whatever method. A single point
    that fails raises ASE's ``CalculationFailed`` with its cause.

    Parameters
    ----------
    dft
        The code, its settings and limits.
    directory
        Where the single points live; made if missing.
    listener
        Told of each label.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012  # the form ASE reads

    def __init__(self, dft: DftSpec, directory: Path, listener: Callable[[Label], None] = lambda _: None) -> None:
        super().__init__()
        self._dft, self._directory, self._listener = dft, directory, listener
        self._known: dict[str, Label] = {}

    @property
    def labels(self) -> tuple[Label, ...]:
        """In the order of asking, those that failed included."""
        return tuple(self._known.values())

    def calculate(self, atoms: Atoms, properties: list[str], system_changes: list[str]) -> None:
        """See ASE."""
        super().calculate(atoms, properties, system_changes)
        key = structure_key(atoms)
        if key not in self._known:
            bare = atoms.copy()
            bare.calc, bare.info = None, {}
            name = key[:16]
            request = Request(key=f"reference/{name}", atoms=bare, strategy="reference", reason="asked for directly")
            self._known[key] = single_point(request, self._dft, self._directory / name)
            self._listener(self._known[key])
        label = self._known[key]
        if label.energy is None or label.forces is None:
            raise CalculationFailed(f"single point {label.key}: {label.status.value}: {label.cause}")
        self.results = {"energy": label.energy, "free_energy": label.energy, "forces": label.forces.copy()}
