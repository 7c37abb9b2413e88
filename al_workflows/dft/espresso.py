"""Quantum ESPRESSO: pw.x through ASE, its answers accepted only with proof of convergence and of its files."""

from __future__ import annotations

import copy
import functools
import hashlib
import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from al_workflows.dft.backend import (
    Computed,
    GeometryRejected,
    OutOfTime,
    OutputUnusable,
    Rung,
    ScfNotConverged,
    evaluate,
    one_line,
)
from al_workflows.dft.command import explain_exit, find_executables, words
from al_workflows.dft.espresso_output import PwOutput, read_output
from al_workflows.errors import EnvironmentProblem, InputError

if TYPE_CHECKING:
    from ase import Atoms

_METAL = {"occupations": "smearing", "smearing": "mp", "degauss": 0.0147}  # Ry: 0.2 eV
_ELECTRONS = {"conv_thr": 1e-7, "mixing_beta": 0.3}  # conv_thr in Ry: 1e-6 leaves 0.04 eV/Å of noise
#: keywords by name; cut-offs in Ry. ``paper``: 500 eV, 4×4×1 with the user's PBE pseudopotentials (Shuaibi et al.,
#: Mach. Learn.: Sci. Technol. 2 (2021) 025007; smearing and threshold are ours). ``sssp``: for the SSSP 1.3 efficiency
#: library of Cu, C, O and H, forces to 0.01 eV/Å of 45/240 Ry.
PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "paper": {
            "input_data": {"system": {"ecutwfc": 36.749, **_METAL}, "electrons": _ELECTRONS},
            "kpts": (4, 4, 1),
            "koffset": (0, 0, 0),
        },
        "sssp": {
            "input_data": {"system": {"ecutwfc": 35, "ecutrho": 240, **_METAL}, "electrons": _ELECTRONS},
            "kpts": (2, 2, 1),
            "koffset": (1, 1, 0),
        },
    }
)
#: pw.x's own default, Ry
DEFAULT_CONV_THR = 1e-6
OUTPUT_FILE, SCRATCH = "espresso.pwo", "scratch"
#: keywords that are set here, and why nobody else may
_OURS = {"calculation", "outdir", "prefix", "pseudo_dir", "tprnfor", "wfcdir", "restart_mode"}
_STRUCTURE = {"ibrav", "nat", "ntyp", "celldm", "a", "b", "c", "cosab", "cosac", "cosbc"}
#: keywords that change no number
_COSMETIC = {"title", "verbosity", "iprint", "disk_io", "max_seconds"}


@dataclass(frozen=True)
class EspressoBackend:
    """See :class:`~al_workflows.dft.spec.EspressoSpec`, whose fields these are."""

    pseudopotentials: dict[str, str]
    preset: str | None = None
    input_data: dict[str, dict[str, Any]] = field(default_factory=dict)
    kpts: list[int] | None = None
    koffset: list[int] | None = None
    pseudo_dir: str | None = None
    command: str = "pw.x"
    keep_scratch: bool = False

    def namelists(self) -> dict[str, dict[str, Any]]:
        """The preset's keywords with the given ones over them; namelists and keywords in lower case."""
        merged: dict[str, dict[str, Any]] = {}
        for source in (PRESETS[self.preset]["input_data"] if self.preset else {}, self.input_data):
            for namelist, keywords in source.items():
                merged.setdefault(namelist.lower(), {}).update({key.lower(): value for key, value in keywords.items()})
        return copy.deepcopy(merged)

    def grid(self) -> tuple[list[int], list[int]]:
        """k-points and their offsets."""
        preset = PRESETS[self.preset] if self.preset else {"kpts": (1, 1, 1), "koffset": (0, 0, 0)}
        offset = preset["koffset"] if self.kpts is None else (0, 0, 0)
        return list(self.kpts or preset["kpts"]), list(offset if self.koffset is None else self.koffset)

    def settings(self) -> dict[str, Any]:
        """Keywords, grid, and the pseudopotentials' contents: their names and places are not part of the numbers."""
        keywords = {
            namelist: {key: value for key, value in content.items() if key not in _COSMETIC}
            for namelist, content in self.namelists().items()
        }
        kpts, koffset = self.grid()
        sums = {element: _digest(path, "sha256") for element, path in self._files().items()}
        return {"input_data": keywords, "kpts": kpts, "koffset": koffset, "pseudopotentials": sums}

    def check(self, elements: Collection[str]) -> None:
        """Keywords, executable, and a pseudopotential file for each element."""
        self._check_keywords()
        self._check_elements(elements)
        self._files()
        self.code()

    def _check_elements(self, elements: Collection[str]) -> None:
        for element in sorted(set(elements)):
            if element not in self.pseudopotentials:
                known = ", ".join(sorted(self.pseudopotentials)) or "none"
                raise InputError(
                    f"`dft.pseudopotentials` names a file for {known} but {element} is in the structure; "
                    f"add {element}: and its .upf file"
                )

    def _check_keywords(self) -> None:
        from ase.io.espresso_namelist.keys import pw_keys

        namelists = self.namelists()
        for namelist, keywords in namelists.items():
            if namelist not in pw_keys:
                raise InputError(
                    f"`dft.input_data.{namelist}` is not a namelist of pw.x; there are {', '.join(sorted(pw_keys))}"
                )
            for key in keywords:
                if key in _OURS | _STRUCTURE:
                    raise InputError(f"`dft.input_data.{namelist}.{key}` is set by this program; remove it")
                if key.partition("(")[0] not in pw_keys[namelist]:
                    raise InputError(
                        f"`dft.input_data.{namelist}.{key}` is not a keyword that ASE knows in &{namelist.upper()} of "
                        "pw.x; correct its spelling or its namelist"
                    )
        if "ecutwfc" not in namelists.get("system", {}):
            raise InputError(
                "`dft.input_data.system.ecutwfc` is missing but pw.x has no default; give it (Ry), or `preset: sssp`"
            )

    def _files(self) -> dict[str, Path]:
        """Element → pseudopotential, each of them there."""
        if self.pseudo_dir is None:
            raise EnvironmentProblem(
                "`dft.pseudo_dir` is not given and ESPRESSO_PSEUDO is not set; set one to the directory of the "
                "pseudopotentials"
            )
        directory = Path(self.pseudo_dir)
        if not directory.is_dir():
            raise EnvironmentProblem(
                f"`dft.pseudo_dir` is {directory} but there is no such directory here; correct it or ESPRESSO_PSEUDO "
                "(pw.x itself would take other pseudopotentials without a word)"
            )
        files = {element: directory / name for element, name in self.pseudopotentials.items()}
        for element, path in files.items():
            if not path.is_file():
                raise EnvironmentProblem(
                    f"pseudopotential {path} of {element} does not exist; correct `dft.pseudopotentials` or "
                    "`dft.pseudo_dir`"
                )
        return files

    def code(self) -> str:
        """E.g. ``espresso 6.7MaX``: asked of the executable, once per process."""
        path = find_executables(self.command, "pw")
        return f"espresso {_version(path, Path(path).stat().st_mtime_ns, self.command)}"

    def ladder(self) -> tuple[Rung, ...]:
        """Slower mixing with more steps; then local Thomas-Fermi mixing; then conjugate gradients. Same threshold."""
        electrons = self.namelists().get("electrons", {})
        beta = min(0.1, 0.5 * float(electrons.get("mixing_beta", 0.7)))
        steps = max(200, 2 * int(electrons.get("electron_maxstep", 100)))
        changes: dict[str, Any] = {}
        rungs = []
        for change in (
            {"mixing_beta": beta, "electron_maxstep": steps},
            {"mixing_mode": "local-TF"},
            {"diagonalization": "cg"},
        ):
            changes |= change
            note = ", ".join(f"{key} {value}" for key, value in changes.items())
            lists = {key: value for key, value in self.input_data.items() if key.lower() != "electrons"}
            rungs.append(Rung(note, {"input_data": {**lists, "electrons": {**electrons, **changes}}}))
        return tuple(rungs)

    def compute(self, atoms: Atoms, directory: Path) -> Computed:
        """Free energy and raw forces; input, output and pw.x's other files are in ``directory``."""
        from ase.calculators.espresso import Espresso, EspressoProfile

        if atoms.cell.rank < 3:
            raise GeometryRejected("pw.x needs three cell vectors, also where the structure is not periodic")
        self._check_elements(atoms.get_chemical_symbols())
        expected = {_digest(path, "md5"): path for path in self._files().values()}
        keywords = self.namelists()
        scratch = {"disk_io": "nowf"} if not self.keep_scratch else {}
        control = {"calculation": "scf", "tprnfor": True, "outdir": f"./{SCRATCH}", **scratch}
        keywords["control"] = {**control, **keywords.get("control", {})}
        kpts, koffset = self.grid()
        calculator = Espresso(
            profile=EspressoProfile(command=self.command, pseudo_dir=str(self.pseudo_dir)),
            directory=directory,
            pseudopotentials=self.pseudopotentials,
            input_data=keywords,
            kpts=tuple(kpts),
            koffset=tuple(koffset),
        )
        log = directory / OUTPUT_FILE
        try:
            computed = evaluate(atoms, calculator)
        except subprocess.CalledProcessError as error:
            raise explain_failure(read_output(log), error.returncode) from error
        except FileNotFoundError as error:
            raise EnvironmentProblem(
                f"`dft.command` is {self.command!r} but {error.filename} does not exist"
            ) from error
        except (StopIteration, ValueError, IndexError, KeyError) as error:
            reason = f"{type(error).__name__}: {one_line(str(error), 120)}".rstrip(": ")
            raise OutputUnusable(f"{OUTPUT_FILE} cannot be read ({reason})") from error
        accept(read_output(log), expected, float(keywords.get("electrons", {}).get("conv_thr", DEFAULT_CONV_THR)))
        if not self.keep_scratch:
            shutil.rmtree(directory / SCRATCH, ignore_errors=True)
        return computed


def accept(output: PwOutput, expected: Mapping[str, Path], conv_thr: float) -> None:
    """Raise unless the run ended properly, SCF reached ``conv_thr`` (Ry), and the expected files (by MD5) were read."""
    if not output.done:
        raise OutputUnusable(f"{OUTPUT_FILE} ends without JOB DONE ({output.last_line or 'it is empty'})")
    if not output.converged:
        raise ScfNotConverged(f"pw.x ended without convergence ({output.scf_state()})")
    if output.accuracy is None or output.accuracy > conv_thr:
        raise ScfNotConverged(f"pw.x's SCF is not within conv_thr {conv_thr:g} Ry ({output.scf_state()})")
    if not output.pseudopotentials:
        raise OutputUnusable(f"{OUTPUT_FILE} does not say which pseudopotentials were read")
    for name, md5 in output.pseudopotentials:
        known = md5 in expected if md5 else Path(name).resolve() in {path.resolve() for path in expected.values()}
        if not known:
            raise OutputUnusable(
                f"pw.x read the pseudopotential {name} (MD5 {md5 or 'not printed'}), which is none of "
                f"{', '.join(str(path) for path in expected.values())}"
            )


def explain_failure(output: PwOutput, status: int) -> Exception:
    """The exception that a nonzero exit status stands for."""
    if output.scf_failed:
        return ScfNotConverged(f"pw.x: {output.error} ({output.scf_state()})")
    if output.geometry_refused:
        return GeometryRejected(f"pw.x: {output.error}")
    if output.out_of_time:
        return OutOfTime(f"pw.x stopped at its `max_seconds` ({output.scf_state()})")
    return explain_exit("pw.x", status, output.error or output.last_line)


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


@functools.lru_cache(maxsize=8)
def _version(path: str, modified: int, command: str) -> str:
    """Version that pw.x prints when it is started without input; ``modified`` makes a new file a new key.

    The executable alone is tried first, then, for MPI libraries that insist on it, the command with its launcher.
    """
    said = "nothing"
    for line in ([path], words(command)):
        with TemporaryDirectory() as directory:
            try:
                done = subprocess.run(
                    line, stdin=subprocess.DEVNULL, capture_output=True, cwd=directory, timeout=60, check=False
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                said = str(error)
                continue
        found = re.search(r"Program PWSCF\s*v\.(\S+)", done.stdout.decode(errors="replace"))
        if found is not None:
            return found.group(1)
        said = (done.stderr or done.stdout).decode(errors="replace").strip() or "nothing"
    raise EnvironmentProblem(
        f"`dft.command` is {command!r} but does not start as pw.x does (it said: "
        f"{one_line(said.splitlines()[-1], 120)}); load the modules it needs"
    )
