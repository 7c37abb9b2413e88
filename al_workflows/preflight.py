"""Everything about a run that can be wrong, looked at before anything is computed or stored."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms

from al_workflows.dft.settings import check_available
from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.potential import check_elements
from al_workflows.potential.dimers import with_parameters_of_file
from al_workflows.results import run_id
from al_workflows.spec import MorsePriorSpec, RunSpec, load_spec
from al_workflows.structures import describe_closest, min_distance_ratio, read_structure


@dataclass(frozen=True, eq=False)
class PreparedRun:
    """A run file that was read, its structure, and the id that follows from both."""

    run: str
    spec: RunSpec
    start: Atoms


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
    return prepare_structure(spec, start)


def prepare_structure(spec: RunSpec, start: Atoms) -> PreparedRun:
    """As :func:`prepare`, for a specification and a structure that are already there."""
    if isinstance(spec.potential.prior, MorsePriorSpec):
        potential = spec.potential.model_copy(update={"prior": with_parameters_of_file(spec.potential.prior)})
        spec = spec.model_copy(update={"potential": potential})
    elements = sorted(set(start.get_chemical_symbols()))
    check_elements(elements, spec.potential)
    check_available(spec.dft, elements)
    closest = min_distance_ratio(start)
    if closest.ratio < spec.dft.min_distance:
        raise InputError(
            f"{spec.structure}: {describe_closest(start, closest)} but `dft.min_distance` is "
            f"{spec.dft.min_distance:g}; move them apart or lower it"
        )
    return PreparedRun(run_id(spec, start), spec, start)


def writable_directory(directory: Path) -> Path:
    """``directory``, absolute, made if it is not there, and tried.

    Raises
    ------
    EnvironmentProblem
        It cannot be made or written (no permission, read-only or full file system).
    """
    probe = directory / f".alflow-{os.getpid()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"\0" * 4096)
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentProblem(
            f"directory {directory} cannot be written: {error.strerror}; name another one"
        ) from error
    return directory.resolve()
