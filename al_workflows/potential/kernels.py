"""Loops over neighbours and triplets for the symmetry functions of :mod:`.descriptor`.

Everything is written as a function of the vectors from a centre to its neighbours: a triplet (i, j, k) depends on
r_ij and r_ik alone (r_jk = r_ik − r_ij), so that gradients are gathered per pair and given to atoms once.
"""

from __future__ import annotations

import math

import numpy as np

from al_workflows.neighbors import IntArray
from al_workflows.potential.compiled import compiled
from al_workflows.records import FloatArray


@compiled
def cosine_cutoff(distance: float, cutoff: float) -> tuple[float, float]:
    """Value and slope (1/Å) of ½ [cos(π r / r_c) + 1]; zero, with its slope, from ``cutoff`` on."""
    if distance >= cutoff:
        return 0.0, 0.0
    wave = math.pi / cutoff
    return 0.5 * (math.cos(wave * distance) + 1.0), -0.5 * wave * math.sin(wave * distance)


@compiled
def angular(cosine: float, zeta: float, gamma: float) -> tuple[float, float]:
    """Value and slope (with respect to cos θ) of 2^(1−ζ) (1 + γ cos θ)^ζ."""
    base = max(1.0 + gamma * cosine, 0.0)
    if zeta == 1.0:
        return base, gamma
    # the published exponents are 1 and 4: no need to call pow for them
    factor = 0.125 * base * base * base if zeta == 4.0 else (0.5 * base) ** (zeta - 1.0)
    return factor * base, factor * zeta * gamma


@compiled
def species_pair(first: int, second: int, n_species: int) -> int:
    """Index of an unordered pair of species among the n (n + 1) / 2."""
    low, high = min(first, second), max(first, second)
    return low * n_species - low * (low - 1) // 2 + high - low


@compiled
def radial_parts(vectors: FloatArray, eta: FloatArray, cutoff: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distances [pairs], and exp(−η r² / r_c²) f_c(r) with its slope divided by r, [pairs, eta]."""
    n_pairs, n_eta = len(vectors), len(eta)
    distances = np.empty(n_pairs)
    values = np.empty((n_pairs, n_eta))
    slopes = np.empty((n_pairs, n_eta))
    for p in range(n_pairs):
        square = vectors[p, 0] ** 2 + vectors[p, 1] ** 2 + vectors[p, 2] ** 2
        distances[p] = math.sqrt(square)
        cut, cut_slope = cosine_cutoff(distances[p], cutoff)
        for e in range(n_eta):
            width = eta[e] / cutoff**2
            decay = math.exp(-width * square)
            values[p, e] = decay * cut
            slopes[p, e] = decay * (cut_slope / distances[p] - 2.0 * width * cut)
    return distances, values, slopes


@compiled
def features(
    offsets: IntArray,
    second: IntArray,
    vectors: FloatArray,
    species: IntArray,
    n_species: int,
    cutoff: float,
    g2_eta: FloatArray,
    g4_eta: FloatArray,
    g4_zeta: FloatArray,
    g4_gamma: FloatArray,
) -> FloatArray:
    """The symmetry functions of every atom, [N, features]."""
    n_atoms, n2, n_angular = len(species), len(g2_eta), len(g4_zeta) * len(g4_gamma)
    start4 = n2 * n_species
    n4 = len(g4_eta) * n_angular
    values = np.zeros((n_atoms, start4 + n4 * n_species * (n_species + 1) // 2))
    _, g2, _ = radial_parts(vectors, g2_eta, cutoff)
    distances, g4, _ = radial_parts(vectors, g4_eta, cutoff)
    for i in range(n_atoms):
        for p in range(offsets[i], offsets[i + 1]):
            for e in range(n2):
                values[i, species[second[p]] * n2 + e] += g2[p, e]
            if n4 == 0 or distances[p] >= cutoff:
                continue
            for q in range(p + 1, offsets[i + 1]):
                square = 0.0
                for c in range(3):
                    square += (vectors[q, c] - vectors[p, c]) ** 2
                if distances[q] >= cutoff or square >= cutoff**2:
                    continue
                cosine = (distances[p] ** 2 + distances[q] ** 2 - square) / (2.0 * distances[p] * distances[q])
                cut, _ = cosine_cutoff(math.sqrt(square), cutoff)
                f = start4 + n4 * species_pair(species[second[p]], species[second[q]], n_species)
                for e in range(len(g4_eta)):
                    radial = g4[p, e] * g4[q, e] * cut * math.exp(-g4_eta[e] / cutoff**2 * square)
                    for z in range(len(g4_zeta)):
                        for g in range(len(g4_gamma)):
                            values[i, f] += angular(cosine, g4_zeta[z], g4_gamma[g])[0] * radial
                            f += 1
    return values


@compiled
def triplet_slopes(
    p: int,
    q: int,
    r_jk: float,
    distances: FloatArray,
    radial: FloatArray,
    slopes: FloatArray,
    cutoff: float,
    g4_eta: FloatArray,
    g4_zeta: FloatArray,
    g4_gamma: FloatArray,
    out: FloatArray,
) -> None:
    """Write dG4/dr divided by r, for the three distances of the pairs ``p`` and ``q``, to ``out`` [terms, 3].

    ``distances``, ``radial`` and ``slopes`` are what :func:`radial_parts` returns.
    """
    r_ij, r_ik = distances[p], distances[q]
    inverse = 1.0 / (r_ij * r_ik)
    cosine = 0.5 * (r_ij * r_ij + r_ik * r_ik - r_jk * r_jk) * inverse
    cosine_ij = inverse - cosine / (r_ij * r_ij)
    cosine_ik = inverse - cosine / (r_ik * r_ik)
    cut, cut_slope = cosine_cutoff(r_jk, cutoff)
    f = 0
    for e in range(len(g4_eta)):
        width = g4_eta[e] / cutoff**2
        decay = math.exp(-width * r_jk * r_jk)
        radial_jk = decay * cut
        slope_jk = decay * (cut_slope / r_jk - 2.0 * width * cut)
        product = radial[p, e] * radial[q, e] * radial_jk
        product_ij = slopes[p, e] * radial[q, e] * radial_jk
        product_ik = radial[p, e] * slopes[q, e] * radial_jk
        product_jk = radial[p, e] * radial[q, e] * slope_jk
        for z in range(len(g4_zeta)):
            for g in range(len(g4_gamma)):
                value, slope = angular(cosine, g4_zeta[z], g4_gamma[g])
                slope *= product
                out[f, 0] = slope * cosine_ij + value * product_ij
                out[f, 1] = slope * cosine_ik + value * product_ik
                out[f, 2] = value * product_jk - slope * inverse
                f += 1


@compiled
def jacobian(
    offsets: IntArray,
    second: IntArray,
    vectors: FloatArray,
    species: IntArray,
    n_species: int,
    cutoff: float,
    g2_eta: FloatArray,
    g4_eta: FloatArray,
    g4_zeta: FloatArray,
    g4_gamma: FloatArray,
) -> FloatArray:
    """Derivative of every feature of every atom by every position (1/Å), [N, features, N, 3]."""
    n_atoms, n2, n_angular = len(species), len(g2_eta), len(g4_zeta) * len(g4_gamma)
    start4 = n2 * n_species
    n4 = len(g4_eta) * n_angular
    n_features = start4 + n4 * n_species * (n_species + 1) // 2
    result = np.zeros((n_atoms, n_features, n_atoms, 3))
    _, _, g2_slope = radial_parts(vectors, g2_eta, cutoff)
    distances, g4, g4_slope = radial_parts(vectors, g4_eta, cutoff)
    slopes = np.empty((n4, 3))
    for i in range(n_atoms):
        first = offsets[i]
        by_vector = np.zeros((n_features, offsets[i + 1] - first, 3))
        for p in range(first, offsets[i + 1]):
            for e in range(n2):
                for c in range(3):
                    by_vector[species[second[p]] * n2 + e, p - first, c] += g2_slope[p, e] * vectors[p, c]
            if n4 == 0 or distances[p] >= cutoff:
                continue
            for q in range(p + 1, offsets[i + 1]):
                square = 0.0
                for c in range(3):
                    square += (vectors[q, c] - vectors[p, c]) ** 2
                if distances[q] >= cutoff or square >= cutoff**2:
                    continue
                triplet_slopes(
                    p, q, math.sqrt(square), distances, g4, g4_slope, cutoff, g4_eta, g4_zeta, g4_gamma, slopes
                )
                f = start4 + n4 * species_pair(species[second[p]], species[second[q]], n_species)
                for t in range(n4):
                    for c in range(3):
                        across = slopes[t, 2] * (vectors[q, c] - vectors[p, c])
                        by_vector[f + t, p - first, c] += slopes[t, 0] * vectors[p, c] - across
                        by_vector[f + t, q - first, c] += slopes[t, 1] * vectors[q, c] + across
        for f in range(n_features):
            for p in range(first, offsets[i + 1]):
                for c in range(3):
                    result[i, f, second[p], c] += by_vector[f, p - first, c]
                    result[i, f, i, c] -= by_vector[f, p - first, c]
    return result


@compiled
def contraction(
    offsets: IntArray,
    second: IntArray,
    vectors: FloatArray,
    species: IntArray,
    n_species: int,
    cutoff: float,
    g2_eta: FloatArray,
    g4_eta: FloatArray,
    g4_zeta: FloatArray,
    g4_gamma: FloatArray,
    weights: FloatArray,
) -> FloatArray:
    """Σ_if w_mif dG_if/dR for the rows ``m`` of ``weights`` [rows, N, features]; [rows, N, 3]."""
    n_rows, n_atoms, n2 = len(weights), len(species), len(g2_eta)
    start4 = n2 * n_species
    n4 = len(g4_eta) * len(g4_zeta) * len(g4_gamma)
    result = np.zeros((n_rows, n_atoms, 3))
    _, _, g2_slope = radial_parts(vectors, g2_eta, cutoff)
    distances, g4, g4_slope = radial_parts(vectors, g4_eta, cutoff)
    slopes = np.empty((n4, 3))
    for i in range(n_atoms):
        first = offsets[i]
        by_vector = np.zeros((offsets[i + 1] - first, n_rows, 3))
        for p in range(first, offsets[i + 1]):
            for m in range(n_rows):
                slope = 0.0
                for e in range(n2):
                    slope += weights[m, i, species[second[p]] * n2 + e] * g2_slope[p, e]
                for c in range(3):
                    by_vector[p - first, m, c] += slope * vectors[p, c]
            if n4 == 0 or distances[p] >= cutoff:
                continue
            for q in range(p + 1, offsets[i + 1]):
                square = 0.0
                for c in range(3):
                    square += (vectors[q, c] - vectors[p, c]) ** 2
                if distances[q] >= cutoff or square >= cutoff**2:
                    continue
                triplet_slopes(
                    p, q, math.sqrt(square), distances, g4, g4_slope, cutoff, g4_eta, g4_zeta, g4_gamma, slopes
                )
                f = start4 + n4 * species_pair(species[second[p]], species[second[q]], n_species)
                for m in range(n_rows):
                    by_ij, by_ik, by_jk = 0.0, 0.0, 0.0
                    for t in range(n4):
                        weight = weights[m, i, f + t]
                        by_ij += weight * slopes[t, 0]
                        by_ik += weight * slopes[t, 1]
                        by_jk += weight * slopes[t, 2]
                    for c in range(3):
                        across = by_jk * (vectors[q, c] - vectors[p, c])
                        by_vector[p - first, m, c] += by_ij * vectors[p, c] - across
                        by_vector[q - first, m, c] += by_ik * vectors[q, c] + across
        for p in range(first, offsets[i + 1]):
            for m in range(n_rows):
                for c in range(3):
                    result[m, second[p], c] += by_vector[p - first, m, c]
                    result[m, i, c] -= by_vector[p - first, m, c]
    return result
