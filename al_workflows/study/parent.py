"""Who answers single points in a study: a DFT code, or EMT that fails where DFT would."""

from __future__ import annotations

from pathlib import Path

from ase import Atoms
from ase.calculators.calculator import CalculationFailed, Calculator
from ase.calculators.emt import EMT

from al_workflows.benchmark.relaxed import CLOSE
from al_workflows.dft.calculator import SinglePoints
from al_workflows.dft.spec import DftSpec, EmtSpec, beside, resolved
from al_workflows.morse_fit.spec import load_fit_spec
from al_workflows.structures import max_force, min_distance_ratio

#: eV/Å: DFT is taken to fail on a structure with a larger force on a free atom
HOPELESS = 50.0
#: what captions say of it
FAILS = (
    f"EMT answers for any structure: one with two atoms closer than {CLOSE:g} times the sum of their covalent radii, "
    f"or with a force above {HOPELESS:g} eV/Å, counts as a failed DFT calculation"
)


class Failing(Calculator):  # type: ignore[misc]  # ase is untyped
    """EMT that raises ASE's ``CalculationFailed`` for structures on which DFT does not converge (:data:`FAILS`)."""

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012  # the form ASE reads

    def calculate(self, atoms: Atoms, properties: list[str], system_changes: list[str]) -> None:
        """See ASE."""
        super().calculate(atoms, properties, system_changes)
        closest = min_distance_ratio(atoms).ratio
        if closest < CLOSE:
            raise CalculationFailed(f"two atoms are {closest:.2f} times the sum of their covalent radii apart")
        copy = atoms.copy()
        copy.calc = EMT()
        energy, forces = float(copy.get_potential_energy()), copy.get_forces(apply_constraint=False)
        largest = max_force(copy, forces)
        if largest > HOPELESS:
            raise CalculationFailed(f"the force on an atom is {largest:.0f} eV/Å")
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}


def parent_of(dft: DftSpec, root: Path) -> Calculator:
    """A calculator of ``dft``; of a real code every geometry is kept below ``root`` and computed once for all arms."""
    return Failing() if isinstance(dft, EmtSpec) else SinglePoints(dft, root / "points")


def dft_of(path: Path | None) -> DftSpec:
    """The ``dft:`` section of a YAML file, which may be a run's, with what it leaves to the environment; EMT of None.

    Raises
    ------
    InputError
        The file is missing, has no such section, or breaks a rule.
    """
    return EmtSpec() if path is None else resolved(beside(load_fit_spec(path).dft, path.resolve().parent))
