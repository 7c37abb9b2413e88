"""How fast a potential predicts, beside plain autograd of the same formulas and beside what the machine could do.

All times are CPU times of one thread, the shortest of many calls: see :func:`~.ceilings.cpu_seconds`. Neighbours are
remembered from call to call in both, as in a relaxation.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.optimize import BFGS

from al_workflows.benchmark.autograd_reference import AutogradCalculator, AutogradReference
from al_workflows.benchmark.ceilings import (
    Ceilings,
    counted,
    cpu_seconds,
    descriptor_work,
    exponent,
    measured_ceilings,
    prediction_work,
)
from al_workflows.benchmark.speed_cases import labelled, paper_slab, potentials, slab
from al_workflows.benchmark.tables import Column, Document, Table
from al_workflows.potential import Potential, PotentialCalculator
from al_workflows.potential.ensemble import NetworkEnsemble
from al_workflows.potential.gaussian_process.model import GaussianProcess
from al_workflows.potential.model import Regressor
from al_workflows.potential.neighbor_cache import NeighborCache
from al_workflows.threads import single_threaded

#: lateral repeats of the Cu(100) slabs of three layers with CO on them, 29 to 509 atoms
SIZES = ((3, 3), (4, 4), (6, 6), (8, 8), (13, 13))
#: plain autograd is left out for more atoms than this, for it would take gigabytes
MOST_AUTOGRAD_ATOMS = 120
#: steps of the relaxation
STEPS = 150

#: told of each row as it comes
Listener = Callable[[Any], None]


@dataclass(frozen=True)
class PredictionRow:
    """One structure and one potential; times in ms, of one call.

    ``descriptor``: features alone; ``one``, ``all``: energy and forces with one member and with all, and their spread;
    ``step``: all by ASE's calculator after a move, energy and forces asked for as an optimizer does; ``autograd``: what
    ``all`` takes in plain torch; ``floor``: what ``all`` takes at least.
    """

    potential: str
    atoms: int
    neighbors: Annotated[float, Column("neighbours of an atom", 1)]
    triplets: Annotated[float, Column("triplets of an atom", 0)]
    members: int
    descriptor: Annotated[float, Column("descriptor, ms", 3)]
    descriptor_floor: Annotated[float, Column("floor, ms", 3)]
    one: Annotated[float, Column("forces, one member, ms", 3)]
    all: Annotated[float, Column("forces, all members, ms", 3)]
    step: Annotated[float, Column("by ASE, ms", 3)]
    autograd: Annotated[float | None, Column("autograd, ms", 1)]
    ratio: Annotated[float | None, Column("times faster", 1)]
    floor: Annotated[float | None, Column("floor, ms", 3)]

    @property
    def said(self) -> str:
        """In a line."""
        return f"energy and forces of {self.members} members in {self.all:.2f} ms"


@dataclass(frozen=True)
class ExponentRow:
    """How time grows with atoms: the slope of its logarithm by theirs, over the sizes of the table above."""

    potential: str
    sizes: Annotated[str, Column("atoms")]
    descriptor: Annotated[float, Column("descriptor", 2)]
    all: Annotated[float, Column("forces, all members", 2)]


@dataclass(frozen=True)
class RelaxationRow:
    """A BFGS relaxation of so many steps on the model; CPU seconds, and ms of a step."""

    potential: str
    atoms: int
    steps: int
    seconds: Annotated[float, Column("s", 2)]
    step: Annotated[float, Column("ms a step", 2)]
    autograd: Annotated[float | None, Column("autograd, s", 1)]
    ratio: Annotated[float | None, Column("times faster", 1)]

    @property
    def said(self) -> str:
        """In a line."""
        return f"{self.steps} steps of a relaxation in {self.seconds:.2f} s"


def sizes_up_to(atoms: int) -> list[tuple[int, int]]:
    """Those of :data:`SIZES` that make no more than so many atoms."""
    return [(along, across) for along, across in SIZES if 3 * along * across + 2 <= atoms]


@single_threaded
def prediction_rows(
    structures: Sequence[Atoms], models: dict[str, Potential], ceilings: Ceilings, listen: Listener = lambda row: None
) -> list[PredictionRow]:
    """One row for every potential and structure."""
    rows = []
    for (name, potential), atoms in itertools.product(models.items(), structures):
        rows.append(_prediction_row(name, potential, atoms, ceilings))
        listen(rows[-1])
    return rows


def _prediction_row(name: str, potential: Potential, atoms: Atoms, ceilings: Ceilings) -> PredictionRow:
    descriptor, regressor = potential.descriptor, potential.regressor
    counts = counted(atoms, descriptor.spec.cutoff)
    surroundings = potential._surroundings(atoms)
    single = replace(potential, regressor=_first_member(regressor))
    caches = NeighborCache(), NeighborCache()
    everything = cpu_seconds(lambda: potential.predict(atoms, caches[0]))
    floor = autograd = None
    if isinstance(regressor, NetworkEnsemble):
        work = prediction_work(counts, descriptor.spec, regressor.layout, regressor.n_members)
        floor = 1e3 * ceilings.floor(work)
        if len(atoms) <= MOST_AUTOGRAD_ATOMS:
            reference = AutogradReference(potential)
            geometry = reference.geometry(atoms)
            autograd = cpu_seconds(lambda: reference.predict(atoms, geometry))
    return PredictionRow(
        potential=name,
        atoms=len(atoms),
        neighbors=counts.pairs / len(atoms),
        triplets=counts.triplets / len(atoms),
        members=regressor.n_members,
        descriptor=1e3 * cpu_seconds(lambda: descriptor.features(*surroundings)),
        descriptor_floor=1e3 * ceilings.floor(descriptor_work(counts, descriptor.spec)),
        one=1e3 * cpu_seconds(lambda: single.predict(atoms, caches[1])),
        all=1e3 * everything,
        step=1e3 * cpu_seconds(_Stepper(potential, atoms)),
        autograd=None if autograd is None else 1e3 * autograd,
        ratio=None if autograd is None else autograd / everything,
        floor=floor,
    )


def _first_member(regressor: Regressor) -> Regressor:
    if isinstance(regressor, NetworkEnsemble):
        return replace(regressor, parameters=regressor.parameters[:1])
    if isinstance(regressor, GaussianProcess):
        return replace(regressor, weights=regressor.weights[:1], offsets=regressor.offsets[:1])
    raise TypeError(f"the potential has a {type(regressor).__name__} but must have networks or a Gaussian process")


class _Stepper:
    """What an optimizer asks for in a step, after a move that keeps the neighbours."""

    def __init__(self, potential: Potential, atoms: Atoms) -> None:
        self._atoms, self._home = atoms.copy(), atoms.positions.copy()
        self._atoms.calc = PotentialCalculator(potential)
        self._sign = 1e-3

    def __call__(self) -> None:
        self._sign = -self._sign
        self._atoms.positions[:] = self._home + self._sign
        self._atoms.get_forces()
        self._atoms.get_potential_energy()
        self._atoms.get_forces(apply_constraint=False)


def exponent_rows(rows: Sequence[PredictionRow]) -> list[ExponentRow]:
    """One row for every potential of ``rows``."""
    found = []
    for name in dict.fromkeys(row.potential for row in rows):
        chosen = [row for row in rows if row.potential == name]
        sizes = [float(row.atoms) for row in chosen]
        found.append(
            ExponentRow(
                potential=name,
                sizes=" ".join(str(row.atoms) for row in chosen),
                descriptor=exponent(sizes, [row.descriptor for row in chosen]),
                all=exponent(sizes, [row.all for row in chosen]),
            )
        )
    return found


@single_threaded
def relaxation_rows(
    structures: Sequence[Atoms],
    models: dict[str, Potential],
    steps: int = STEPS,
    listen: Listener = lambda row: None,
) -> list[RelaxationRow]:
    """One row for every potential and structure; the shortest of three relaxations, of one with autograd."""
    rows = []
    for (name, potential), atoms in itertools.product(models.items(), structures):
        seconds = cpu_seconds(lambda: _relax(atoms, PotentialCalculator(potential), steps), 0.0)  # noqa: B023
        autograd = None
        if isinstance(potential.regressor, NetworkEnsemble):
            calculator = AutogradCalculator(AutogradReference(potential))
            _relax(atoms, calculator, 1)
            began = time.process_time()
            _relax(atoms, calculator, steps)
            autograd = time.process_time() - began
        rows.append(
            RelaxationRow(
                potential=name,
                atoms=len(atoms),
                steps=steps,
                seconds=seconds,
                step=1e3 * seconds / steps,
                autograd=autograd,
                ratio=None if autograd is None else autograd / seconds,
            )
        )
        listen(rows[-1])
    return rows


def _relax(atoms: Atoms, calculator: Calculator, steps: int) -> None:
    copy = atoms.copy()
    copy.calc = calculator
    BFGS(copy, logfile=None).run(fmax=0.0, steps=steps)


def document(
    command: str, sizes: Sequence[tuple[int, int]] = SIZES, steps: int = STEPS, listen: Listener = lambda row: None
) -> Document:
    """Everything of ``alflow benchmark predict``: C/Cu(100) of 13 atoms, then CO/Cu(100) of ``sizes``."""
    ceilings = measured_ceilings()
    small, larger = paper_slab(), [slab(size) for size in sizes]
    of_two = potentials([labelled(paper_slab(seed, 0.1)) for seed in range(3)])
    of_three = potentials([labelled(slab((2, 2), seed, 0.1)) for seed in range(3)])
    first = prediction_rows([small], of_two, ceilings, listen)
    growing = prediction_rows([small, *larger], of_three, ceilings, listen)
    relaxations = relaxation_rows([small], of_two, steps, listen) + relaxation_rows(larger[:1], of_three, steps, listen)
    notes = (
        "CPU time, the shortest of many calls; neighbours remembered.",
        "Autograd: the same formulas in plain torch, equal to 1e-10. It takes the neighbour list as given.",
        "Floor: bytes by bandwidth or operations by the speed of a matrix product, whichever takes longer.",
    )
    return Document(
        title="Prediction",
        command=command,
        settings={"threads": 1} | ceilings.described(),
        tables=[
            Table("C/Cu(100), potentials of two elements", first, notes),
            Table("C/Cu(100) and CO/Cu(100), potentials of three elements", growing),
            Table("Growth with the number of atoms (1: linear)", exponent_rows(growing)),
            Table("Relaxation on the model", relaxations, ("BFGS of ASE, which takes its part of a step.",)),
        ],
    )
