"""What one reads off a trajectory: radial distribution functions, and mean-square displacements."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from al_workflows.neighbors import find_neighbors
from al_workflows.records import FloatArray, Pool
from al_workflows.structures import free_atoms

#: Å: how far radial distribution functions go, and their bins
REACH, BIN = 6.0, 0.05
#: the key of all atoms, beside those of elements and pairs of elements
TOTAL = "total"


@dataclass(frozen=True, eq=False)
class Radial:
    """Radial distribution functions: ``values`` [bins] at ``distances`` [bins] (Å), in all and by pair as ``Cu-O``.

    Counts are divided by those of as many atoms spread evenly over the cell. Of a slab that holds its vacuum, so only
    functions of one cell compare.
    """

    distances: FloatArray
    values: Mapping[str, FloatArray]


def radial_distribution(template: Atoms, positions: FloatArray, reach: float = REACH, width: float = BIN) -> Radial:
    """Of the frames of ``positions`` [F, N, 3] (Å), to ``reach`` in bins of ``width`` (Å); images count.

    A structure without a cell is taken to fill a ball of radius ``reach``.
    """
    edges = np.arange(0.0, reach + width / 2, width)
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)  # [bins], Å³
    elements = sorted(set(template.symbols))
    kinds = np.array([elements.index(symbol) for symbol in template.symbols])  # [N]
    counts = np.zeros((len(elements), len(elements), len(shells)))
    atoms = template.copy()
    for frame in positions:
        atoms.positions[:] = frame
        found = find_neighbors(atoms, reach)
        bins = np.minimum((np.linalg.norm(found.vectors, axis=1) / width).astype(int), len(shells) - 1)  # [pairs]
        np.add.at(counts, (kinds[found.first], kinds[found.second], bins), 1.0)
    counts /= max(len(positions), 1)
    volume = abs(template.cell.volume) or 4.0 / 3.0 * np.pi * reach**3
    numbers = np.bincount(kinds, minlength=len(elements))
    values = {TOTAL: counts.sum(axis=(0, 1)) * volume / (len(template) ** 2 * shells)}
    for a, b in itertools.combinations_with_replacement(range(len(elements)), 2):
        values[f"{elements[a]}-{elements[b]}"] = counts[a, b] * volume / (numbers[a] * numbers[b] * shells)
    return Radial((edges[1:] + edges[:-1]) / 2, values)


def of_pool(pool: Pool) -> Radial:
    """:func:`radial_distribution` of a pool's frames."""
    return radial_distribution(pool.template, pool.positions)


def of_frames(frames: Sequence[Atoms]) -> Radial:
    """:func:`radial_distribution` of structures of one composition and cell, one at least."""
    return radial_distribution(frames[0], np.array([atoms.positions for atoms in frames]))


def difference(one: Radial, other: Radial) -> float:
    """How far two total functions of the same bins are apart: the area between them over the area below the other."""
    apart = np.abs(one.values[TOTAL] - other.values[TOTAL]).sum()
    return float(apart / np.abs(other.values[TOTAL]).sum())


def mean_square_displacement(template: Atoms, positions: FloatArray) -> dict[str, FloatArray]:
    """Of each element's free atoms after 0, 1, … frames, Å² [F / 2 + 1], over all origins of time.

    ``positions`` [F, N, 3] are not wrapped into the cell. Where nothing is held, the centre of mass is.
    """
    moves = positions - positions[:1]
    if not template.constraints:
        masses = template.get_masses()
        moves = moves - np.einsum("fnc,n->fc", moves, masses)[:, None] / masses.sum()
    free = free_atoms(template)
    found = {}
    for element in sorted(set(template.symbols[free])):
        chosen = moves[:, free & (template.symbols == element)]  # [F, n, 3]
        lags = range(len(moves) // 2 + 1)
        found[element] = np.array(
            [((chosen[lag:] - chosen[: len(chosen) - lag]) ** 2).sum(axis=-1).mean() for lag in lags]
        )
    return found
