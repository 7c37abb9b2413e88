"""What dynamics need to go on from a frame, beside the frame: kept with a pool that is to be gone on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
#: how the names of the arrays begin in a pool's archive, and of those of the thermostat's memory among them
PREFIX, MEMORY = "motion.", "memory."


@dataclass(frozen=True, eq=False)
class Motion:
    """The states of a trajectory since it was last begun or gone on with, the first of them and those of its frames.

    By state [S]: ``index`` of the frame in the pool (-1: it is none), ``kept``, how many of the pool's frames belong to
    the trajectory if it goes on from there, and the ``steps`` done; ``positions`` (Å), ``forces`` that moved them
    (eV/Å) and ``momenta`` [S, N, 3], the thermostat's ``memory`` [S, …] and the state of the ``random`` numbers.
    ``temperatures`` (K) and ``totals`` (eV) are of all steps of its ``stage`` so far, [T].
    """

    stage: str
    index: npt.NDArray[np.int64]
    kept: npt.NDArray[np.int64]
    steps: npt.NDArray[np.int64]
    positions: npt.NDArray[np.float64]
    forces: npt.NDArray[np.float64]
    momenta: npt.NDArray[np.float64]
    memory: Mapping[str, Array]
    random: tuple[dict[str, Any], ...]
    temperatures: npt.NDArray[np.float64]
    totals: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.steps)

    def packed(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Its values in the types of JSON, and its arrays by name."""
        names = ("index", "kept", "steps", "positions", "forces", "momenta", "temperatures", "totals")
        arrays = {PREFIX + name: getattr(self, name) for name in names}
        arrays |= {PREFIX + MEMORY + name: array for name, array in self.memory.items()}
        return {"stage": self.stage, "random": list(self.random)}, arrays

    @classmethod
    def unpacked(cls, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Inverse of :meth:`packed`; ``arrays`` may hold others as well."""
        own = {name.removeprefix(PREFIX): array for name, array in arrays.items() if name.startswith(PREFIX)}
        memory = {name.removeprefix(MEMORY): own.pop(name) for name in list(own) if name.startswith(MEMORY)}
        return cls(stage=values["stage"], memory=memory, random=tuple(values["random"]), **own)


@dataclass
class Trail:
    """The states of a trajectory under way, from which :meth:`motion` makes a :class:`Motion`."""

    states: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        index: int,
        kept: int,
        steps: int,
        positions: Array,
        forces: Array,
        momenta: Array,
        memory: Mapping[str, Array],
        random: dict[str, Any],
    ) -> None:
        """Keep a state; see :class:`Motion`. Arrays are copied."""
        state = {"index": index, "kept": kept, "steps": steps, "random": random}
        state |= {"positions": positions.copy(), "forces": forces.copy(), "momenta": momenta.copy()}
        self.states.append(state | {"memory": {name: np.array(array) for name, array in memory.items()}})

    def motion(self, stage: str, temperatures: list[float], totals: list[float]) -> Motion:
        """All states so far; there is one at least."""
        states = self.states
        arrays: dict[str, Array] = {name: np.array([state[name] for state in states]) for name in _NUMBERS + _ARRAYS}
        names = states[0]["memory"]
        return Motion(
            stage=stage,
            memory={name: np.array([state["memory"][name] for state in states]) for name in names},
            random=tuple(state["random"] for state in states),
            temperatures=np.array(temperatures, dtype=float),
            totals=np.array(totals, dtype=float),
            **arrays,
        )

    def restore(self, motion: Motion) -> None:
        """Become what :meth:`motion` gave."""
        self.states = [
            {name: int(getattr(motion, name)[place]) for name in _NUMBERS}
            | {name: getattr(motion, name)[place] for name in _ARRAYS}
            | {"memory": {name: array[place] for name, array in motion.memory.items()}}
            | {"random": motion.random[place]}
            for place in range(len(motion))
        ]


_NUMBERS, _ARRAYS = ("index", "kept", "steps"), ("positions", "forces", "momenta")
