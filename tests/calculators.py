"""ASE calculators that the tests put in the place of DFT, by import path."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ase.calculators.emt import EMT


class WatchedEMT(EMT):  # type: ignore[misc]  # ase is untyped
    """EMT that writes a line to ``log`` when it begins and when it ends, and takes ``delay`` seconds in between."""

    def __init__(self, log: str, delay: float = 0.0) -> None:
        super().__init__()
        self._log = Path(log)
        self._delay = delay

    def calculate(self, *arguments: Any, **keywords: Any) -> None:
        self._say("begin")
        time.sleep(self._delay)
        super().calculate(*arguments, **keywords)
        self._say("end")

    def _say(self, what: str) -> None:
        with self._log.open("a") as file:
            file.write(f"{what} {os.getpid()}\n")
