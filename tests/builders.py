"""Small structures, labels and records that many tests need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc100
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms

from al_workflows.records import (
    Cycle,
    Label,
    LabelStatus,
    Pool,
    Request,
    Selection,
    StopReason,
    Verdict,
    VerdictKind,
    request_key,
)
from al_workflows.spec import RunSpec
from al_workflows.spec_file import parse_spec


def slab(height: float = 1.6, seed: int | None = None, size: tuple[int, int, int] = (2, 2, 2)) -> Atoms:
    """O over Cu(100), bottom layer fixed, periodic in x and y; free atoms rattled by 0.05 Å if a seed is given."""
    atoms = fcc100("Cu", size, vacuum=6.0)
    add_adsorbate(atoms, "O", height, "hollow")
    atoms.pbc = (True, True, False)
    atoms.set_constraint(FixAtoms([atom.index for atom in atoms if atom.tag == size[2]]))
    if seed is not None:
        shift = np.random.default_rng(seed).normal(0, 0.05, (len(atoms), 3))
        shift[atoms.constraints[0].index] = 0
        atoms.positions += shift
    return atoms


def bridge() -> Atoms:
    """O on the bridge of Cu(100): a first-order saddle on EMT, which a relaxation from there keeps to."""
    atoms = fcc100("Cu", (2, 2, 2), vacuum=6.0)
    add_adsorbate(atoms, "O", 1.4, "bridge")
    atoms.pbc = (True, True, False)
    atoms.set_constraint(FixAtoms([atom.index for atom in atoms if atom.tag == 2]))
    return atoms


def run_spec(**changes: Any) -> RunSpec:
    """A small, fast run on EMT; keyword arguments replace top-level keys."""
    data: dict[str, Any] = {
        "name": "test",
        "seed": 1,
        "structure": "start.extxyz",
        "simulation": {"kind": "relaxation", "fmax": 0.05},
        "dft": {"kind": "emt", "timeout": 120},
    }
    return parse_spec(data | changes)


def label(atoms: Atoms, cycle: int = 0, index: int = 0, status: LabelStatus = LabelStatus.OK, **changes: Any) -> Label:
    """The label that EMT gives to ``atoms``, or a failed one."""
    energy, forces = None, None
    if status is LabelStatus.OK:
        copy = atoms.copy()
        copy.calc = EMT()
        energy, forces = float(copy.get_potential_energy()), copy.get_forces(apply_constraint=False)
    fields: dict[str, Any] = {
        "request": Request(request_key("run", cycle, index), atoms, strategy="final", reason="test"),
        "status": status,
        "energy": energy,
        "forces": forces,
        "cause": "" if status is LabelStatus.OK else "it broke",
        "directory": "somewhere",
        "seconds": 0.5,
        "attempts": 0 if status is LabelStatus.GEOMETRY_REJECTED else 1,
        "code": "emt",
        "dft_hash": "hash",
    }
    return Label(**fields | changes)


def pool(frames: Sequence[Atoms], uncertainties: Sequence[float] | None = None) -> Pool:
    """A pool with EMT's energies and forces."""
    energies, forces = [], []
    for frame in frames:
        copy = frame.copy()
        copy.calc = EMT()
        energies.append(copy.get_potential_energy())
        forces.append(copy.get_forces(apply_constraint=False))
    return Pool(
        template=frames[0],
        positions=np.array([frame.positions for frame in frames]),
        energies=np.array(energies),
        forces=np.array(forces),
        uncertainties=np.array(uncertainties if uncertainties is not None else np.zeros(len(frames))),
        stop_reason=StopReason.CONVERGED,
        stop_detail="",
    )


def cycle(index: int, fmax: float | None = 1.0, energy: float | None = 0.0, dft_calls: int = 1) -> Cycle:
    """A closed cycle that said CONTINUE."""
    verdict = Verdict(VerdictKind.CONTINUE, criterion="none", reason="going on")
    return Cycle(index, verdict, dft_calls, fmax, energy, 0.8, {"train": 0.25, "dft": 1.0})


EMPTY = Selection(())
