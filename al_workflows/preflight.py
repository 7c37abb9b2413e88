"""Everything about a run that can be wrong, looked at before anything is computed or stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from al_workflows.claim import claimed_directory as claimed_directory
from al_workflows.claim import writable_directory as writable_directory
from al_workflows.dft.sampling import sampling_remark
from al_workflows.dft.settings import check_available
from al_workflows.dft.spec import resolved
from al_workflows.errors import InputError
from al_workflows.free_directions import free_directions
from al_workflows.path_ends import either_way, match_ends
from al_workflows.potential import check_prior
from al_workflows.potential.priors.dimers import with_parameters_of_file
from al_workflows.prior_spec import each_morse
from al_workflows.records import atoms_from_dict, atoms_to_dict
from al_workflows.results import run_id
from al_workflows.simulations.thermostats import degrees_of_freedom
from al_workflows.spec import MdSpec, NebSpec, RunSpec
from al_workflows.spec_file import load_spec
from al_workflows.structures import describe_closest, min_distance_ratio, read_structure


@dataclass(frozen=True, eq=False)
class PreparedRun:
    """A run file that was read, its structure, and the id that follows from both.

    ``remarks`` is what a user should know and need not change, a line each. ``final`` is where a path ends.
    """

    run: str
    spec: RunSpec
    start: Atoms
    remarks: tuple[str, ...] = ()
    final: Atoms | None = None


def prepare(path: Path) -> PreparedRun:
    """Read a run file and its structure, and check that potential and DFT can treat what they hold.

    Raises
    ------
    InputError
        A key, a value, the structure or an element breaks a rule.
    EnvironmentProblem
        The DFT code is not installed or not complete.
    """
    spec = load_spec(path)
    start = read_structure(spec.structure)
    final = None if spec.final_structure is None else read_structure(spec.final_structure)
    return prepare_structure(spec, start, final)


def prepare_structure(spec: RunSpec, start: Atoms, final: Atoms | None = None) -> PreparedRun:
    """As :func:`prepare`, for a specification and structures that are already there; ``final`` is where a path ends."""
    spec = completed(spec)
    elements = sorted(set(start.get_chemical_symbols()))
    remarks = check_prior(start, spec.potential.prior)
    check_available(spec.dft, elements)
    remarks += tuple(remark for remark in [sampling_remark(start, spec.dft)] if remark is not None)
    _refuse_lost_constraints(start, str(spec.structure))
    if spec.confirm_minimum == "always":
        _refuse_bent_constraints(start, str(spec.structure))
    if isinstance(spec.simulation, MdSpec):
        _refuse_motionless(start, str(spec.structure))
    _refuse_close(start, str(spec.structure), spec.dft.min_distance)
    if isinstance(spec.simulation, NebSpec):
        name = str(spec.final_structure)
        if final is None:
            raise InputError(f"{name}: the path's final structure is missing; give it beside the first")
        _refuse_close(final, name, spec.dft.min_distance)
        final = match_ends(start, final, spec.simulation, name)
        remarks += tuple(remark for remark in [either_way(start, final)] if remark is not None)
    return PreparedRun(run_id(spec, start, final), spec, start, remarks, final)


def completed(spec: RunSpec) -> RunSpec:
    """``spec`` with what it leaves to files and to the environment filled in: it then means the same everywhere.

    Raises
    ------
    InputError
        A file of Morse parameters cannot be used.
    """
    prior = each_morse(spec.potential.prior, with_parameters_of_file)
    potential = spec.potential.model_copy(update={"prior": prior})
    return spec.model_copy(update={"potential": potential, "dft": resolved(spec.dft)})


def fixed_atoms(atoms: Atoms) -> int:
    """Number of atoms that a constraint holds in all directions."""
    forces = np.ones((len(atoms), 3))
    for constraint in atoms.constraints:
        constraint.adjust_forces(atoms, forces)
    return int((forces == 0).all(axis=1).sum())


def _refuse_close(atoms: Atoms, name: str, min_distance: float) -> None:
    """Raise an :class:`InputError` if two atoms are closer than DFT is asked about."""
    closest = min_distance_ratio(atoms)
    if closest.ratio < min_distance:
        raise InputError(
            f"{name}: {describe_closest(atoms, closest)} but `dft.min_distance` is {min_distance:g}; move them apart "
            "or lower it"
        )


def _bare(start: Atoms, constraint: object) -> Atoms:
    atoms = start.copy()
    atoms.set_constraint(constraint)
    return atoms


def _refuse_lost_constraints(start: Atoms, name: str) -> None:
    """Raise an :class:`InputError` if a constraint does not survive its way through the database."""
    for constraint in start.constraints:
        try:
            atoms_from_dict(atoms_to_dict(_bare(start, constraint)))
        except (AttributeError, TypeError, ValueError, KeyError, NotImplementedError) as error:
            raise InputError(
                f"{name}: the constraint {type(constraint).__name__} cannot be stored and read back; use one that can, "
                "as FixAtoms, FixCartesian, FixedPlane or FixedLine"
            ) from error


def _refuse_bent_constraints(start: Atoms, name: str) -> None:
    """Raise an :class:`InputError` if a constraint leaves no straight directions to look for negative curvature."""
    try:
        free_directions(start)
    except InputError as error:
        raise InputError(
            f"{name}: `simulation.confirm_minimum` is `always`, and {error}, or give it another value"
        ) from error


def _refuse_motionless(start: Atoms, name: str) -> None:
    """Raise an :class:`InputError` if nothing can have a temperature, or ASE cannot count what can."""
    try:
        free = degrees_of_freedom(start)
    except NotImplementedError as error:
        kinds = ", ".join(sorted({type(constraint).__name__ for constraint in start.constraints}))
        raise InputError(
            f"{name}: the constraints are {kinds}, of which ASE does not say how many degrees of freedom they leave, "
            "but a temperature needs that; use FixAtoms, FixCartesian or FixBondLengths"
        ) from error
    if free < 1:
        raise InputError(
            f"{name}: there are {free} degrees of freedom beside the motion of the centre of mass, but dynamics need "
            "one at least; take more atoms"
        )
