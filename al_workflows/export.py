"""A run's DFT labels as training data for other programs, each with where it comes from.

Energies and forces are named ``REF_energy`` (eV) and ``REF_forces`` (eV/Å, constraints not applied): names that no
reader takes for results of its own and renames or drops.
"""

from __future__ import annotations

import enum
import io
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms

from al_workflows.errors import InputError
from al_workflows.files import write_atomically
from al_workflows.history import RunHistory
from al_workflows.records import Label


class Format(enum.StrEnum):
    """What can be written."""

    EXTXYZ = "extxyz"
    ASE_DB = "ase-db"


def export(history: RunHistory, form: Format, path: Path) -> int:
    """Write the run's accepted labels to ``path``, which is replaced; their number.

    Raises
    ------
    InputError
        The run has no accepted label.
    EnvironmentProblem
        The file cannot be written.
    """
    labels = accepted(history)
    content = extxyz(history.run, labels) if form is Format.EXTXYZ else _ase_db(history.run, labels)
    write_atomically(path, content, durable=False)
    return len(labels)


def accepted(history: RunHistory) -> list[Label]:
    """The run's accepted labels.

    Raises
    ------
    InputError
        There is none.
    """
    labels = [label for label in history.labels if label.ok]
    if not labels:
        raise InputError(
            f"run {history.run} has no single point that succeeded (of {len(history.labels)}), so there is nothing to "
            f"export; `alflow show {history.run}` says why"
        )
    return labels


def provenance(run: str, label: Label) -> dict[str, Any]:
    """Where a label comes from."""
    request = label.request
    content = {
        "run": run,
        "key": label.key,
        "cycle": label.cycle,
        "strategy": request.strategy,
        "reason": request.reason,
        "code": label.code,
        "dft_hash": label.dft_hash,
    }
    return content if request.uncertainty is None else {**content, "uncertainty": request.uncertainty}


def image(run: str, label: Label) -> Atoms:
    """The structure of a label with where it comes from, and ``REF_energy`` and ``REF_forces`` if it was accepted."""
    atoms = _bare(label)
    # ASE writes backslashes as they are, and readers take them for the beginning of an escape
    about = {key: _plain(value) for key, value in provenance(run, label).items()}
    atoms.info = about
    if label.energy is not None and label.forces is not None:
        atoms.info = {"REF_energy": label.energy, **about}
        atoms.arrays["REF_forces"] = label.forces
    return atoms


def extxyz(run: str, labels: Sequence[Label]) -> str:
    """The structures of ``labels`` (:func:`image`), one after the other."""
    text = io.StringIO()
    ase.io.write(text, [image(run, label) for label in labels], format="extxyz")
    return text.getvalue()


def plain_extxyz(atoms: Atoms) -> str:
    """A structure without results."""
    text = io.StringIO()
    ase.io.write(text, atoms, format="extxyz")
    return text.getvalue()


def _plain(value: Any) -> Any:
    return value.replace("\\", "/") if isinstance(value, str) else value


def _bare(label: Label) -> Atoms:
    atoms = label.atoms.copy()
    atoms.calc, atoms.info = None, {}
    return atoms


def _ase_db(run: str, labels: list[Label]) -> bytes:
    """An SQLite file of ``ase.db``: energies as columns to select by, forces and sentences in ``data``."""
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.db import connect

    with tempfile.TemporaryDirectory(prefix="alflow-export-") as scratch:
        path = os.path.join(scratch, "labels.db")
        with connect(path, type="db", use_lock_file=False) as database:
            for label in labels:
                atoms = _bare(label)
                atoms.calc = SinglePointCalculator(atoms, energy=label.energy, forces=label.forces)
                about = provenance(run, label)
                keys = {name: about[name] for name in ("key", "cycle", "strategy")}
                data = {"REF_forces": label.forces, **about}
                database.write(atoms, key_value_pairs={"REF_energy": label.energy, **keys}, data=data)
        return Path(path).read_bytes()
