"""ASE calculators that the tests put in the place of DFT, by import path."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.geometry import find_mic


class Constant(Calculator):  # type: ignore[misc]  # ase is untyped
    """Says ``energy`` (eV), and forces of zero for ``atoms`` atoms (null: as many as there are)."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, energy: float, atoms: int | None = None) -> None:
        super().__init__()
        self._energy, self._atoms = energy, atoms

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        count = len(self.atoms) if self._atoms is None else self._atoms
        self.results = {"energy": self._energy, "forces": np.zeros((count, 3))}


class WatchedEMT(EMT):  # type: ignore[misc]  # ase is untyped
    """EMT that writes a line to ``log`` when it begins and when it ends.

    In between it takes ``delay`` seconds, and waits for the file ``gate`` if one is named.
    """

    def __init__(self, log: str, delay: float = 0.0, gate: str | None = None) -> None:
        super().__init__()
        self._log = Path(log)
        self._delay = delay
        self._gate = None if gate is None else Path(gate)

    def calculate(self, *arguments: Any, **keywords: Any) -> None:
        self._say("begin")
        time.sleep(self._delay)
        while self._gate is not None and not self._gate.exists():
            time.sleep(0.05)
        super().calculate(*arguments, **keywords)
        self._say("end")

    def _say(self, what: str) -> None:
        with self._log.open("a") as file:
            file.write(f"{what} {os.getpid()}\n")


class Repelled(Calculator):  # type: ignore[misc]  # ase is untyped
    """EMT of all atoms but the last, which the nearest images of the others push away: ``height`` exp(-r / ``length``)
    each (eV; Å). What it is the energy of does not bind the last atom anywhere.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, height: float, length: float) -> None:
        super().__init__()
        self._height, self._length = height, length

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        rest = self.atoms[:-1]
        rest.calc = EMT()
        away, distances = find_mic(self.atoms.positions[-1] - rest.positions, rest.cell, rest.pbc)  # [N - 1, 3]
        pushes = self._height * np.exp(-distances / self._length)
        forces = (pushes / self._length / distances)[:, None] * away
        whole = np.concatenate([rest.get_forces(apply_constraint=False) - forces, forces.sum(axis=0)[None]])
        self.results = {"energy": float(rest.get_potential_energy() + pushes.sum()), "forces": whole}


class Hairpin(Calculator):  # type: ignore[misc]  # ase is untyped
    """The first atom in a valley that turns back: minima at (0, ±0.5, 0), 0.3 eV saddle at (1, 0, 0)."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        x, y, z = self.atoms.positions[0]
        along = 1 - (y / 0.5) ** 2  # of the valley's bottom: 0 at the ends, 1 at the saddle
        slope = -2 * y / 0.5**2
        forces = np.zeros((len(self.atoms), 3))
        forces[0] = [-2 * (x - along), 2 * (x - along) * slope - 0.6 * along * slope, -16 * z]
        self.results = {"energy": (x - along) ** 2 + 8 * z**2 + 0.3 * along**2, "forces": forces}
