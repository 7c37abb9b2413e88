"""Every n-th frame, counted from the end."""

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms
from pydantic import PositiveInt

from al_workflows.plugins import PluginSettings
from al_workflows.potential import Potential
from al_workflows.queries import Choice
from al_workflows.records import Pool


class EveryNth:
    """The last frame, then each ``n`` before it."""

    class Settings(PluginSettings):
        """``n`` frames apart, ``batch`` in all."""

        n: PositiveInt = 5
        batch: PositiveInt = 2

    def __init__(self, settings: Settings) -> None:
        self.batch = settings.batch
        self._n = settings.n

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        for index in range(len(pool) - 1, -1, -self._n):
            yield Choice(index, f"every {self._n}th frame")
