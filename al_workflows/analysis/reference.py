"""Other dynamics or another band, e.g. by DFT, for a run's figures to be held against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
from ase.io.formats import UnknownFileTypeError

from al_workflows.errors import InputError
from al_workflows.history import RunHistory
from al_workflows.structures import in_its_cell, refuse_pickle


def with_reference(history: RunHistory, path: Path) -> RunHistory:
    """``history`` with the frames of ``path``, in any format that ASE reads, beside it.

    Raises
    ------
    InputError
        The run is neither of dynamics nor of a path, the file cannot be read, its structures are not the run's, or
        those of a band have no energies.
    """
    kind = history.spec.simulation.kind
    if kind not in ("md", "neb"):
        raise InputError(
            f"run {history.run} is of kind {kind}, but a reference is for dynamics (md) or a path (neb); leave it out"
        )
    try:
        refuse_pickle(path)
        frames = ase.io.read(path, index=":")
    except (OSError, ValueError, UnknownFileTypeError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:120] or "no format that ASE knows"
        raise InputError(f"{path} cannot be read ({reason}); give a trajectory that ASE reads") from error
    if not frames:
        raise InputError(f"{path} holds no structure, but a reference must have one at least; give a trajectory")
    for number, atoms in enumerate(frames):
        same = sorted(atoms.numbers) == sorted(history.start.numbers) and np.allclose(
            atoms.cell.array, history.start.cell.array, atol=1e-3
        )
        if not same:
            raise InputError(
                f"{path}: frame {number} is {in_its_cell(atoms)}, but must have atoms and cell of the run, "
                f"{in_its_cell(history.start)}"
            )
        if kind == "neb" and (atoms.calc is None or atoms.calc.get_property("energy", atoms, False) is None):
            raise InputError(f"{path}: frame {number} has no energy, but each image of a band must have one")
    return replace(history, reference=tuple(frames))
