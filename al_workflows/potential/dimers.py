"""Morse parameters of the elements: the shipped table of dimers, and what a user puts in their place.

The table gives D_e, r_e and the harmonic wavenumber ω_e of each homonuclear dimer; its curvature fixes a::

    2 D_e a² = μ (2π c ω_e)²      μ = m / 2

(Morse, Phys. Rev. 34, 57 (1929)).
"""

from __future__ import annotations

import functools
import importlib.resources
import math
from collections.abc import Iterable

import yaml
from ase import units
from ase.data import atomic_masses, atomic_numbers

from al_workflows.errors import InputError
from al_workflows.spec import MorseParameters, MorsePriorSpec, PotentialSpec


def inverse_width(well_depth: float, wavenumber: float, mass: float) -> float:
    """The ``a`` (1/Å) of a dimer with D_e (eV), ω_e (1/cm) and the mass of one atom (u)."""
    frequency = 2.0 * math.pi * units._c * 100.0 * wavenumber / units.s  # rad per ASE time unit
    return math.sqrt(mass / 2.0 * frequency**2 / (2.0 * well_depth))


@functools.cache
def shipped_parameters() -> dict[str, MorseParameters]:
    """Morse parameters by element, from ``al_workflows/data/morse.yaml``."""
    table = importlib.resources.files("al_workflows").joinpath("data/morse.yaml").read_text(encoding="utf-8")
    return {
        element: MorseParameters(
            well_depth=entry["well_depth"],
            r_e=entry["r_e"],
            a=inverse_width(entry["well_depth"], entry["omega_e"], float(atomic_masses[atomic_numbers[element]])),
        )
        for element, entry in yaml.safe_load(table).items()
    }


def element_parameters(elements: Iterable[str], prior: MorsePriorSpec) -> list[MorseParameters]:
    """The curves of ``elements`` in their order; a user's own come before the shipped ones.

    Raises
    ------
    InputError
        An element has neither.
    """
    known = {**shipped_parameters(), **prior.parameters}
    for element in elements:
        if element not in known:
            raise InputError(
                f"no Morse parameters for {element}, only for {', '.join(sorted(known))}; give "
                f"`potential.prior.parameters.{element}` (well_depth, r_e, a) or use `prior: {{kind: none}}`"
            )
    return [known[element] for element in elements]


def check_elements(elements: Iterable[str], spec: PotentialSpec) -> None:
    """Raise an :class:`InputError` if the prior of ``spec`` lacks one of ``elements``."""
    if isinstance(spec.prior, MorsePriorSpec):
        element_parameters(dict.fromkeys(elements), spec.prior)
