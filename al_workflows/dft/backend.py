"""What a DFT code has to be able to do for us, and the answers it may give."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from al_workflows.records import LabelStatus

if TYPE_CHECKING:
    from ase import Atoms


class Unsuccessful(Exception):
    """A calculation that gave no numbers worth having; its text is one line with the reason."""

    status = LabelStatus.CRASHED


class ScfNotConverged(Unsuccessful):
    """The code did not reach self-consistency."""

    status = LabelStatus.SCF_NOT_CONVERGED


class GeometryRejected(Unsuccessful):
    """The code refused the structure."""

    status = LabelStatus.GEOMETRY_REJECTED


class OutOfTime(Unsuccessful):
    """The code stopped at a time limit of its own."""

    status = LabelStatus.TIMED_OUT


class Crashed(Unsuccessful):
    """The code stopped with an error."""

    status = LabelStatus.CRASHED


class OutputUnusable(Unsuccessful):
    """The code's output is not complete, or does not belong to what it was asked."""

    status = LabelStatus.UNREADABLE


@dataclass(frozen=True)
class Rung:
    """Settings for another attempt after SCF did not converge: ``changes`` replaces fields of the backend.

    A rung may change only how self-consistency is reached (mixing, algorithm, number of steps), never what is solved
    nor how accurately: its numbers go under the same settings' hash. ``note`` says what it changes.
    """

    note: str
    changes: dict[str, Any]


@dataclass(frozen=True)
class Computed:
    """What a code returned, not yet judged: ``energy`` in eV, ``forces`` in eV/Å, [N, 3] as nested lists."""

    energy: Any
    forces: Any


class Backend(Protocol):
    """One DFT code with the settings that change its numbers; its fields are those settings.

    The parent process calls all but ``compute``; ``compute`` runs in a process of its own, whose working
    directory is ``directory``.
    """

    def check(self, elements: Collection[str]) -> None:
        """Cheap test that ``compute`` has a chance here; InputError or EnvironmentProblem if it has none."""

    def settings(self) -> dict[str, Any]:
        """All that the numbers depend on besides the code, defaults included, in the types of JSON."""

    def code(self) -> str:
        """The code and its version, without importing it; EnvironmentProblem if it is not installed."""

    def ladder(self) -> tuple[Rung, ...]:
        """What to try, in this order, when SCF does not converge; empty if nothing is known."""

    def compute(self, atoms: Atoms, directory: Path) -> Computed:
        """Energy and raw forces of ``atoms``; Unsuccessful, or any other exception: a crash."""


def evaluate(atoms: Atoms, calculator: Any) -> Computed:
    """Energy and raw forces of ``atoms`` by an ASE calculator.

    The energy is the one whose derivative the forces are: ``free_energy`` where the calculator has one (with smeared
    occupations its ``energy`` is an extrapolation to zero width, which the forces do not belong to), else ``energy``.
    Constraints are taken off first: some codes would zero the forces of fixed atoms themselves.

    Raises
    ------
    ScfNotConverged
        The calculator says so, by ASE's SCFError or by an attribute ``converged`` that is False (VASP's raises
        nothing).
    """
    from ase.calculators.calculator import SCFError

    free = atoms.copy()
    free.set_constraint()
    free.calc = calculator
    try:
        energy = free.get_potential_energy()
        forces = free.get_forces(apply_constraint=False)
    except SCFError as error:
        raise ScfNotConverged(one_line(str(error)) or "the calculator raised SCFError without a message") from error
    if getattr(calculator, "converged", None) is False:
        raise ScfNotConverged("the calculator's `converged` is False after the calculation")
    results = getattr(calculator, "results", {})
    return Computed(_plain(results.get("free_energy", energy)), _plain(forces))


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def one_line(text: str, limit: int = 300) -> str:
    """``text`` without line breaks, runs of blanks and other control characters, cut to ``limit`` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def distribution_version(name: str) -> str | None:
    """Installed version of the distribution ``name``; None if there is none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None
