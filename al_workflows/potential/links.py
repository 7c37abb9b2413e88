"""The descriptor's derivatives in the form that large cells need: only atoms that see each other, only what changes.

A *link* is an ordered pair of different atoms i and j that are neighbours, by however many images. Moving j changes
those features of i that count its species, and moving i does the opposite of moving all of its neighbours::

    ∂G_i/∂R_j = link(i, j)          ∂G_i/∂R_i = − Σ_j link(i, j)          (an atom's own images move with it)

For 500 atoms and 3 elements that is 18 MB where [N, features, N, 3] takes 290 MB.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from al_workflows.neighbors import IntArray
from al_workflows.potential.compiled import compiled
from al_workflows.potential.kernels import scatter, set_side
from al_workflows.potential.triplets import Batch, Functions, Pairs, count_of, evaluate, fill, species_of_block
from al_workflows.records import FloatArray


class Links(NamedTuple):
    """``first``, ``second`` [links]: i and j; ``slopes`` [links, columns, 3]: ∂G_i/∂R_j, 1/Å.

    Which features the columns are depends on the species of j: row of :func:`columns`.
    """

    first: IntArray
    second: IntArray
    slopes: FloatArray


@compiled
def columns(functions: Functions) -> IntArray:
    """Features that a neighbour of each species changes, [species, columns]: G2 by η, then G4 by the other species."""
    n_species, n2 = functions.n_species, len(functions.g2_eta)
    n4 = len(functions.g4_eta) * len(functions.g4_zeta) * len(functions.g4_gamma)
    result = np.zeros((n_species, n2 + n_species * n4), np.int64)
    for kind in range(n_species):
        for e in range(n2):
            result[kind, e] = kind * n2 + e
    for block in range(n_species * (n_species + 1) // 2):
        one, other = species_of_block(block, n_species)
        for t in range(n4):
            feature = n_species * n2 + block * n4 + t
            result[one, n2 + other * n4 + t] = feature
            result[other, n2 + one * n4 + t] = feature
    return result


@compiled
def find_links(pairs: Pairs, batch: Batch, room: int, functions: Functions) -> Links:
    """The links of a structure; ``batch`` is overwritten."""
    n_atoms, n_species, n2 = len(pairs.segments), functions.n_species, len(functions.g2_eta)
    n_angular = len(functions.g4_zeta) * len(functions.g4_gamma)
    n4 = len(functions.g4_eta) * n_angular
    n_pairs = count_of(pairs)
    gathered = np.zeros((n2 + n_species * n4, n_pairs, 4))
    gathered[:n2, :, 0] = pairs.slope2[:, :n_pairs]
    task, p, n_tasks = 0, -1, n_atoms * n_species * (n_species + 1) // 2
    while task < n_tasks and n4 > 0:
        runs, task, p = fill(pairs, task, p, batch, room)
        if runs > 0:
            evaluate(pairs, batch, batch.runs[2, runs - 1], functions)
        start = 0
        for run in range(runs):
            block, stop = batch.runs[1, run], batch.runs[2, run]
            one, other = species_of_block(block, n_species)
            slopes = batch.work[:3]
            for t in range(n4):
                e = t // n_angular
                angular, bend = batch.angular[t % n_angular, start:stop], batch.bend[t % n_angular, start:stop]
                for side in range(3):
                    by, turn = batch.by[side, e, start:stop], batch.turn[side, e, start:stop]
                    set_side(angular, by, bend, turn, slopes[side, : stop - start])
                to_p, to_q = gathered[n2 + other * n4 + t], gathered[n2 + one * n4 + t]
                scatter(pairs, batch.p[start:stop], batch.q[start:stop], slopes, to_p, to_q)
            start = stop
    found: Links = joined(pairs, gathered, functions.cutoff)
    return found


@compiled
def joined(pairs: Pairs, gathered: FloatArray, cutoff: float) -> Links:
    """All images of a neighbour in one link; ``gathered`` [columns, pairs, 4] by pairs."""
    n_columns, n_pairs = len(gathered), count_of(pairs)
    first, second = np.empty(n_pairs, np.int64), np.empty(n_pairs, np.int64)
    link = np.full(n_pairs, -1, np.int64)
    n = 0
    for p in range(n_pairs):
        i, j = pairs.first[p], pairs.second[p]
        if i == j:
            continue
        if n == 0 or first[n - 1] != i or second[n - 1] != j:  # images are together: the list is sorted
            first[n], second[n] = i, j
            n += 1
        link[p] = n - 1
    slopes = np.zeros((n, n_columns, 3))
    for p in range(n_pairs):
        if link[p] < 0:
            continue
        vector = (pairs.x[p], pairs.y[p], pairs.z[p])
        for k in range(n_columns):
            for c in range(3):
                slopes[link[p], k, c] += (gathered[k, p, 0] * vector[c] + gathered[k, p, 1 + c]) / cutoff
    return Links(first[:n], second[:n], slopes)


@compiled
def dense(links: Links, species: IntArray, columns: IntArray, n_features: int) -> FloatArray:
    """Derivative of every feature of every atom by every position (1/Å), [N, features, N, 3]."""
    result = np.zeros((len(species), n_features, len(species), 3))
    for n in range(len(links.first)):
        i, j = links.first[n], links.second[n]
        for k in range(columns.shape[1]):
            f = columns[species[j], k]
            for c in range(3):
                result[i, f, j, c] += links.slopes[n, k, c]
                result[i, f, i, c] -= links.slopes[n, k, c]
    return result
