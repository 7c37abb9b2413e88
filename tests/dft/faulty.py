"""DFT that fails at random, independently at every attempt, and DFT that always fails somewhere."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.emt import EMT

from al_workflows.structures import structure_key

FAILURES = ("crash", "kill", "hang", "nan", "garbage", "scf", "force")


class Faulty(EMT):  # type: ignore[misc]  # ase is untyped
    """EMT that fails in a share ``rate`` of its attempts, in one of the ways of ``FAILURES``.

    What happens is drawn from a hash of the geometry, the attempt (the name of the working directory) and ``seed``:
    the same run repeats itself, and another attempt at the same geometry is another draw.
    """

    def __init__(self, seed: int, rate: float = 0.3) -> None:
        super().__init__()
        self._seed, self._rate = seed, rate

    def calculate(self, atoms: Atoms, *arguments: Any, **keywords: Any) -> None:
        super().calculate(atoms, *arguments, **keywords)
        kind = fate(structure_key(atoms), Path.cwd().name, self._seed, self._rate)
        if kind is not None:
            Path("fate").write_text(kind)
            fail(self, kind)


class FailsNear(EMT):  # type: ignore[misc]
    """EMT that crashes when every atom is closer than ``radius`` (Å) to its place in ``positions``."""

    def __init__(self, positions: list[list[float]], radius: float, kind: str = "crash") -> None:
        super().__init__()
        self._positions, self._radius, self._kind = np.array(positions), radius, kind

    def calculate(self, atoms: Atoms, *arguments: Any, **keywords: Any) -> None:
        super().calculate(atoms, *arguments, **keywords)
        if np.linalg.norm(atoms.positions - self._positions, axis=1).max() < self._radius:
            fail(self, self._kind)


def fate(structure: str, attempt: str, seed: int, rate: float) -> str | None:
    """The failure of this attempt, or None."""
    digest = hashlib.sha256(f"{structure} {attempt} {seed}".encode()).digest()
    share, which = int.from_bytes(digest[:8]) / 2**64, int.from_bytes(digest[8:16])
    return FAILURES[which % len(FAILURES)] if share < rate else None


def fail(calculator: Any, kind: str) -> None:
    """Do as a code does that fails in the way ``kind``."""
    from ase.calculators.calculator import SCFError

    if kind == "crash":
        raise RuntimeError("the code stopped")
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "hang":
        time.sleep(600)
    if kind == "scf":
        raise SCFError("60 steps, residual 0.01")
    if kind == "nan":
        calculator.results["forces"][0, 0] = np.nan
    if kind == "garbage":
        calculator.results["forces"] = "*" * 30
    if kind == "force":
        calculator.results["forces"][0, 0] = 1e5
