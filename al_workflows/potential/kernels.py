"""Sums over pairs and triplets of neighbours: the symmetry functions of :mod:`.descriptor` and their derivatives.

A triplet (i, j, k) depends on r_ij and r_ik alone (r_jk = r_ik − r_ij). With s_ij, s_ik and s_jk the derivatives of
its term by the three sides, each divided by the side, the derivatives by the two vectors are::

    ∂/∂r_ij = (s_ij + s_jk) r_ij − s_jk r_ik          ∂/∂r_ik = (s_ik + s_jk) r_ik − s_jk r_ij

so that a pair gathers one number for its own vector, and a vector of others: four columns. They are given to atoms
once all triplets are done. Sums run in the order of the neighbour list, and so give the same bits every time.
"""

from __future__ import annotations

import numpy as np

from al_workflows.neighbors import IntArray
from al_workflows.potential.compiled import compiled
from al_workflows.potential.triplets import Batch, Functions, Pairs, count_of, evaluate, fill
from al_workflows.records import FloatArray


@compiled
def features(pairs: Pairs, batch: Batch, room: int, functions: Functions) -> tuple[FloatArray, int]:
    """The symmetry functions of every atom, [N, features]; and how many runs ``batch`` is left with.

    −1 in the place of their number where ``batch`` could not hold all triplets at once.
    """
    n_atoms, n_species, n2 = len(pairs.segments), functions.n_species, len(functions.g2_eta)
    n_blocks, start4 = n_species * (n_species + 1) // 2, n2 * n_species
    n4 = len(functions.g4_eta) * len(functions.g4_zeta) * len(functions.g4_gamma)
    values = np.zeros((n_atoms, start4 + n4 * n_blocks))
    for i in range(n_atoms):
        for kind in range(n_species):
            for e in range(n2):
                for p in range(pairs.segments[i, kind], pairs.segments[i, kind + 1]):
                    values[i, kind * n2 + e] += pairs.radial2[e, p]
    task, p, rounds, runs = 0, -1, 0, 0
    while task < n_atoms * n_blocks and n4 > 0:
        runs, task, p = fill(pairs, task, p, batch, room)
        if runs > 0:
            evaluate(pairs, batch, batch.runs[2, runs - 1], functions)
            add_features(batch, runs, start4, values)
        rounds += 1
    return values, runs if rounds <= 1 else -1


@compiled
def add_features(batch: Batch, runs: int, start4: int, values: FloatArray) -> None:
    """Add G4 of the triplets of the first ``runs`` runs to ``values`` [N, features], G4 from ``start4`` on."""
    n_eta, n_angular = len(batch.radial), len(batch.angular)
    start = 0
    for run in range(runs):
        atom, block, stop = batch.runs[0, run], batch.runs[1, run], batch.runs[2, run]
        f = start4 + block * n_eta * n_angular
        for e in range(n_eta):
            add_sums(batch.radial[e, start:stop], batch.angular, start, values[atom, f : f + n_angular])
            f += n_angular
        start = stop


@compiled
def add_sums(factors: FloatArray, rows: FloatArray, start: int, out: FloatArray) -> None:
    """out[t] += Σ_k factors[k] · rows[t, start + k]; four sums at a time, as each waits for its own last sum only."""
    stop = start + len(factors)
    for t in range(0, len(out) - 3, 4):
        row0, row1, row2, row3 = (
            rows[t, start:stop],
            rows[t + 1, start:stop],
            rows[t + 2, start:stop],
            rows[t + 3, start:stop],
        )
        sum0, sum1, sum2, sum3 = 0.0, 0.0, 0.0, 0.0
        for k in range(len(factors)):
            sum0 += factors[k] * row0[k]
            sum1 += factors[k] * row1[k]
            sum2 += factors[k] * row2[k]
            sum3 += factors[k] * row3[k]
        out[t] += sum0
        out[t + 1] += sum1
        out[t + 2] += sum2
        out[t + 3] += sum3
    for t in range(len(out) - len(out) % 4, len(out)):
        row, total = rows[t, start:stop], 0.0
        for k in range(len(factors)):
            total += factors[k] * row[k]
        out[t] += total


@compiled
def contraction(
    pairs: Pairs, batch: Batch, room: int, kept: int, functions: Functions, weights: FloatArray, gathered: FloatArray
) -> FloatArray:
    """Σ_if w_mif dG_if/dR (1/Å) for the rows ``m`` of ``weights`` [rows, N, features]; [rows, N, 3].

    ``batch`` and ``kept`` are as :func:`features` left them; ``kept`` = −1 finds the triplets again.
    ``gathered`` [rows, pairs, 4] is overwritten.
    """
    n_atoms, n_species, n2, n_rows = len(pairs.segments), functions.n_species, len(functions.g2_eta), len(weights)
    gathered[:n_rows, : count_of(pairs)] = 0.0
    for m in range(n_rows):
        for i in range(n_atoms):
            for kind in range(n_species):
                for e in range(n2):
                    weight = weights[m, i, kind * n2 + e]
                    for p in range(pairs.segments[i, kind], pairs.segments[i, kind + 1]):
                        gathered[m, p, 0] += weight * pairs.slope2[e, p]
    if kept >= 0:
        add_slopes(pairs, batch, kept, n2 * n_species, weights, gathered)
    task, p, n_tasks = 0, -1, n_atoms * n_species * (n_species + 1) // 2
    while kept < 0 and task < n_tasks:
        runs, task, p = fill(pairs, task, p, batch, room)
        if runs > 0:
            evaluate(pairs, batch, batch.runs[2, runs - 1], functions)
            add_slopes(pairs, batch, runs, n2 * n_species, weights, gathered)
    slopes: FloatArray = given_to_atoms(pairs, gathered, n_rows, functions.cutoff)
    return slopes


@compiled
def add_slopes(pairs: Pairs, batch: Batch, runs: int, start4: int, weights: FloatArray, gathered: FloatArray) -> None:
    """Add G4's slopes of the first ``runs`` runs, with ``weights`` as in :func:`contraction`, to ``gathered``."""
    n_eta, n_angular = len(batch.radial), len(batch.angular)
    start = 0
    for run in range(runs):
        atom, block, stop = batch.runs[0, run], batch.runs[1, run], batch.runs[2, run]
        first, count = start4 + block * n_eta * n_angular, stop - start
        slopes, value, bend = batch.work[:3], batch.work[3, :count], batch.work[4, :count]
        for m in range(len(weights)):
            for e in range(n_eta):
                f = first + e * n_angular
                combine(weights[m, atom, f : f + n_angular], batch.angular, start, value)
                combine(weights[m, atom, f : f + n_angular], batch.bend, start, bend)
                for side in range(3):
                    by, turn, slope = (
                        batch.by[side, e, start:stop],
                        batch.turn[side, e, start:stop],
                        slopes[side, :count],
                    )
                    if e == 0:
                        set_side(value, by, bend, turn, slope)
                    else:
                        add_side(value, by, bend, turn, slope)
            scatter(pairs, batch.p[start:stop], batch.q[start:stop], slopes, gathered[m], gathered[m])
        start = stop


@compiled
def combine(factors: FloatArray, rows: FloatArray, start: int, out: FloatArray) -> None:
    """out[k] = Σ_t factors[t] · rows[t, start + k]; the first four together, to go through memory once."""
    stop, done = start + len(out), 0
    if len(factors) >= 4:
        row0, row1, row2, row3 = rows[0, start:stop], rows[1, start:stop], rows[2, start:stop], rows[3, start:stop]
        for k in range(len(out)):
            out[k] = (factors[0] * row0[k] + factors[1] * row1[k]) + (factors[2] * row2[k] + factors[3] * row3[k])
        done = 4
    else:
        out[:] = 0.0
    for t in range(done, len(factors)):
        row = rows[t, start:stop]
        for k in range(len(out)):
            out[k] += factors[t] * row[k]


@compiled
def set_side(value: FloatArray, by: FloatArray, bend: FloatArray, turn: FloatArray, out: FloatArray) -> None:
    """out = value · by − bend · turn."""
    for k in range(len(out)):
        out[k] = value[k] * by[k] - bend[k] * turn[k]


@compiled
def add_side(value: FloatArray, by: FloatArray, bend: FloatArray, turn: FloatArray, out: FloatArray) -> None:
    """out += value · by − bend · turn."""
    for k in range(len(out)):
        out[k] += value[k] * by[k] - bend[k] * turn[k]


@compiled
def scatter(pairs: Pairs, ps: IntArray, qs: IntArray, slopes: FloatArray, to_p: FloatArray, to_q: FloatArray) -> None:
    """Add the slopes s_jk, s_ij + s_jk and s_ik + s_jk of triplets (rows of ``slopes``) to pairs, each [pairs, 4]."""
    x, y, z = pairs.x, pairs.y, pairs.z
    across, own_p, own_q = slopes[0], slopes[1], slopes[2]
    k = 0
    while k < len(ps):
        p = ps[k]
        x_p, y_p, z_p = x[p], y[p], z[p]
        own, to_x, to_y, to_z = 0.0, 0.0, 0.0, 0.0
        while k < len(ps) and ps[k] == p:
            q, s = qs[k], across[k]
            own += own_p[k]
            to_x += s * x[q]
            to_y += s * y[q]
            to_z += s * z[q]
            to_q[q, 0] += own_q[k]
            to_q[q, 1] -= s * x_p
            to_q[q, 2] -= s * y_p
            to_q[q, 3] -= s * z_p
            k += 1
        to_p[p, 0] += own
        to_p[p, 1] -= to_x
        to_p[p, 2] -= to_y
        to_p[p, 3] -= to_z


@compiled
def given_to_atoms(pairs: Pairs, gathered: FloatArray, n_rows: int, cutoff: float) -> FloatArray:
    """Slopes (1/Å) by positions, [rows, N, 3], of what pairs have ``gathered`` [rows, pairs, 4]."""
    result = np.zeros((n_rows, len(pairs.segments), 3))
    for m in range(n_rows):
        for p in range(count_of(pairs)):
            i, j = pairs.first[p], pairs.second[p]
            vector = (pairs.x[p], pairs.y[p], pairs.z[p])
            for c in range(3):
                slope = (gathered[m, p, 0] * vector[c] + gathered[m, p, 1 + c]) / cutoff
                result[m, j, c] += slope
                result[m, i, c] -= slope
    return result
