"""exp(−η u) f_c(u) of many squared distances u = r² / r_c² at once, without a call per number.

Both factors are entire functions of u, so that on [0, 1] short polynomials give them to the last digits::

    f_c  = ½ [cos(π √u) + 1] = cos²(π √u / 2)
    exp(−η u) = exp(−η u / 2ᵏ) squared k times

Loops over arrays of products and sums are what compilers turn into vector instructions; they give the same bits
whatever the width of those, and no library's cosine has a say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.polynomial import Polynomial

from al_workflows.neighbors import IntArray
from al_workflows.potential.compiled import compiled
from al_workflows.records import FloatArray

#: what may be left out of a series whose value is at most one
NEGLIGIBLE = 1e-17
#: the largest η that a series takes; larger ones are halved and squared
LARGEST_EXPONENT = 0.4
#: coefficients that :func:`horner` takes at a time
STRIDE = 4

#: series in s = u − ½ of each η (rows, highest power first) and how often to square it; and that of cos(π √u / 2)
Series = tuple[FloatArray, IntArray, FloatArray]


def series_of(etas: Sequence[float]) -> Series:
    """What :func:`radial` needs to know of ``etas`` (in units of 1/r_c²)."""
    squarings = [max(0, math.ceil(math.log2(eta / LARGEST_EXPONENT))) for eta in etas]
    rows = [_exponential(eta / 2**k) for eta, k in zip(etas, squarings, strict=True)]
    length = max(map(len, rows), default=STRIDE)
    exponentials = np.array([np.pad(row, (length - len(row), 0)) for row in rows]).reshape(len(rows), length)
    return exponentials, np.array(squarings, dtype=np.int64), _half_cosine()


def _exponential(eta: float) -> FloatArray:
    """exp(−η u) in powers of u − ½."""
    terms = [math.exp(-eta / 2) * (-eta) ** k / math.factorial(k) for k in range(30)]
    return _shortened(np.array(terms))


def _half_cosine() -> FloatArray:
    """cos(π √u / 2) in powers of u − ½."""
    terms = [(-((math.pi / 2) ** 2)) ** k / math.factorial(2 * k) for k in range(25)]
    return _shortened(np.array(Polynomial(terms)(Polynomial([0.5, 1.0])).coef, dtype=float))


def _shortened(ascending: FloatArray) -> FloatArray:
    """Highest power first, without what is negligible for |u − ½| ≤ ½, filled up to a multiple of the stride."""
    sizes = np.abs(ascending) * 0.5 ** np.arange(len(ascending))
    rest = np.cumsum(sizes[::-1])[::-1]
    kept = ascending[: int((rest > NEGLIGIBLE).sum())]
    return np.pad(kept, (0, -len(kept) % STRIDE))[::-1].copy()


@compiled
def horner(coefficients: FloatArray, powers: FloatArray, values: FloatArray) -> None:
    """Write the polynomial of every entry of ``powers`` [n] to ``values`` [n]."""
    for n in range(len(powers)):
        values[n] = 0.0
    for k in range(0, len(coefficients), 4):
        c0, c1, c2, c3 = coefficients[k], coefficients[k + 1], coefficients[k + 2], coefficients[k + 3]
        for n in range(len(powers)):
            s = powers[n]
            values[n] = (((values[n] * s + c0) * s + c1) * s + c2) * s + c3


@compiled
def horner_with_slope(coefficients: FloatArray, powers: FloatArray, values: FloatArray, slopes: FloatArray) -> None:
    """Like :func:`horner`, with the derivative in ``slopes`` [n]."""
    for n in range(len(powers)):
        values[n] = 0.0
        slopes[n] = 0.0
    for k in range(0, len(coefficients), 4):
        c0, c1, c2, c3 = coefficients[k], coefficients[k + 1], coefficients[k + 2], coefficients[k + 3]
        for n in range(len(powers)):
            s, value, slope = powers[n], values[n], slopes[n]
            slope = slope * s + value
            value = value * s + c0
            slope = slope * s + value
            value = value * s + c1
            slope = slope * s + value
            value = value * s + c2
            slopes[n] = slope * s + value
            values[n] = value * s + c3


@compiled
def radial(
    squares: FloatArray, etas: FloatArray, series: Series, work: FloatArray, values: FloatArray, slopes: FloatArray
) -> None:
    """Write exp(−η u) f_c(u) and twice its derivative by u for u of ``squares`` [n]; zero from u = 1 on.

    As u is the square of r / r_c, twice the derivative by u is the derivative by r / r_c divided by r / r_c. ``values``
    and ``slopes`` [etas, n or more] take the results, ``work`` [3, n or more] is overwritten.
    """
    exponentials, squarings, half_cosine = series
    count = len(squares)
    powers, half, half_slope = work[0][:count], work[1][:count], work[2][:count]
    for n in range(count):
        powers[n] = min(squares[n], 1.0) - 0.5
    horner_with_slope(half_cosine, powers, half, half_slope)
    for n in range(count):
        inside = 1.0 if squares[n] < 1.0 else 0.0
        half_slope[n] = inside * 4.0 * half[n] * half_slope[n]
        half[n] = inside * half[n] * half[n]
    for e in range(len(etas)):
        decay, slope = values[e][:count], slopes[e][:count]
        horner(exponentials[e], powers, decay)
        for _ in range(squarings[e]):
            square(decay)
        double = 2.0 * etas[e]
        for n in range(count):
            slope[n] = decay[n] * (half_slope[n] - double * half[n])
            decay[n] *= half[n]


@compiled
def square(values: FloatArray) -> None:
    """Square ``values`` [n] in place."""
    for n in range(len(values)):
        values[n] *= values[n]
