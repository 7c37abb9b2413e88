"""The runs of a chaos test: four kinds of surfaces, each with a run file and a start of its own for every seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ase import Atoms
from ase.build import add_adsorbate, fcc100
from ase.constraints import FixAtoms

from al_workflows.preflight import PreparedRun, prepare
from al_workflows.structures import structure_key
from tests.dft.faulty import fate

#: share of the attempts that fail in part b, and how often one is tried
RATE, ATTEMPTS = 0.25, 5
#: potentials of all three trainings: solved for, LBFGS under a schedule, mini-batches in random order
NETWORK: dict[str, Any] = {"members": 2, "hidden": [10, 10]}
KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Cu", "O", {}),
    ("Cu", "C", {**NETWORK, "training": {"kind": "paper", "epochs": 50}}),
    ("Pd", "O", {**NETWORK, "training": {"kind": "minibatch", "epochs": 200}}),
    ("Pd", "C", {}),
)


@dataclass(frozen=True)
class ChaosRun:
    """A run file on disk, and what it asks for."""

    file: Path
    prepared: PreparedRun

    @property
    def name(self) -> str:
        """The run's id."""
        return self.prepared.run


def write_run(directory: Path, number: int, seed: int, faulty: bool, cycles: int = 12) -> ChaosRun:
    """Run ``number`` of a chaos test: files in ``directory``, surfaces in turn, never the same start twice."""
    metal, adsorbate, potential = KINDS[number % len(KINDS)]
    generator = np.random.default_rng([seed, number])
    atoms = _surface(metal, adsorbate, generator)
    name = f"chaos{number}"
    structure = directory / f"{name}.traj"
    atoms.write(structure)
    spec = {
        "seed": int(generator.integers(2**31)),
        "structure": structure.name,
        "simulation": {"kind": "relaxation", "fmax": 0.05, "confirm_minimum": "never"},
        "query": {"kind": "final_uncertainty", "batch": 2},
        "termination": {"max_cycles": cycles},
        "dft": _faulty(atoms, seed, number) if faulty else _sound(),
    } | ({"potential": potential} if potential else {})
    file = directory / f"{name}.yaml"
    file.write_text(yaml.safe_dump(spec))
    return ChaosRun(file, prepare(file))


def _surface(metal: str, adsorbate: str, generator: np.random.Generator) -> Atoms:
    """An adsorbate over a hollow of (100), lower layer fixed, the others displaced at random."""
    atoms = fcc100(metal, (2, 2, 2), vacuum=6.0)
    add_adsorbate(atoms, adsorbate, 1.3 + 0.4 * generator.random(), "hollow")
    atoms.pbc = (True, True, False)
    fixed = [atom.index for atom in atoms if atom.tag == 2]
    atoms.set_constraint(FixAtoms(fixed))
    shift = generator.normal(0, 0.05, (len(atoms), 3))
    shift[fixed] = 0
    atoms.positions += shift
    return atoms


def _sound() -> dict[str, Any]:
    return {"kind": "ase", "calculator": "tests.chaos.calculators.SlowEMT", "timeout": 600}


def _faulty(start: Atoms, seed: int, number: int) -> dict[str, Any]:
    """Failures by a draw that leaves the start an answer: without one a run ends, as it should."""
    key = structure_key(start)
    for attempt in range(1000):
        draw = int.from_bytes(hashlib.sha256(f"{seed} {number} {attempt}".encode()).digest()[:4])
        kinds = [fate(key, f"attempt_{n}", draw, RATE) for n in range(1, ATTEMPTS + 1)]
        if next((kind for kind in kinds if kind in (None, "scf")), "all failed") is None:
            break
    return {
        "kind": "ase",
        "calculator": "tests.chaos.calculators.FaultySlowEMT",
        "arguments": {"seed": draw, "rate": RATE},
        "timeout": 30,  # far more than EMT takes on a loaded machine; a hang lasts as long
        "max_attempts": ATTEMPTS,
    }
