"""VASP under custodian's eyes, in a process group of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.vasp import Vasp

from al_workflows.dft.backend import Crashed, OutputUnusable, one_line
from al_workflows.dft.command import explain_exit, words
from al_workflows.errors import EnvironmentProblem

if TYPE_CHECKING:
    from ase import Atoms

#: errors whose corrections concern the algorithm and the parallelisation; others would change the numbers
CORRECTED = ("edddav", "eddrmm", "eddiag", "zheev", "pssyevx", "pdsyevx")
#: INCAR keywords that a correction may change: how the ground state is reached, not which. POTIM is none of a single
#: point's
HARMLESS = {"ALGO", "IALGO", "ISEARCH", "NELM", "NELMDL", "AMIX", "BMIX", "NCORE", "NPAR", "KPAR", "POTIM"}
MAX_CORRECTIONS = 3
#: s between two looks at the process, and looks between two searches for errors
POLL, LOOKS = 0.5, 60
OUTPUT_FILE, ERROR_FILE = "vasp.out", "std_err.txt"


class CustodianVasp(Vasp):  # type: ignore[misc]  # ase is untyped
    """ASE's Vasp that takes named POTCARs, not those of an environment variable, and is run by custodian."""

    def __init__(self, potcars: dict[str, Path], **keywords: Any) -> None:
        self._potcars = potcars
        super().__init__(**keywords)

    def check_xc(self) -> None:
        """Nothing: the POTCARs are given."""

    def _build_pp_list(self, atoms: Atoms, setups: Any = None, special_setups: Any = ()) -> list[str]:
        return [str(self._potcars[symbol]) for symbol in dict.fromkeys(atoms.get_chemical_symbols())]

    def _run(self, command: str | None = None, out: Any = None, directory: str | None = None) -> tuple[int, str]:
        run_vasp(str(command), Path(self.directory))
        return 0, ""


def run_vasp(command: str, directory: Path) -> None:
    """Run VASP on the input in ``directory``, with at most ``MAX_CORRECTIONS`` corrections by custodian.

    Raises
    ------
    Crashed, OutOfTime
        VASP ended with an error that was not corrected.
    OutputUnusable
        A correction changed what VASP was asked.
    """
    from custodian.custodian import Custodian, CustodianError, ReturnCodeError
    from custodian.vasp.handlers import VaspErrorHandler
    from custodian.vasp.jobs import VaspJob

    job = VaspJob(words(command), output_file=OUTPUT_FILE, stderr_file=ERROR_FILE, auto_gamma=False, backup=True)
    custodian = Custodian(
        [VaspErrorHandler(output_filename=OUTPUT_FILE, errors_subset_to_catch=list(CORRECTED))],
        [job],
        max_errors=MAX_CORRECTIONS,
        polling_time_step=POLL,
        monitor_freq=LOOKS,
        directory=str(directory),
    )
    try:
        custodian.run()
    except ReturnCodeError as error:
        raise explain_exit("VASP", job._vasp_process.returncode, _last_line(directory)) from error
    except CustodianError as error:
        raise Crashed(f"VASP: {_last_line(directory)} (custodian: {type(error).__name__})") from error
    except FileNotFoundError as error:
        if error.filename != words(command)[0]:
            raise
        missing = f"`dft.command` is {command!r} but {error.filename} does not exist"
        raise EnvironmentProblem(f"{missing}; load the modules it needs") from error
    changed = changed_question(directory)
    if changed:
        raise OutputUnusable(f"a correction by custodian changed {changed}, and with it the numbers")


def changed_question(directory: Path) -> str:
    """What differs between custodian's backups of the input (``*.orig``) and the input that was last run."""
    if not (directory / "custodian.json").is_file() or '"actions"' not in (directory / "custodian.json").read_text():
        return ""
    from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar

    before, after = (Incar.from_file(directory / name) for name in ("INCAR.orig", "INCAR"))
    for key in sorted({*before, *after} - HARMLESS):
        if before.get(key) != after.get(key):
            return f"{key} from {before.get(key)} to {after.get(key)}"
    if Kpoints.from_file(directory / "KPOINTS.orig") != Kpoints.from_file(directory / "KPOINTS"):
        return "the k-points"
    old, new = (Poscar.from_file(directory / name).structure for name in ("POSCAR.orig", "POSCAR"))
    same = len(old) == len(new) and np.allclose(old.cart_coords, new.cart_coords, atol=1e-6)
    if not (same and np.allclose(old.lattice.matrix, new.lattice.matrix, atol=1e-6)):
        return "the structure"
    return ""


def _last_line(directory: Path) -> str:
    for name in (ERROR_FILE, OUTPUT_FILE):
        path = directory / name
        lines = path.read_text(errors="replace").split("\n") if path.is_file() else []
        found = [line for line in lines if line.strip()]
        if found:
            return one_line(found[-1])
    return ""
