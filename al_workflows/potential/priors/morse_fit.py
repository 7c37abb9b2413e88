"""Morse curves fitted to a run's own labels.

A dimer's curve is far too stiff and deep for the same pair in a solid. A handful of labels tells much better ones:
(ln D_e, r_e, ln a) of each pair are moved by least squares, with a soft-L1 loss because the model is rough and one
repulsive label must not decide, and a Gaussian pull to the starting values because one label cannot tell three
parameters of every pair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from scipy.optimize import least_squares

from al_workflows.neighbors import IntArray, Neighbors
from al_workflows.potential.compiled import compiled
from al_workflows.potential.priors.morse import LN_A, LN_DEPTH, R_E, MorsePrior, morse
from al_workflows.potential.priors.taper import taper
from al_workflows.records import FloatArray

#: how far a parameter may be expected to move: ln(D_e / eV), r_e in Å, ln(a Å)
PARAMETER_WIDTHS = (1.5, 0.3, 0.4)
#: what a pair potential cannot describe anyway, eV/Å and eV
FORCE_NOISE, ENERGY_NOISE = 0.3, 1.0
#: the latest labels are the nearest to where the run is going
MOST_LABELS = 12


@dataclass(frozen=True, eq=False)
class PriorSample:
    """A label as the fit sees it: ``species`` [N], its neighbours within the prior's cutoff, eV and eV/Å [N, 3]."""

    atoms: Atoms
    species: IntArray
    neighbors: Neighbors
    energy: float
    forces: FloatArray


@compiled
def parameter_jacobian(
    offsets: IntArray,
    second: IntArray,
    vectors: FloatArray,
    species: IntArray,
    pair_index: IntArray,
    parameters: FloatArray,
    start: float,
    end: float,
) -> tuple[float, FloatArray, FloatArray, FloatArray]:
    """Energy, forces [N, 3] and their derivatives by ``parameters`` [pairs, 3]: [pairs, 3] and [N, 3, pairs, 3].

    A pair of species whose ``pair_index`` is negative has no curve.
    """
    n_atoms, n_pairs = len(species), len(parameters)
    energy = 0.0
    forces = np.zeros((n_atoms, 3))
    d_energy = np.zeros((n_pairs, 3))
    d_forces = np.zeros((n_atoms, 3, n_pairs, 3))
    by_energy, by_slope = np.empty(3), np.empty(3)
    for i in range(n_atoms):
        for p in range(offsets[i], offsets[i + 1]):
            j = second[p]
            distance = math.sqrt(vectors[p, 0] ** 2 + vectors[p, 1] ** 2 + vectors[p, 2] ** 2)
            if distance >= end:
                continue
            k = pair_index[species[i], species[j]]
            if k < 0:
                continue
            r_e, a = parameters[k, R_E], math.exp(parameters[k, LN_A])
            value, slope, bend = morse(distance, math.exp(parameters[k, LN_DEPTH]), r_e, a)
            weight, weight_slope = taper(distance, start, end)
            energy += 0.5 * weight * value
            by_energy[LN_DEPTH], by_slope[LN_DEPTH] = value, slope
            by_energy[R_E], by_slope[R_E] = -slope, -bend
            by_energy[LN_A], by_slope[LN_A] = (distance - r_e) * slope, slope + (distance - r_e) * bend
            radial = 0.5 * (weight * slope + weight_slope * value) / distance
            for c in range(3):
                forces[i, c] += radial * vectors[p, c]
                forces[j, c] -= radial * vectors[p, c]
            for n in range(3):
                d_energy[k, n] += 0.5 * weight * by_energy[n]
                change = 0.5 * (weight * by_slope[n] + weight_slope * by_energy[n]) / distance
                for c in range(3):
                    d_forces[i, c, k, n] += change * vectors[p, c]
                    d_forces[j, c, k, n] -= change * vectors[p, c]
    return energy, forces, d_energy, d_forces


def refit(prior: MorsePrior, samples: Sequence[PriorSample]) -> MorsePrior:
    """``prior`` with the curves of the pairs that occur in ``samples`` moved towards the latest of them.

    Energies count relative to the first sample of the same composition, so that their zero does not matter.
    """
    n_species = len(prior.curves)
    rows, columns = np.nonzero(np.triu(prior.curves[:, :, 0] > 0.0))
    pair_index = np.full((n_species, n_species), -1, dtype=np.int64)
    pair_index[rows, columns] = pair_index[columns, rows] = np.arange(len(rows))
    if len(rows) == 0:
        return prior
    initial = prior.curves[rows, columns].copy()  # [pairs, 3]
    initial[:, LN_DEPTH], initial[:, LN_A] = np.log(initial[:, LN_DEPTH]), np.log(initial[:, LN_A])
    widths = np.tile(PARAMETER_WIDTHS, len(rows))
    used = samples[-MOST_LABELS:]
    problem = _Residuals(prior, used, pair_index, initial, widths)
    solution = least_squares(
        problem.values,
        np.zeros(initial.size),
        jac=problem.jacobian,
        method="trf",
        loss=problem.loss,
        xtol=1e-6,
        ftol=1e-6,
        gtol=1e-6,
        max_nfev=60,
    )
    fitted = initial + (solution.x * widths).reshape(initial.shape)
    fitted[:, LN_DEPTH], fitted[:, LN_A] = np.exp(fitted[:, LN_DEPTH]), np.exp(fitted[:, LN_A])
    curves = prior.curves.copy()
    curves[rows, columns] = curves[columns, rows] = fitted
    return replace(prior, curves=curves)


class _Residuals:
    """Residuals and Jacobian in the unit widths of the parameters; the last ``size`` residuals are the pull."""

    def __init__(
        self,
        prior: MorsePrior,
        samples: Sequence[PriorSample],
        pair_index: IntArray,
        initial: FloatArray,
        widths: FloatArray,
    ) -> None:
        self._prior, self._samples, self._pair_index = prior, samples, pair_index
        self._initial, self._widths = initial, widths
        compositions = [tuple(np.bincount(sample.species, minlength=len(prior.curves))) for sample in samples]
        self._references = [compositions.index(composition) for composition in compositions]
        self._last: tuple[FloatArray, FloatArray, FloatArray] | None = None

    def _evaluate(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        if self._last is None or not np.array_equal(self._last[0], x):
            self._last = (x.copy(), *self._compute(x))
        return self._last[1], self._last[2]

    def _compute(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        parameters = self._initial + (x * self._widths).reshape(self._initial.shape)
        energies, d_energies, values, rows = [], [], [], []
        for sample in self._samples:
            near = sample.neighbors
            energy, forces, d_energy, d_forces = parameter_jacobian(
                near.offsets, near.second, near.vectors, sample.species, self._pair_index, parameters,
                self._prior.taper_start, self._prior.cutoff,
            )  # fmt: skip
            energies.append(energy - sample.energy)
            d_energies.append(d_energy.ravel())
            values.append((forces - sample.forces).ravel() / FORCE_NOISE)
            rows.append(d_forces.reshape(forces.size, -1) / FORCE_NOISE)
        values.append((np.array(energies) - np.take(energies, self._references)) / ENERGY_NOISE)
        rows.append((np.array(d_energies) - np.take(d_energies, self._references, axis=0)) / ENERGY_NOISE)
        values.append(x)
        rows.append(np.diag(1.0 / self._widths))
        return np.concatenate(values), np.concatenate(rows) * self._widths

    def values(self, x: FloatArray) -> FloatArray:
        return self._evaluate(x)[0]

    def jacobian(self, x: FloatArray) -> FloatArray:
        return self._evaluate(x)[1]

    def loss(self, squares: FloatArray) -> FloatArray:
        """Soft-L1 of the labels' residuals, plain squares of the pull; [3, residuals] as scipy asks."""
        root = np.sqrt(1.0 + squares)
        result = np.array([2.0 * (root - 1.0), 1.0 / root, -0.5 / root**3])
        pull = slice(len(squares) - len(self._widths), None)
        result[0, pull], result[1, pull], result[2, pull] = squares[pull], 1.0, 0.0
        return result
