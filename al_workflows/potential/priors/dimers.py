"""Morse parameters of the elements: the shipped table of dimers, and what a user puts in their place.

An entry of a table gives D_e and r_e of a homonuclear dimer, and either a or the harmonic wavenumber ω_e, whose
curvature fixes a::

    2 D_e a² = μ (2π c ω_e)²      μ = m / 2

(Morse, Phys. Rev. 34, 57 (1929)).
"""

from __future__ import annotations

import functools
import importlib.resources
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from ase import units
from ase.data import atomic_masses, atomic_numbers, covalent_radii

from al_workflows.errors import InputError
from al_workflows.spec import MorseParameters, MorsePriorSpec


def inverse_width(well_depth: float, wavenumber: float, mass: float) -> float:
    """The ``a`` (1/Å) of a dimer with D_e (eV), ω_e (1/cm) and the mass of one atom (u)."""
    frequency = 2.0 * math.pi * units._c * 100.0 * wavenumber / units.s  # rad per ASE time unit
    return math.sqrt(mass / 2.0 * frequency**2 / (2.0 * well_depth))


def estimate(element: str) -> MorseParameters:
    """A curve for an element without parameters: a start for the fit to the labels, which moves it, and no more.

    r_e is where atoms of the covalent radii of Cordero et al., Dalton Trans. 2832 (2008), touch; D_e (0.5 eV) and a
    (1.5 1/Å) are about what the fit makes of pairs in a metal. A covalent bond is up to ten times deeper.
    """
    radius = float(covalent_radii[atomic_numbers[element]])
    return MorseParameters(well_depth=0.5, r_e=2.0 * radius, a=1.5)


@functools.cache
def _shipped_table() -> dict[str, dict[str, Any]]:
    text = importlib.resources.files("al_workflows").joinpath("data/morse.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


@functools.cache
def shipped_parameters() -> dict[str, MorseParameters]:
    """Morse parameters by element, from ``al_workflows/data/morse.yaml``."""
    return {element: _curve(element, entry) for element, entry in _shipped_table().items()}


def literature(element: str) -> dict[str, Any] | None:
    """The measured dimer of an element (well_depth, r_e, omega_e, origin), if the shipped table has it."""
    entry = _shipped_table().get(element, {})
    found = entry.get("literature", entry)
    return dict(found) if "omega_e" in found else None


def _curve(element: str, entry: dict[str, Any]) -> MorseParameters:
    """The curve of a table's entry; its other keys say where it comes from."""
    a = entry.get("a")
    if a is None:
        mass = float(atomic_masses[atomic_numbers[element]])
        a = inverse_width(entry["well_depth"], entry["omega_e"], mass)
    return MorseParameters(well_depth=entry["well_depth"], r_e=entry["r_e"], a=a)


def read_parameters(path: Path) -> dict[str, MorseParameters]:
    """The curves in a parameters file, as `alflow fit-morse` writes it.

    Raises
    ------
    InputError
        The file cannot be read, or an entry of its is no curve.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or "it is not YAML"
        raise InputError(
            f"`potential.prior.file` {path} cannot be read: {reason}; give a file of `alflow fit-morse`"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"`potential.prior.file` {path} holds no element; give a file of `alflow fit-morse`")
    curves = {}
    for element, entry in content.items():
        try:
            curves[str(element)] = _curve(str(element), entry)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"`potential.prior.file` {path}: {element} is {str(entry)[:60]!r} but must have well_depth (eV), "
                "r_e (Å) and a (1/Å), all positive"
            ) from error
    return curves


def with_parameters_of_file(prior: MorsePriorSpec) -> MorsePriorSpec:
    """``prior`` with the curves of its file among its own parameters, which come first: nobody needs the file again.

    Raises
    ------
    InputError
        The file cannot be read, or an entry of its is no curve.
    """
    if prior.file is None:
        return prior
    return prior.model_copy(update={"parameters": {**read_parameters(prior.file), **prior.parameters}, "file": None})


def element_parameters(elements: Iterable[str], prior: MorsePriorSpec) -> list[MorseParameters | None]:
    """The curves of ``elements`` in their order; a user's own come before the shipped ones, None where there is none.

    Raises
    ------
    InputError
        An element has none, and ``prior.missing`` does not allow that.
    """
    known = {**shipped_parameters(), **with_parameters_of_file(prior).parameters}
    found = {element: known.get(element) for element in elements}
    missing = [element for element, curve in found.items() if curve is None]
    if missing and prior.missing == "error":
        raise InputError(
            f"no Morse parameters for {missing[0]}, only for {', '.join(sorted(known))}; give "
            f"`potential.prior.parameters.{missing[0]}` (well_depth, r_e, a), let `alflow fit-morse {missing[0]}` "
            "compute them, or let `potential.prior.missing` be estimate"
        )
    return list(found.values())
