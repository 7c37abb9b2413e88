"""Which basin a relaxation has ended in, by whether it has negative modes, its energy and its atoms' environments.

Two ends relaxed to 0.03 eV/Å can be some meV apart in one flat basin, and a start's rattle can take an adsorbate to the
next of equivalent sites. So an end without negative modes is first relaxed further on the parent (not counted), and two
are of one basin if the energies down there agree and every atom sees the same distances. An end with negative modes is
taken as it is: from there it may run down anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.optimize import BFGS
from scipy.optimize import linear_sum_assignment

from al_workflows.curvature import modes
from al_workflows.neighbors import find_neighbors
from al_workflows.records import FloatArray, Record

#: eV/Å and steps: how far an end is followed down
BOTTOM_FMAX, BOTTOM_STEPS = 0.003, 500
#: Å: small steps stay in the basin
BOTTOM_STEP = 0.05
#: eV: bottoms of one basin are not farther apart
SAME_ENERGY = 0.005
#: Å: nor do distances of matching atoms to their neighbours differ by more
SAME_DISTANCES = 0.15
#: each atom is known by its distances to so many others, as far as REACH (Å)
NEIGHBOURS, REACH = 16, 7.0


@dataclass(frozen=True, eq=False)
class Ground(Record):
    """What an end is judged by: its negative modes; energy (eV) and structure of the bottom, or of the end itself."""

    negative_modes: int
    energy: float
    atoms: Atoms


def ground_of(end: Atoms, parent: Calculator) -> Ground:
    """The ground of a relaxed structure; the parent's calls here are nobody's."""
    negative, atoms = modes(end, parent).negative(), end.copy()
    atoms.calc = parent
    if negative == 0:
        BFGS(atoms, logfile=None, maxstep=BOTTOM_STEP).run(fmax=BOTTOM_FMAX, steps=BOTTOM_STEPS)
    energy = float(atoms.get_potential_energy())
    atoms.calc = None
    return Ground(negative, energy, atoms)


def environments(atoms: Atoms) -> FloatArray:
    """Each atom's distances to its nearest others, sorted, Å, [N, NEIGHBOURS]; ``REACH`` where there are fewer.

    They do not change under rotation, translation, reflection or a lattice vector, and change continuously with the
    positions.
    """
    found = find_neighbors(atoms, REACH)
    distances = np.linalg.norm(found.vectors, axis=1)  # [pairs]
    table = np.full((len(atoms), NEIGHBOURS), REACH)
    for i in range(len(atoms)):
        nearest = np.sort(distances[found.offsets[i] : found.offsets[i + 1]])[:NEIGHBOURS]
        table[i, : len(nearest)] = nearest
    return table


def difference(one: Atoms, other: Atoms) -> float:
    """Å: largest difference between environments of atoms matched best within each element; inf for other elements."""
    if sorted(one.numbers) != sorted(other.numbers):
        return float("inf")
    ours, theirs = environments(one), environments(other)
    apart = 0.0
    for number in np.unique(one.numbers):
        cost = np.abs(ours[one.numbers == number][:, None] - theirs[other.numbers == number][None]).max(axis=2)
        apart = max(apart, float(cost[linear_sum_assignment(cost)].max()))
    return apart


def same_basin(one: Ground, other: Ground) -> bool:
    """Whether two ends are of one basin, or near one saddle, some modes of which may be about the tolerance."""
    if bool(one.negative_modes) != bool(other.negative_modes) or abs(one.energy - other.energy) > SAME_ENERGY:
        return False
    return difference(one.atoms, other.atoms) <= SAME_DISTANCES


def basins(grounds: Sequence[Ground]) -> list[int]:
    """A number for each, equal for those of one basin, from 0 upwards with the energy."""
    labels, found = [0] * len(grounds), list[Ground]()
    for index in sorted(range(len(grounds)), key=lambda k: grounds[k].energy):
        same = [k for k, other in enumerate(found) if same_basin(grounds[index], other)]
        if not same:
            found.append(grounds[index])
        labels[index] = same[0] if same else len(found) - 1
    return labels
