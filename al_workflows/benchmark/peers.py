"""Relaxations to compare with: optimizers straight on the parent, each with its own defaults unless its name says more.

A peer is asked for the same force as the learner and is stopped, from within the counted parent, at the first geometry
that has it: one that would look later is not charged for that.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from al_workflows.benchmark.choices import named
from al_workflows.benchmark.parent import Counting, Outcome, Stop
from al_workflows.benchmark.relaxed import Trial, lowest
from al_workflows.threads import single_threaded

#: where a peer is stopped: distinct geometries, and CPU time (s)
MAX_CALLS, MAX_SECONDS = 150, 900.0
#: what optimizers have been seen to raise on surfaces that they are not made for
_CRASHES = (ArithmeticError, AssertionError, IndexError, RuntimeError, ValueError, np.linalg.LinAlgError)


@dataclass(frozen=True)
class Peer:
    """An optimizer: its name here, how it is made, its distribution (any version if None), its own arguments."""

    name: str
    make: Callable[..., Any]
    package: str = "ase"
    needed: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str | None:
        """Of its distribution; None where that is not installed, or not in the version that works."""
        try:
            found = version(self.package)
        except PackageNotFoundError:
            return None
        return found if self.needed in (None, found) else None

    @property
    def requirement(self) -> str:
        """What pip would have to install."""
        return self.package if self.needed is None else f"{self.package}=={self.needed}"


def _ase(name: str, atoms: Atoms, directory: Path, **arguments: Any) -> Any:
    import ase.optimize

    return getattr(ase.optimize, name)(atoms, logfile=None, **arguments)


def _sella(atoms: Atoms, directory: Path, **arguments: Any) -> Any:
    from sella import Sella

    return Sella(atoms, logfile=None, **arguments)


def _aidmin(atoms: Atoms, directory: Path, **arguments: Any) -> Any:
    from gpatom.aidmin import AIDMin

    return AIDMin(atoms, trajectory=str(directory / "aid.traj"), trainingset=[], **arguments)


_ALL = (
    Peer("BFGS", partial(_ase, "BFGS")),
    Peer("BFGS-0.04", partial(_ase, "BFGS"), arguments={"maxstep": 0.04}),
    Peer("BFGSLineSearch", partial(_ase, "BFGSLineSearch")),
    Peer("FIRE", partial(_ase, "FIRE")),
    Peer("GPMin", partial(_ase, "GPMin")),
    Peer("Sella", _sella, package="sella", arguments={"order": 0}),
    # a surrogate as ours is one; the AIDMin of 1.0.0 does not fit the rest of its package
    Peer("AIDMin", _aidmin, package="ase-gpatom", needed="0.1"),
)
PEERS = {peer.name: peer for peer in _ALL}
#: whose ends the others are held against
REFERENCE = "BFGS"


def peers_of(names: Sequence[str]) -> list[Peer]:
    """The peers of those names; ``all`` stands for every one, ``none`` for none.

    Raises
    ------
    InputError
        A name is not known.
    """
    return named("peer", names, PEERS, none=True)


@single_threaded
def relax_by_peer(
    peer: Peer,
    start: Atoms,
    parent: Calculator,
    fmax: float,
    max_calls: int = MAX_CALLS,
    max_seconds: float = MAX_SECONDS,
) -> Trial:
    """Relax ``start`` on ``parent`` to ``fmax`` (eV/Å) by ``peer``."""
    counted = Counting(parent, start, fmax, max_calls, max_seconds)
    atoms = start.copy()
    atoms.calc = counted
    outcome, remark, began = Outcome.ENDED, "", time.process_time()
    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other packages' own making: nothing that a reader of the table can act on
        try:
            peer.make(atoms, Path(place), **peer.arguments).run(fmax=fmax, steps=100 * max_calls)
        except Stop as stop:
            outcome = stop.outcome
        except _CRASHES as error:
            outcome, remark = Outcome.CRASHED, " ".join(f"{type(error).__name__}: {error}".split())[:200]
    own = time.process_time() - began - counted.seconds
    end = counted.calls - 1 if outcome is Outcome.CONVERGED else lowest(counted.energies)
    return Trial(counted, outcome, remark, counted.calls, end, {"optimizer": own, "parent": counted.seconds})
