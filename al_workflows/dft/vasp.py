"""VASP through ASE, run under custodian; what a correction may change is limited to what leaves the numbers alone."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from al_workflows.dft.backend import (
    Computed,
    GeometryRejected,
    OutputUnusable,
    Rung,
    ScfNotConverged,
    evaluate,
    one_line,
)
from al_workflows.dft.command import find_executables
from al_workflows.errors import EnvironmentProblem, InputError

if TYPE_CHECKING:
    from ase import Atoms

#: keywords by name. ``paper``: RPBE, 400 eV, 4×4×1, not spin-polarised (Shuaibi et al., Mach. Learn.: Sci. Technol. 2
#: (2021) 025007)
PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "paper": {
            "parameters": {"xc": "rpbe", "encut": 400, "ediff": 1e-4, "ispin": 1, "prec": "Normal"},
            "kpts": (4, 4, 1),
        }
    }
)
#: one point, no stress, no files that nobody reads
_POINT = {"nsw": 0, "ibrion": -1}
_NO_FILES = {"lwave": False, "lcharg": False}
#: keywords of ASE's Vasp that other keys of the run file hold, or that a single point excludes
_OURS = {"atoms", "command", "directory", "gamma", "kpts", "label", "pp", "restart", "setups", "txt", *_POINT}
#: keywords that change no number
_COSMETIC = {"system", "ncore", "npar", "kpar", "lplane", "nsim", "nwrite"}
#: ASE's Vasp keeps its keywords by type, and takes whatever it does not know
_TABLES = ("float", "exp", "string", "int", "bool", "list_int", "list_bool", "list_float", "special", "dict", "input")
#: VASP's own limit of SCF steps
DEFAULT_NELM = 60
#: the last section of a complete OUTCAR
END = "General timing and accounting"
LARGE_FILES = ("WAVECAR", "CHGCAR", "CHG", "PROCAR", "vaspwave.h5", "LOCPOT")


@dataclass(frozen=True)
class VaspBackend:
    """See :class:`~al_workflows.dft.spec.VaspSpec`, whose fields these are."""

    setups: dict[str, str]
    preset: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    kpts: list[int] | None = None
    gamma: bool = False
    pp_path: str | None = None
    command: str = "vasp_std"
    version: str | None = None
    keep_scratch: bool = False

    def keywords(self) -> dict[str, Any]:
        """What ASE's Vasp is called with, apart from files and places."""
        preset: Mapping[str, Any] = PRESETS[self.preset] if self.preset else {"parameters": {}, "kpts": (1, 1, 1)}
        given = {key.lower(): value for key, value in self.parameters.items()}
        kpts = tuple(self.kpts or preset["kpts"])
        return {**preset["parameters"], **given, **_POINT, "kpts": kpts, "gamma": self.gamma}

    def settings(self) -> dict[str, Any]:
        """Keywords, and the POTCARs' contents: their names and places are not part of the numbers."""
        keywords = {key: value for key, value in self.keywords().items() if key not in _COSMETIC}
        potcars = {element: hashlib.sha256(path.read_bytes()).hexdigest() for element, path in self.potcars().items()}
        return {"keywords": keywords, "potcars": potcars}

    def potcars(self) -> dict[str, Path]:
        """Element → POTCAR, each of them there."""
        if self.pp_path is None:
            raise EnvironmentProblem(
                "`dft.pp_path` is not given and VASP_PP_PATH is not set; set one to the directory of the POTCARs"
            )
        files = {element: Path(self.pp_path) / name / "POTCAR" for element, name in self.setups.items()}
        for element, path in files.items():
            if not path.is_file():
                raise EnvironmentProblem(
                    f"POTCAR {path} of {element} does not exist; correct `dft.setups` or `dft.pp_path`"
                )
        return files

    def check(self, elements: Collection[str]) -> None:
        """Keywords, executable, custodian, and a POTCAR for each element."""
        from ase.calculators.vasp import Vasp

        ours = sorted(_OURS & {key.lower() for key in self.parameters})
        if ours:
            raise InputError(
                f"`dft.parameters.{ours[0]}` is set by this program or by a key of `dft` (kpts, gamma, setups, "
                "pp_path, command); remove it"
            )
        known = {key for name in _TABLES for key in getattr(Vasp(), f"{name}_params")}
        for key in sorted({key.lower() for key in self.parameters} - known):
            like = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {like[0]}?" if like else "correct its spelling"
            raise InputError(f"`dft.parameters.{key}` is not a keyword that ASE knows of VASP's; {hint}")
        try:
            Vasp(**self.keywords())
        except (TypeError, ValueError, KeyError) as error:
            raise InputError(
                f"`dft.parameters` is {self.parameters!r} but ASE's Vasp refuses it ({one_line(str(error), 120)}); "
                "give INCAR keywords in lower case, e.g. encut: 400"
            ) from error
        self._check_elements(elements)
        self.potcars()
        self.code()

    def _check_elements(self, elements: Collection[str]) -> None:
        for element in sorted(set(elements)):
            if element not in self.setups:
                known = ", ".join(sorted(self.setups)) or "none"
                raise InputError(
                    f"`dft.setups` names a POTCAR for {known} but {element} is in the structure; add {element}: "
                    f"and its directory, e.g. {element}: {element}"
                )

    def code(self) -> str:
        """E.g. ``vasp 6.4.2``; plain ``vasp`` where the run file does not insist on a version."""
        import importlib.util

        find_executables(self.command, "vasp")
        if importlib.util.find_spec("custodian") is None:
            raise EnvironmentProblem(
                "`dft.kind` is 'vasp' but custodian is not installed; install it with `pip install al-workflows[vasp]`"
            )
        return f"vasp {self.version}" if self.version else "vasp"

    def ladder(self) -> tuple[Rung, ...]:
        """More steps of the blocked Davidson scheme; then conjugate gradients; then gentle linear mixing."""
        keywords = self.keywords()
        steps = max(200, 2 * int(keywords.get("nelm", DEFAULT_NELM)))
        given = {key.lower(): value for key, value in self.parameters.items()}
        rungs = []
        for change in (
            {"algo": "Normal", "nelm": steps},
            {"algo": "All", "nelm": steps},
            {"algo": "Normal", "nelm": steps, "amix": 0.1, "bmix": 0.01},
        ):
            note = ", ".join(f"{key.upper()} {value}" for key, value in change.items())
            rungs.append(Rung(note, {"parameters": {**given, **change}}))
        return tuple(rungs)

    def compute(self, atoms: Atoms, directory: Path) -> Computed:
        """Free energy and raw forces; all of VASP's files are in ``directory``."""
        from ase.calculators.calculator import ReadError

        from al_workflows.dft.vasp_run import CustodianVasp

        if atoms.cell.rank < 3:
            raise GeometryRejected("VASP needs three cell vectors, also where the structure is not periodic")
        self._check_elements(atoms.get_chemical_symbols())
        periodic = atoms.copy()
        periodic.pbc = True  # ASE refuses anything else, and VASP knows nothing else
        files = {} if self.keep_scratch else _NO_FILES
        calculator = CustodianVasp(
            potcars=self.potcars(),
            directory=str(directory),
            command=self.command,
            txt=None,
            **{**files, **self.keywords()},
        )
        try:
            computed = evaluate(periodic, calculator)
        except ScfNotConverged as error:
            steps = self.keywords().get("nelm", DEFAULT_NELM)
            raise ScfNotConverged(f"VASP's SCF ended without reaching EDIFF ({steps} steps allowed)") from error
        except (ReadError, FileNotFoundError, StopIteration, ValueError, IndexError, KeyError) as error:
            reason = f"{type(error).__name__}: {one_line(str(error), 160)}"
            raise OutputUnusable(f"VASP's output cannot be read ({reason})") from error
        if END not in (directory / "OUTCAR").read_text(errors="replace"):
            raise OutputUnusable("VASP's OUTCAR is cut off: it does not end with the timing")
        if calculator.converged is not True:
            raise ScfNotConverged("VASP's OUTCAR does not say that EDIFF was reached")
        found = str(calculator.version)
        if self.version is not None and not found.startswith(self.version):
            raise OutputUnusable(f"VASP is version {found} but `dft.version` is {self.version}; correct either")
        if not self.keep_scratch:
            for name in LARGE_FILES:
                (directory / name).unlink(missing_ok=True)
        return computed
