"""ASE calculators that the tests put in the place of DFT, by import path."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT


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
