"""Frames of other dynamics, e.g. by DFT, for a run's figures to be held against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
from ase.io.formats import UnknownFileTypeError

from al_workflows.errors import InputError
from al_workflows.history import RunHistory
from al_workflows.structures import refuse_pickle


def with_reference(history: RunHistory, path: Path) -> RunHistory:
    """``history`` with the frames of ``path``, in any format that ASE reads, beside it.

    Raises
    ------
    InputError
        The run is none of dynamics, the file cannot be read, or its structures are not the run's.
    """
    kind = history.spec.simulation.kind
    if kind != "md":
        raise InputError(f"run {history.run} is of kind {kind}, but a reference is for dynamics (md); leave it out")
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
                f"{path}: frame {number} is {atoms.symbols} in the cell {atoms.cell.array.round(3).tolist()}, but must "
                f"have atoms and cell of the run, {history.start.symbols} in "
                f"{history.start.cell.array.round(3).tolist()}"
            )
    return replace(history, reference=tuple(frames))
