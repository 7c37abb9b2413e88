"""Which single points an element's fit needs: all known up front, and one more round if the minimum is missed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from al_workflows.dft.settings import own_settings
from al_workflows.errors import InputError
from al_workflows.morse_fit.spec import MorseFitSpec, isolated
from al_workflows.morse_fit.states import atom_multiplicity, dimer_multiplicity
from al_workflows.potential.priors.dimers import literature
from al_workflows.records import Label, Request, request_key
from al_workflows.spec import DftSpec

#: distances of the dimer in units of the r_e that is expected: dense where it may be, then out along the stretched bond
GRID = (0.90, 0.95, 1.00, 1.05, 1.10, 1.20, 1.35, 1.50)
#: a second round's grid is around the shortest or longest distance of the first times this
SHORTER, LONGER = 0.75, 1.15
#: distances nearer to a computed one than this (Å) are not computed again
SAME = 0.01
#: the cell's second edge in units of the first: degenerate open shells get an orientation
ORTHORHOMBIC = 1.03


@dataclass(frozen=True)
class Multiplicities:
    """2 S + 1 of atom and dimer."""

    atom: int
    dimer: int


@dataclass(frozen=True, eq=False)
class Point:
    """One single point with the settings that belong to it."""

    request: Request
    dft: DftSpec

    def directory(self, root: Path) -> Path:
        """Where it is computed: ``<root>/<element>-<hash>/<round>/<index>``."""
        return root / self.request.key


def check_element(element: str, spec: MorseFitSpec) -> None:
    """Raise an :class:`InputError` if ``element`` is none, or its multiplicities are not known or impossible."""
    if element not in atomic_numbers or atomic_numbers[element] < 1:
        raise InputError(f"{element!r} is not a chemical element; give symbols, e.g. Cu")
    found = multiplicities(element, spec)
    if (found.atom - 1 - atomic_numbers[element]) % 2:
        parity = "odd" if atomic_numbers[element] % 2 == 0 else "even"
        raise InputError(
            f"`elements.{element}.atom` is {found.atom} but must be {parity}: {element} has {atomic_numbers[element]} "
            "electrons; give its 2S+1"
        )
    if found.dimer % 2 == 0:
        raise InputError(f"`elements.{element}.dimer` is {found.dimer} but must be odd: a dimer's electrons are even")
    isolated(spec, polarised=True)


def multiplicities(element: str, spec: MorseFitSpec) -> Multiplicities:
    """The user's own, else the tables'."""
    own = spec.element(element)
    return Multiplicities(own.atom or atom_multiplicity(element), own.dimer or dimer_multiplicity(element))


def expected_distance(element: str, spec: MorseFitSpec) -> float:
    """Where the minimum is looked for (Å): the user's, the measured one, or twice the covalent radius."""
    if own := spec.element(element).r_e:
        return own
    # not the shipped curve's: points would be other ones as soon as it is computed anew
    known = literature(element)
    return float(known["r_e"]) if known else 2.0 * float(covalent_radii[atomic_numbers[element]])


def series(element: str, spec: MorseFitSpec) -> str:
    """``<element>-<hash>``, the hash over all that decides the element's numbers."""
    found = multiplicities(element, spec)
    dft = isolated(spec, polarised=True)
    content = [dft.kind, own_settings(dft), spec.box, found.atom, found.dimer, expected_distance(element, spec)]
    return f"{element}-{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]}"


def first_points(element: str, spec: MorseFitSpec) -> tuple[Point, ...]:
    """The lone atom, then the dimer on the grid around the expected r_e."""
    middle = expected_distance(element, spec)
    found = multiplicities(element, spec)
    atom = _point(element, spec, 0, 0, None, found.atom)
    dimers = (
        _point(element, spec, 0, n, round(factor * middle, 4), found.dimer) for n, factor in enumerate(GRID, start=1)
    )
    return (atom, *dimers)


def more_points(element: str, spec: MorseFitSpec, labels: Sequence[Label]) -> tuple[Point, ...]:
    """A second grid beyond the end at which the first shows no minimum yet; empty where none is needed.

    Parameters
    ----------
    labels
        Those of :func:`first_points`, failures included.
    """
    dimers = [label for label in labels if label.ok and len(label.atoms) == 2]
    found = sorted((dimer_distance(label), dimer_slope(label)) for label in dimers)
    if not found or any(before[1] < 0 <= after[1] for before, after in pairwise(found)):
        return ()
    computed = np.array([distance for distance, _ in found])
    middle = computed[0] * SHORTER if found[0][1] >= 0 else computed[-1] * LONGER
    wanted = [round(factor * middle, 4) for factor in GRID]
    new = [distance for distance in wanted if np.abs(computed - distance).min() > SAME]
    dimer = multiplicities(element, spec).dimer
    return tuple(_point(element, spec, 1, n, distance, dimer) for n, distance in enumerate(new))


def dimer_distance(label: Label) -> float:
    """Å, as asked for."""
    return float(np.linalg.norm(label.atoms.positions[1] - label.atoms.positions[0]))


def dimer_slope(label: Label) -> float:
    """dE/dr (eV/Å) of an accepted dimer, from the forces of both atoms along the bond."""
    assert label.forces is not None
    bond = label.atoms.positions[1] - label.atoms.positions[0]
    return -float((label.forces[1] - label.forces[0]) @ bond) / (2.0 * float(np.linalg.norm(bond)))


def _point(
    element: str, spec: MorseFitSpec, round_: int, index: int, distance: float | None, multiplicity: int
) -> Point:
    # one cell for all of an element's points, so that what the basis and the images add cancels in D_e
    longest = GRID[-1] * expected_distance(element, spec)
    cell = (spec.box, round(spec.box * ORTHORHOMBIC, 4), round(spec.box + longest, 4))
    places = [(0.0, 0.0, 0.0)] if distance is None else [(0.0, 0.0, 0.0), (0.0, 0.0, distance)]
    atoms = Atoms([element] * len(places), places, cell=cell, pbc=True)
    atoms.center()
    if multiplicity > 1:
        atoms.set_initial_magnetic_moments([(multiplicity - 1) / len(places)] * len(places))
    what = "the lone atom" if distance is None else f"the dimer at {distance:.4f} Å"
    request = Request(
        request_key(series(element, spec), round_, index),
        atoms,
        strategy="morse",
        reason=f"{what}, 2S+1 = {multiplicity}",
    )
    return Point(request, isolated(spec, polarised=multiplicity > 1))
