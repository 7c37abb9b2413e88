"""ASE calculators that fail in the ways DFT codes fail; named by import path, run in the attempt's own process."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, SCFError, all_changes


class Base(Calculator):
    """Harmonic in the positions: E = ½ Σ x², F = −x. ``log`` gets a line for every calculation."""

    implemented_properties = ("energy", "forces")

    def __init__(self, log: str | None = None) -> None:
        super().__init__()
        self.log = log

    def calculate(self, atoms: Atoms = None, properties: Any = (), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        if self.log is not None:
            with Path(self.log).open("a") as stream:
                stream.write("computed\n")
        self.results = {"energy": 0.5 * (atoms.positions**2).sum(), "forces": -atoms.positions.copy()}
        self.misbehave()

    def misbehave(self) -> None:
        """Nothing wrong here."""


class Good(Base):
    pass


class FreeEnergy(Base):
    def misbehave(self) -> None:
        self.results["free_energy"] = self.results["energy"] - 1.0


class Raises(Base):
    def misbehave(self) -> None:
        raise RuntimeError("the density is\nnegative")


class ScfFails(Base):
    def misbehave(self) -> None:
        raise SCFError("60 iterations, residual 1e-2")


class SaysUnconverged(Base):
    converged = False


class Nan(Base):
    def misbehave(self) -> None:
        self.results["forces"][1, 2] = np.nan


class InfiniteEnergy(Base):
    def misbehave(self) -> None:
        self.results["energy"] = np.inf


class NoEnergy(Base):
    def misbehave(self) -> None:
        self.results["energy"] = None


class NamedForces(Base):
    def misbehave(self) -> None:
        self.results["forces"] = np.array([["up"] * 3] * len(self.atoms))


class WrongShape(Base):
    def misbehave(self) -> None:
        self.results["forces"] = self.results["forces"][:-1]


class Huge(Base):
    def misbehave(self) -> None:
        self.results["forces"][0, 0] = 1e4


class Segfaults(Base):
    def misbehave(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class OutOfMemory(Base):
    def misbehave(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Signalled(Base):
    """As when a queue stops all processes of a job, or one of them."""

    def __init__(self, number: int, watcher: bool) -> None:
        super().__init__()
        self.number, self.watcher = number, watcher

    def misbehave(self) -> None:
        os.kill(os.getppid() if self.watcher else os.getpid(), self.number)
        time.sleep(600)


class ExitsSilently(Base):
    def misbehave(self) -> None:
        os._exit(3)


class ClaimsSuccess(Base):
    def misbehave(self) -> None:
        os._exit(0)


class WritesTornResult(Base):
    def misbehave(self) -> None:
        Path("result.json").write_text('{"outcome": "comp')
        os._exit(0)


class Talks(Base):
    def misbehave(self) -> None:
        sys.stdout.write("starting\nERROR: no charge left\n\n")
        sys.stdout.flush()
        os._exit(1)


class DiskFull(Base):
    def misbehave(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


class Missing(Base):
    def misbehave(self) -> None:
        import a_package_that_nobody_has  # noqa: F401


class NoFile(Base):
    def misbehave(self) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "pw.x")


class FailsFirst(Base):
    """Crashes the first time that ``log`` is written, works afterwards."""

    def misbehave(self) -> None:
        if len(Path(self.log).read_text().splitlines()) == 1:
            raise RuntimeError("the first time")


class ShowsEnvironment(Base):
    """Energy = threads; PYTHONPATH and the working directory go to ``log``."""

    def misbehave(self) -> None:
        self.results["energy"] = float(os.environ["OMP_NUM_THREADS"])
        Path(self.log).write_text(f"{os.environ.get('PYTHONPATH')}\n{Path.cwd()}")


class Launches(Base):
    """Starts sleeping children, one of them in a session of its own, and notes all process ids in ``pids``."""

    stay = 0.0

    def __init__(self, pids: str) -> None:
        super().__init__()
        self.pids = pids

    def misbehave(self) -> None:
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        children = [subprocess.Popen(command), subprocess.Popen(command, start_new_session=True)]
        pids = [os.getppid(), os.getpid(), *(child.pid for child in children)]
        temporary = Path(f"{self.pids}.part")
        temporary.write_text(" ".join(map(str, pids)))
        temporary.replace(self.pids)
        time.sleep(self.stay)


class Hangs(Launches):
    stay = 600.0


class Stubborn(Hangs):
    """Does not listen to SIGTERM."""

    def misbehave(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        super().misbehave()


class StopsItsWatcher(Hangs):
    def misbehave(self) -> None:
        os.kill(os.getppid(), signal.SIGSTOP)
        super().misbehave()
