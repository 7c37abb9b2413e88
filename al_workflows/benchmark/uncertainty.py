"""What the ensemble's spread says of the true error of forces, on the path of a relaxation and off it.

Labels are the first geometries of GPMin's relaxation on the parent, so that the potential is where a run's is after so
many labels. *On the path* are what comes after them, to the relaxed structure, and the middles of all steps; *off it*
are the labels and the relaxed structure with all free atoms rattled.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from scipy.stats import f as f_distribution
from scipy.stats import spearmanr

from al_workflows.benchmark.ensembles import KINDS, Kind, grown
from al_workflows.benchmark.peers import peers_of, relax_by_peer
from al_workflows.benchmark.systems import DEVELOPMENT_DRAW, PaperSystem, System, draw
from al_workflows.benchmark.tables import Column, Document, Table
from al_workflows.errors import InputError
from al_workflows.potential import Image, Potential
from al_workflows.records import FloatArray
from al_workflows.structures import free_atoms
from al_workflows.threads import single_threaded

#: standard deviations of the coordinates of rattled atoms, Å
WIDTHS = (0.1, 0.2)
#: rattled copies of every label's geometry and of the relaxed one
COPIES = 2
#: eV/Å: where the path ends
FMAX = 0.01
#: geometries of the path that are looked at, evenly
FRAMES = 30

#: told of each potential's rows as they come
Listener = Callable[[Sequence["UncertaintyRow"]], None]


@dataclass(frozen=True)
class UncertaintyRow:
    """Errors of a potential's forces on free atoms as vectors, |ΔF|, beside their predicted deviation σ, both in eV/Å.

    ``rank`` is Spearman's correlation of both, ``within_*`` the share of atoms with |ΔF| < σ and < 2σ, ``z`` the root
    mean square of |ΔF| / σ, ``nominal_*`` what they are for :func:`nominal` of the ensemble's size. ``points`` atoms.
    ``factor`` is the calibration in σ (median over the potentials), ``spread_2`` the share within twice the members'
    deviation without it.
    """

    kind: Annotated[str, Column("potential")]
    members: int
    labels: int
    where: str
    points: int
    error: Annotated[float, Column("median |ΔF|, eV/Å", 3)]
    sigma: Annotated[float, Column("median σ, eV/Å", 3)]
    rank: Annotated[float, Column("rank correlation", 2)]
    within_1: Annotated[float, Column("within σ", 2)]
    nominal_1: Annotated[float, Column("calibrated: within σ", 2)]
    within_2: Annotated[float, Column("within 2σ", 2)]
    nominal_2: Annotated[float, Column("calibrated: within 2σ", 2)]
    z: Annotated[float, Column("rms |ΔF|/σ", 2)]
    factor: Annotated[float, Column("factor", 2)]
    spread_2: Annotated[float, Column("within 2 spreads", 2)]


@dataclass(frozen=True)
class Places:
    """Structures of one kind with the true forces (eV/Å, [N, 3]) of each."""

    where: str
    structures: list[Atoms]
    forces: list[FloatArray]


def nominal(members: int, factor: float) -> float:
    """Share of errors within ``factor`` times σ if errors are normal, alike in x, y and z, and the members know it.

    σ² is the sum of the variances of three components, each estimated from ``members`` samples: |ΔF|²/σ² is F of 3
    and 3 (members − 1) degrees of freedom. For many members: 0.61 within σ and 0.993 within 2σ, not 0.68 and 0.95.
    """
    return float(f_distribution.cdf(factor**2, 3, 3 * (members - 1)))


@single_threaded
def uncertainty_rows(
    systems: Sequence[System | PaperSystem] | None = None,
    seeds: Sequence[int] = (0,),
    kinds: Sequence[Kind] = KINDS,
    members: Sequence[int] = (3, 5, 8),
    labels: Sequence[int] = (1, 3, 10),
    listener: Listener | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[UncertaintyRow]:
    """Rows by kind, labels, members and place, over all ``systems`` (by default the paper's and four drawn ones).

    A path that is over after so many ``labels`` is left out there. ``progress`` is told how many paths are done by one
    kind, and of how many.
    """
    if systems is None:
        systems = [PaperSystem(), *draw(DEVELOPMENT_DRAW, 4)]
    parent = EMT()
    paths = [(_path(system.start(seed), parent), seed) for system in systems for seed in seeds]
    rows: list[UncertaintyRow] = []
    for number, kind in enumerate(kinds):
        found: dict[tuple[int, int, str], list[FloatArray]] = {}
        for place, (path, seed) in enumerate(paths):
            progress(number * len(paths) + place, len(kinds) * len(paths))
            most = max((count for count in labels if count < len(path)), default=0)
            images = [Image(atoms, atoms.get_potential_energy(), _forces(atoms)) for atoms in path[:most]]
            for count, trained in grown(kind, images, members, seed):
                for places in places_of(path, count, seed, parent) if count in labels else ():
                    for size, potential in trained.items():
                        found.setdefault((count, size, places.where), []).append(deviations(potential, places))
        made = [_row(kind, size, count, where, parts) for (count, size, where), parts in sorted(found.items())]
        rows += made
        if listener is not None:
            listener(made)
    return rows


def numbers_of(option: str, text: str, least: int) -> list[int]:
    """The numbers in ``text``, separated by commas, in order and each once.

    Raises
    ------
    InputError
        It holds something else, or a number below ``least``.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) >= least for part in parts):
        raise InputError(f"{option} is '{text}' but must be whole numbers from {least} on, as 3,5,8")
    return sorted({int(part) for part in parts})


def places_of(path: Sequence[Atoms], count: int, seed: int, parent: Calculator) -> list[Places]:
    """Structures on and off ``path``, the first ``count`` of which are labels."""
    middles = [_between(one, other) for one, other in itertools.pairwise(path)]
    ahead = [*middles, *path[count:]]
    chosen = np.unique(np.linspace(0, len(ahead) - 1, min(FRAMES, len(ahead))).round().astype(int))
    rng = np.random.default_rng([seed, count])
    groups = {"on the path": [ahead[k] for k in chosen]}
    for width in WIDTHS:
        bases = [*path[:count], path[-1]] * COPIES
        groups[f"rattled by {width:g} Å"] = [_rattled(atoms, width, rng) for atoms in bases]
    return [Places(where, group, [_computed(atoms, parent) for atoms in group]) for where, group in groups.items()]


def deviations(potential: Potential, places: Places) -> FloatArray:
    """|ΔF| and σ of every free atom of ``places``, eV/Å, and the factor in σ, [3, points]."""
    errors, sigmas = [], []
    for atoms, forces in zip(places.structures, places.forces, strict=True):
        found, free = potential.predict(atoms), free_atoms(atoms)
        errors.append(np.linalg.norm(found.forces - forces, axis=1)[free])
        sigmas.append(found.force_std[free])
    found_errors, found_sigmas = np.concatenate(errors), np.concatenate(sigmas)
    return np.array([found_errors, found_sigmas, np.full(len(found_errors), potential.calibration.factor)])


def document(rows: Sequence[UncertaintyRow], systems: Sequence[str], seeds: Sequence[int], command: str) -> Document:
    """The rows as a table with what they are to be compared with."""
    notes = (
        "σ is the spread of the force as a vector over the members, times a factor by what earlier potentials said of "
        "later labels; a calibrated one has `rms |ΔF|/σ` near 1",
        "calibrated: what normal errors, alike in x, y and z, would give for that number of members",
        f"on the path: middles of GPMin's steps and all after the labels, to {FMAX:g} eV/Å; rattled: free atoms of the "
        "labels and of the relaxed structure",
    )
    settings = {"parent": "EMT", "systems": list(systems), "seeds": list(seeds)}
    return Document("Uncertainty of forces", command, settings, [Table("σ and the true error", rows, notes)])


def _row(kind: str, members: int, labels: int, where: str, parts: Sequence[FloatArray]) -> UncertaintyRow:
    errors, sigmas, factors = np.concatenate(parts, axis=1)
    ratios = errors / np.maximum(sigmas, 1e-12)
    return UncertaintyRow(
        kind=kind,
        members=members,
        labels=labels,
        where=where,
        points=len(errors),
        error=float(np.median(errors)),
        sigma=float(np.median(sigmas)),
        rank=float(spearmanr(errors, sigmas).statistic),
        within_1=float((ratios < 1).mean()),
        nominal_1=nominal(members, 1),
        within_2=float((ratios < 2).mean()),
        nominal_2=nominal(members, 2),
        z=float(np.sqrt((ratios**2).mean())),
        factor=float(np.median([part[2, 0] for part in parts])),
        spread_2=float((ratios * factors < 2).mean()),
    )


def _path(start: Atoms, parent: Calculator) -> list[Atoms]:
    """GPMin's geometries, in the order of their computation, with energies and forces of ``parent``."""
    trial = relax_by_peer(peers_of(["GPMin"])[0], start, parent, FMAX)
    frames = []
    for image in trial.counted.images:
        atoms = image.copy()
        atoms.set_constraint(start.constraints)
        atoms.calc = parent
        frames.append(atoms)
    return frames


def _between(one: Atoms, other: Atoms) -> Atoms:
    atoms = one.copy()
    atoms.positions = 0.5 * (one.positions + other.positions)
    return atoms


def _rattled(atoms: Atoms, width: float, rng: np.random.Generator) -> Atoms:
    copy, free = atoms.copy(), free_atoms(atoms)
    copy.positions[free] += rng.normal(0.0, width, (int(free.sum()), 3))
    return copy


def _computed(atoms: Atoms, parent: Calculator) -> FloatArray:
    copy = atoms.copy()
    copy.calc = parent
    return _forces(copy)


def _forces(atoms: Atoms) -> FloatArray:
    return np.asarray(atoms.get_forces(apply_constraint=False))
