"""Pairs and triplets of neighbours within the descriptor's cutoff, as arrays that kernels run through.

Lengths are in units of the cutoff here: u = (r / r_c)², and a slope is a derivative by r divided by r. Loops run over
arrays without a branch or a call in them, which is what compilers turn into vector instructions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from al_workflows.neighbors import IntArray
from al_workflows.potential.compiled import compiled
from al_workflows.potential.radial import Series, radial
from al_workflows.records import FloatArray

#: where a structure can have no more triplets than this, they are kept from the features to their slopes (40 MB); where
#: there may be more, both go through them in batches that stay in the processor's cache
MOST_KEPT, BATCH = 150_000, 4_000


class Functions(NamedTuple):
    """The symmetry functions: ``cutoff`` Å, η in units of 1/cutoff² with their series, ζ, γ."""

    n_species: int
    cutoff: float
    g2_eta: FloatArray
    g2_series: Series
    g4_eta: FloatArray
    g4_series: Series
    g4_zeta: FloatArray
    g4_gamma: FloatArray


class Pairs(NamedTuple):
    """Ordered pairs closer than the cutoff: by first atom, then by species of the second, then as in the list.

    There may be room for more than there are.

    ``segments`` [N, species + 1]: the pairs of atom i and species s are ``segments[i, s]:segments[i, s + 1]``;
    ``first``, ``second`` [pairs]: their atoms; ``x``, ``y``, ``z``, ``square``, ``inverse`` [pairs]: vector from the
    first atom to the second, u and 1/√u; ``radial2``, ``slope2`` [G2's η, pairs] and ``radial4``, ``slope4`` [G4's η,
    pairs]: what :func:`~al_workflows.potential.radial.radial` says of them; ``work`` [3, pairs].
    """

    segments: IntArray
    first: IntArray
    second: IntArray
    x: FloatArray
    y: FloatArray
    z: FloatArray
    square: FloatArray
    inverse: FloatArray
    radial2: FloatArray
    slope2: FloatArray
    radial4: FloatArray
    slope4: FloatArray
    work: FloatArray


def empty_pairs(n_atoms: int, room: int, functions: Functions) -> Pairs:
    """Room for so many pairs."""
    n2, n4 = len(functions.g2_eta), len(functions.g4_eta)
    segments = np.zeros((n_atoms, functions.n_species + 1), np.int64)
    x, y, z, square, inverse = (np.empty(room) for _ in range(5))
    radial2, slope2, radial4, slope4, work = (np.empty((rows, room)) for rows in (n2, n2, n4, n4, 3))
    first, second = np.empty(room, np.int64), np.empty(room, np.int64)
    return Pairs(segments, first, second, x, y, z, square, inverse, radial2, slope2, radial4, slope4, work)


@compiled
def find_pairs(
    offsets: IntArray, second: IntArray, vectors: FloatArray, species: IntArray, functions: Functions, pairs: Pairs
) -> None:
    """Write the pairs of a neighbour list (see :class:`~al_workflows.neighbors.Neighbors`) within the cutoff."""
    x, y, z, square = pairs.x, pairs.y, pairs.z, pairs.square
    n = 0
    for i in range(len(species)):
        pairs.segments[i, 0] = n
        for kind in range(functions.n_species):
            for p in range(offsets[i], offsets[i + 1]):
                if species[second[p]] != kind:
                    continue
                x[n] = vectors[p, 0] / functions.cutoff
                y[n] = vectors[p, 1] / functions.cutoff
                z[n] = vectors[p, 2] / functions.cutoff
                square[n] = x[n] * x[n] + y[n] * y[n] + z[n] * z[n]
                if square[n] < 1.0:
                    pairs.first[n], pairs.second[n] = i, second[p]
                    n += 1
            pairs.segments[i, kind + 1] = n
    for p in range(n):
        pairs.inverse[p] = 1.0 / np.sqrt(square[p])
    radial(square[:n], functions.g2_eta, functions.g2_series, pairs.work, pairs.radial2, pairs.slope2)
    radial(square[:n], functions.g4_eta, functions.g4_series, pairs.work, pairs.radial4, pairs.slope4)


@compiled
def count_of(pairs: Pairs) -> int:
    """Number of pairs."""
    n_atoms = len(pairs.segments)
    return pairs.segments[n_atoms - 1, -1] if n_atoms > 0 else 0


class Batch(NamedTuple):
    """Triplets (i, j, k) with all sides shorter than the cutoff, with room for more than there are.

    They come in runs of one atom i and one pair of species of j and k.

    ``runs`` [3, runs]: i, the index of the pair of species, and where the run ends; ``p``, ``q`` [n]: the pairs (i, j)
    and (i, k); ``angular``, ``bend`` [angular terms, n]: 2^(1−ζ) (1 + γ cos θ)^ζ and its derivative by cos θ, by ζ and
    then γ; ``radial`` [G4's η, n]: product of the radial parts of the three sides; ``by`` and ``turn``
    [3, G4's η, n]: angular · by − bend · turn are the slopes s_jk, s_ij + s_jk and s_ik + s_jk of :mod:`.kernels`;
    ``work`` [11, n].
    """

    runs: IntArray
    p: IntArray
    q: IntArray
    angular: FloatArray
    bend: FloatArray
    radial: FloatArray
    by: FloatArray
    turn: FloatArray
    work: FloatArray


def empty_batch(room: int, runs: int, n_eta: int, n_angular: int) -> Batch:
    """Room for so many triplets and runs."""
    return Batch(
        runs=np.empty((3, runs), np.int64),
        p=np.empty(room, np.int64),
        q=np.empty(room, np.int64),
        angular=np.empty((n_angular, room)),
        bend=np.empty((n_angular, room)),
        radial=np.empty((n_eta, room)),
        by=np.empty((3, n_eta, room)),
        turn=np.empty((3, n_eta, room)),
        work=np.empty((11, room)),
    )


@compiled
def room_for(pairs: Pairs) -> int:
    """How many triplets a batch shall hold: all that there can be, if those are not too many."""
    bound, largest = 0, 0
    for i in range(len(pairs.segments)):
        count = pairs.segments[i, -1] - pairs.segments[i, 0]
        bound += count * (count - 1) // 2
        largest = max(largest, count)
    return bound if bound <= MOST_KEPT else max(BATCH, largest)


@compiled
def fill(pairs: Pairs, task: int, begin: int, batch: Batch, room: int) -> tuple[int, int, int]:
    """Write up to ``room`` triplets to ``batch``; number of runs, and the task and pair to go on with.

    A task is an atom and a pair of species; ``begin`` is the pair to begin with, −1 for a task's first.
    """
    n_species = pairs.segments.shape[1] - 1
    n_blocks = n_species * (n_species + 1) // 2
    n, runs = 0, 0
    while task < len(pairs.segments) * n_blocks:
        atom, block = task // n_blocks, task % n_blocks
        one, other = species_of_block(block, n_species)
        segments = pairs.segments[atom]
        run_start = n
        for p in range(max(begin, segments[one]), segments[one + 1]):
            start, stop = max(segments[other], p + 1), segments[other + 1]
            if n + stop - start > room:
                return runs + close(batch, runs, atom, block, run_start, n), task, p
            n += fill_row(pairs, p, start, stop, batch.p[n:], batch.q[n:], batch.work[0, n:])
        runs += close(batch, runs, atom, block, run_start, n)
        task, begin = task + 1, -1
    return runs, task, begin


@compiled
def species_of_block(block: int, n_species: int) -> tuple[int, int]:
    """The unordered pair of species with index ``block`` among (0, 0), (0, 1), …, (1, 1), …"""
    one = 0
    while one + block >= n_species:
        block -= n_species - one
        one += 1
    return one, one + block


@compiled
def close(batch: Batch, run: int, atom: int, block: int, start: int, stop: int) -> int:
    """End the run from ``start`` to ``stop``; 1 if it is one."""
    if stop == start:
        return 0
    batch.runs[0, run], batch.runs[1, run], batch.runs[2, run] = atom, block, stop
    return 1


@compiled
def fill_row(pairs: Pairs, p: int, start: int, stop: int, ps: IntArray, qs: IntArray, squares: FloatArray) -> int:
    """Write the triplets of ``p`` with the pairs from ``start`` to ``stop`` whose u_jk < 1; their number."""
    x, y, z = pairs.x, pairs.y, pairs.z
    x_p, y_p, z_p = x[p], y[p], z[p]
    n = 0
    for q in range(start, stop):
        dx, dy, dz = x[q] - x_p, y[q] - y_p, z[q] - z_p
        square = dx * dx + dy * dy + dz * dz
        ps[n], qs[n], squares[n] = p, q, square
        n += square < 1.0  # not a branch, which would be foretold wrongly every other time
    return n


@compiled
def evaluate(pairs: Pairs, batch: Batch, n: int, functions: Functions) -> None:
    """Complete the first ``n`` triplets of ``batch``."""
    ps, qs = batch.p[:n], batch.q[:n]
    squares, cosines = batch.work[0, :n], batch.work[1, :n]
    for k in range(n):
        p, q = ps[k], qs[k]
        cosines[k] = 0.5 * (pairs.square[p] + pairs.square[q] - squares[k]) * (pairs.inverse[p] * pairs.inverse[q])
    row = 0
    for zeta in functions.g4_zeta:
        for gamma in functions.g4_gamma:
            angular(cosines, zeta, gamma, batch.angular[row, :n], batch.bend[row, :n])
            row += 1
    inverses, turn_p, turn_q = batch.work[2, :n], batch.work[3, :n], batch.work[4, :n]
    multiply(pairs.inverse, ps, pairs.inverse, qs, inverses)
    multiply(pairs.inverse, ps, pairs.inverse, ps, turn_p)
    multiply(pairs.inverse, qs, pairs.inverse, qs, turn_q)
    for k in range(n):
        turn_p[k] *= cosines[k]
        turn_q[k] *= cosines[k]
    values, slopes, both = batch.work[5:6], batch.work[6:7], batch.work[7, :n]
    exponentials, squarings, half_cosine = functions.g4_series
    for e in range(len(functions.g4_eta)):
        only = slice(e, e + 1)
        series = exponentials[only], squarings[only], half_cosine
        radial(squares, functions.g4_eta[only], series, batch.work[8:], values, slopes)
        radial4, slope4, value = pairs.radial4[e], pairs.slope4[e], values[0][:n]
        product, by, turn = batch.radial[e, :n], batch.by[:, e, :n], batch.turn[:, e, :n]
        multiply(radial4, ps, radial4, qs, both)
        scale(both, value, product)
        scale(both, slopes[0][:n], by[0])
        multiply(slope4, ps, radial4, qs, both)
        scale_and_add(both, value, by[0], by[1])
        multiply(radial4, ps, slope4, qs, both)
        scale_and_add(both, value, by[0], by[2])
        scale(inverses, product, turn[0])
        scale(turn_p, product, turn[1])
        scale(turn_q, product, turn[2])


@compiled
def multiply(one: FloatArray, at_one: IntArray, other: FloatArray, at_other: IntArray, out: FloatArray) -> None:
    """out = one[at_one] · other[at_other]."""
    for k in range(len(out)):
        out[k] = one[at_one[k]] * other[at_other[k]]


@compiled
def scale(one: FloatArray, other: FloatArray, out: FloatArray) -> None:
    """out = one · other."""
    for k in range(len(out)):
        out[k] = one[k] * other[k]


@compiled
def scale_and_add(one: FloatArray, other: FloatArray, more: FloatArray, out: FloatArray) -> None:
    """out = one · other + more."""
    for k in range(len(out)):
        out[k] = one[k] * other[k] + more[k]


@compiled
def angular(cosines: FloatArray, zeta: float, gamma: float, values: FloatArray, slopes: FloatArray) -> None:
    """Write 2^(1−ζ) (1 + γ cos θ)^ζ and its derivative by cos θ to ``values`` and ``slopes`` [n]."""
    count = len(cosines)
    for k in range(count):
        values[k] = 0.5 * max(1.0 + gamma * cosines[k], 0.0)
        slopes[k] = gamma * zeta
    if zeta == np.floor(zeta):
        for _ in range(int(zeta) - 1):
            for k in range(count):
                slopes[k] *= values[k]
    else:
        for k in range(count):
            slopes[k] *= values[k] ** (zeta - 1.0)
    scale = 2.0 / (gamma * zeta)
    for k in range(count):
        values[k] *= scale * slopes[k]
