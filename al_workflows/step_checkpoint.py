"""How far a long step has come, in one file: a step that is killed goes on from there, to the same end bit for bit.

What may take minutes writes one: training over mini-batches (weights, optimizer, schedule, random state), trainings of
several networks (after each; the published trainer in each as well) and molecular dynamics (positions, momenta,
thermostat, random state, frames). What takes seconds (a Gaussian process, a relaxation on the model) begins again.

The file holds what it was made from as a hash: of other settings, labels, seed or versions it is not used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from al_workflows.errors import EnvironmentProblem
from al_workflows.files import write_atomically
from al_workflows.versions import installed_versions

logger = logging.getLogger(__name__)
#: s between two checkpoints, and the largest share of the time that writing them may take
INTERVAL, SHARE = 10.0, 0.02
CHECKPOINT_FILE = "checkpoint"
#: name of the array that holds all that is no array
_VALUES = "values"
_DIGEST = 32

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state of a step: ``values`` in the types of JSON, and ``arrays``."""

    values: Mapping[str, Any]
    arrays: Arrays


class Checkpoint:
    """Where a step keeps how far it has come; the file is whole or not there.

    Parameters
    ----------
    path
        The file; None: nothing is ever kept.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._key: Callable[[], bytes] = bytes
        self._next = time.monotonic() + INTERVAL
        #: what every file holds as well, for a step of several stages
        self.beside = Snapshot({}, {})

    def of(self, *inputs: Any) -> Checkpoint:
        """The same file for a step that is made from ``inputs`` (types of JSON, bytes, and functions that give one).

        What a function gives is asked for only if there is a file, or time to write one.
        """
        bound = Checkpoint(self._path)
        known: list[bytes] = []

        def key() -> bytes:
            if not known:
                known.append(_digest([installed_versions(), *inputs]))
            return known[0]

        bound._key = key
        return bound

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return self._path is not None and time.monotonic() >= self._next

    def read(self) -> Snapshot | None:
        """What was kept last; None if there is nothing, or nothing that fits (a line in the log says which)."""
        if self._path is None:
            return None
        try:
            content = self._path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            logger.warning("%s cannot be read (%s): starting from the beginning", self._path, error.strerror)
            return None
        digest, key, body = content[:_DIGEST], content[_DIGEST : 2 * _DIGEST], content[2 * _DIGEST :]
        if hashlib.sha256(key + body).digest() != digest:
            logger.warning("%s is damaged: starting from the beginning", self._path)
            return None
        if key != self._key():
            logger.warning("%s is of other settings, labels, seed or versions: starting from the beginning", self._path)
            return None
        try:
            arrays = load(body)
            values = json.loads(arrays.pop(_VALUES).tobytes())
        except (SafetensorError, KeyError, ValueError):
            logger.warning("%s has another form: starting from the beginning", self._path)
            return None
        logger.info("going on from %s", self._path)
        return Snapshot(values, arrays)

    def write(self, values: Mapping[str, Any], arrays: Arrays) -> None:
        """Replace what was kept. Where it cannot be written the step goes on without, and the log says so."""
        if self._path is None:
            return
        began = time.monotonic()
        tensors = {name: np.asarray(array, order="C") for name, array in {**self.beside.arrays, **arrays}.items()}
        tensors[_VALUES] = np.frombuffer(json.dumps({**self.beside.values, **values}).encode(), dtype=np.uint8)
        content = self._key() + bytes(save(tensors))
        try:
            write_atomically(self._path, hashlib.sha256(content).digest() + content)
        except EnvironmentProblem as problem:
            logger.warning("going on without a checkpoint: %s", problem)
        ended = time.monotonic()
        self._next = ended + max(INTERVAL, (ended - began) / SHARE)

    def remove(self) -> None:
        """Forget what was kept: the step has ended."""
        if self._path is None:
            return
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("%s cannot be removed (%s)", self._path, error.strerror)


#: for whoever need not go on after a kill
NOWHERE = Checkpoint()


def random_state(rng: np.random.Generator) -> dict[str, Any]:
    """The state of ``rng`` in the types of JSON."""
    return dict(rng.bit_generator.state)


def set_random_state(rng: np.random.Generator, state: Mapping[str, Any]) -> None:
    """Bring ``rng`` to where :func:`random_state` found it."""
    rng.bit_generator.state = dict(state)


def _digest(inputs: list[Any]) -> bytes:
    total = hashlib.sha256()
    for one in inputs:
        content = one() if callable(one) else one
        data = content if isinstance(content, bytes) else json.dumps(content, sort_keys=True).encode()
        total.update(hashlib.sha256(data).digest())
    return total.digest()
