"""GPAW: projector-augmented waves in a plane-wave basis, in Python."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from al_workflows.dft.backend import (
    Computed,
    GeometryRejected,
    Rung,
    ScfNotConverged,
    distribution_version,
    evaluate,
    one_line,
)
from al_workflows.errors import EnvironmentProblem, InputError

if TYPE_CHECKING:
    from ase import Atoms

#: forces of a metal slab to 0.02 eV/Å of the plane-wave limit; ``width`` in eV, ``ecut`` in eV
DEFAULTS: dict[str, Any] = {
    "mode": {"name": "pw", "ecut": 400},
    "xc": "RPBE",
    "kpts": {"size": [2, 2, 1], "gamma": False},
    "occupations": {"name": "methfessel-paxton", "order": 1, "width": 0.2},
}
TEXT_FILE = "gpaw.txt"
#: SCF steps of another attempt; GPAW's default is 333 or fewer
MORE_STEPS = 500


@dataclass(frozen=True)
class GpawBackend:
    """``parameters`` are GPAW's keywords in their dictionary form; each replaces the default of its name."""

    parameters: dict[str, Any] = field(default_factory=dict)

    def keywords(self) -> dict[str, Any]:
        """What GPAW is called with."""
        return copy.deepcopy({**DEFAULTS, **self.parameters})

    def settings(self) -> dict[str, Any]:
        """The keywords without the name of the log."""
        return {key: value for key, value in self.keywords().items() if key != "txt"}

    def check(self, elements: Collection[str]) -> None:
        """Construct the calculator and the elements' setups, as GPAW itself would."""
        try:
            from gpaw import GPAW
            from gpaw.setup import Setups
            from gpaw.xc import XC
        except ImportError as error:
            raise EnvironmentProblem(
                f"`dft.kind` is 'gpaw' but GPAW cannot be imported ({one_line(str(error), 120)}); "
                "install it with `pip install al-workflows[gpaw]`"
            ) from error
        from ase.data import atomic_numbers

        keywords = self.keywords()
        try:
            GPAW(**{**keywords, "txt": None})
            functional = XC(keywords["xc"])
        except (TypeError, ValueError, LookupError, AttributeError, NameError) as error:
            raise InputError(
                f"`dft.parameters` is {self.parameters!r} but GPAW refuses it "
                f"({type(error).__name__}: {one_line(str(error), 160)}); give GPAW's keywords in "
                f"dictionary form, e.g. mode: {{name: pw, ecut: 400}}"
            ) from error
        for element in sorted(set(elements)):
            try:
                Setups([atomic_numbers[element]], keywords.get("setups", "paw"), {}, functional)
            except FileNotFoundError as error:
                reason = one_line(str(error).strip().splitlines()[0], 160)
                raise EnvironmentProblem(
                    f"GPAW has no setup for {element} ({reason}); install gpaw-data or set GPAW_SETUP_PATH"
                ) from error

    def code(self) -> str:
        """E.g. ``gpaw 26.7.0, gpaw-data 1.2.1``: the setups' release is part of the numbers."""
        version = distribution_version("gpaw")
        if version is None:
            raise EnvironmentProblem(
                "`dft.kind` is 'gpaw' but GPAW is not installed; install it with `pip install al-workflows[gpaw]`"
            )
        setups = distribution_version("gpaw-data")
        return f"gpaw {version}" + (f", gpaw-data {setups}" if setups else "")

    def ladder(self) -> tuple[Rung, ...]:
        """Davidson with more steps; then gentler mixing too. GPAW's thresholds stay as they are."""
        patient = {
            **self.parameters,
            "maxiter": max(MORE_STEPS, 2 * int(self.parameters.get("maxiter", 0))),
            "eigensolver": {"name": "davidson", "niter": 3},
        }
        gentle = {**patient, "mixer": {"backend": "pulay", "beta": 0.02, "nmaxold": 5, "weight": 100.0}}
        return (
            Rung(f"Davidson and {patient['maxiter']} steps", {"parameters": patient}),
            Rung(f"mixer beta 0.02, Davidson and {patient['maxiter']} steps", {"parameters": gentle}),
        )

    def compute(self, atoms: Atoms, directory: Path) -> Computed:
        """Force-consistent (free) energy and raw forces; GPAW's log goes to ``gpaw.txt``."""
        from gpaw import GPAW, KohnShamConvergenceError
        from gpaw.utilities import AtomsTooClose

        log = directory / TEXT_FILE
        try:
            return evaluate(atoms, GPAW(**{**self.keywords(), "txt": str(log)}))
        except KohnShamConvergenceError as error:
            raise ScfNotConverged(convergence_cause(log)) from error
        except AtomsTooClose as error:
            raise GeometryRejected(f"GPAW: {one_line(str(error))}") from error


def convergence_cause(log: Path) -> str:
    """One line on where the SCF cycle stood when it was given up, from GPAW's log (its exception has no text)."""
    text = log.read_text(errors="replace") if log.is_file() else ""
    steps = re.findall(r"^\|?iter:\s*(\d+)\s*(.*)$", text, flags=re.MULTILINE)
    if not steps:
        return "GPAW's SCF cycle did not converge and its log shows no iteration"
    number, rest = steps[-1]
    # | time | energy | log10 eigenstate error | log10 density error
    values = [value for value in re.split(r"[|\s]+", rest) if value]
    names = ("time", "energy", "log10 eigenstates", "log10 density")
    state = ", ".join(f"{name} {value}" for name, value in zip(names[1:], values[1:], strict=False))
    return one_line(f"GPAW's SCF cycle did not converge in {number} iterations ({state or 'no errors logged'})")
