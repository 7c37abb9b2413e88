"""A cycle's simulation as a file that other programs read: the model's energies and forces, frame by frame."""

from __future__ import annotations

import io
from pathlib import Path

import ase.io
from ase.calculators.singlepoint import SinglePointCalculator

from al_workflows.errors import InputError
from al_workflows.files import write_atomically
from al_workflows.history import RunHistory
from al_workflows.records import Pool
from al_workflows.simulations.dynamics import FRAME_INTERVAL


def write_trajectory(history: RunHistory, path: Path, cycle: int | None = None) -> tuple[int, int]:
    """Write the simulation of ``cycle`` (None: the last) as extxyz to ``path``, which is replaced.

    ``energy`` (eV) and ``forces`` (eV/Å, constraints not applied) are the model's; ``uncertainty`` (eV/Å) is the
    largest force standard deviation of an atom; frames of dynamics have their ``time_fs``.

    Returns
    -------
    tuple
        The cycle, and the number of frames.

    Raises
    ------
    InputError
        No simulation of that cycle has been kept.
    EnvironmentProblem
        The file cannot be written.
    """
    pools = {number: pool for number, pool in sorted(history.pools.items()) if len(pool)}
    chosen = next(reversed(pools), None) if cycle is None else cycle
    if chosen is None or chosen not in pools:
        there = ", ".join(map(str, pools)) or "none yet"
        which = "" if cycle is None else f" of cycle {cycle}"
        raise InputError(f"run {history.run} has no simulation{which}; cycles that have one: {there}")
    text = io.StringIO()
    ase.io.write(text, _images(pools[chosen]), format="extxyz")
    write_atomically(path, text.getvalue(), durable=False)
    return chosen, len(pools[chosen])


def _images(pool: Pool) -> list[ase.Atoms]:
    images = []
    for index in range(len(pool)):
        atoms = pool.frame(index)
        atoms.calc = SinglePointCalculator(atoms, energy=float(pool.energies[index]), forces=pool.forces[index])
        atoms.info = {"uncertainty": float(pool.uncertainties[index])}
        if FRAME_INTERVAL in pool.measures:
            atoms.info["time_fs"] = index * pool.measures[FRAME_INTERVAL]
        images.append(atoms)
    return images
