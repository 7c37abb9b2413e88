"""The parent of a chaos run: EMT that takes its time, and EMT that fails by a draw."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.emt import EMT

from al_workflows.dft.losses import OUTCOME_FILE
from al_workflows.structures import structure_key
from tests.dft.faulty import fail, fate

#: environment variable: s that a single point sleeps before it computes, so that faults hit something
DELAY = "ALFLOW_CHAOS_DELAY"
#: written into the directory of an attempt whose draw was a failure
FATE_FILE = "fate"


class SlowEMT(EMT):  # type: ignore[misc]  # ase is untyped
    """EMT after a sleep of ``ALFLOW_CHAOS_DELAY`` s: the numbers of an undisturbed run do not depend on it."""

    def calculate(self, *arguments: Any, **keywords: Any) -> None:
        time.sleep(float(os.environ.get(DELAY, "0")))
        super().calculate(*arguments, **keywords)


class FaultySlowEMT(SlowEMT):
    """The same, failing in a share ``rate`` of its attempts.

    What happens is drawn from a hash of the geometry, the number of the attempt and ``seed``. Attempts that were
    killed from outside do not count, so that a disturbed run meets the draws of an undisturbed one.
    """

    def __init__(self, seed: int, rate: float) -> None:
        super().__init__()
        self._seed, self._rate = seed, rate

    def calculate(self, atoms: Atoms, *arguments: Any, **keywords: Any) -> None:
        super().calculate(atoms, *arguments, **keywords)
        number = 1 + sum(ended(place) for place in Path.cwd().parent.glob("attempt_*"))
        kind = fate(structure_key(atoms), f"attempt_{number}", self._seed, self._rate)
        if kind is not None:
            Path(FATE_FILE).write_text(kind)
            fail(self, kind)


def ended(place: Path) -> bool:
    """Whether an attempt ended by itself, well or badly."""
    try:
        return bool(json.loads((place / OUTCOME_FILE).read_text())["status"] != "interrupted")
    except (OSError, ValueError, KeyError):
        return False
