"""What the tests of single points share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.build import add_adsorbate, fcc100
from ase.constraints import FixAtoms

from al_workflows.records import Request
from al_workflows.spec import AseSpec


def slab() -> Atoms:
    """C on Cu(100), three atoms, the lowest fixed."""
    atoms = fcc100("Cu", (1, 1, 2), a=3.63, vacuum=6.0)
    add_adsorbate(atoms, "C", 1.2, "hollow")
    atoms.center(vacuum=6.0, axis=2)
    atoms.rattle(0.03, seed=1)
    atoms.set_constraint(FixAtoms([0]))
    return atoms


def request(atoms: Atoms | None = None, key: str = "run/0/0") -> Request:
    return Request(key=key, atoms=slab() if atoms is None else atoms, strategy="final", reason="the last frame")


def misbehaving(name: str, limits: dict[str, Any] | None = None, **arguments: Any) -> AseSpec:
    return AseSpec(calculator=f"tests.dft.misbehaving.{name}", arguments=arguments, **(limits or {}))


def wait_for(condition: Callable[[], bool], timeout: float = 20.0) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody collects does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
