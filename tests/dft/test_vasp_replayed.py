"""VASP's input against golden files, and its output replayed by a fake command: nothing here was tested on VASP."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from al_workflows.dft import vasp_run
from al_workflows.dft.backend import OutputUnusable, Unsuccessful
from al_workflows.dft.settings import backend_for, check_available, dft_hash
from al_workflows.dft.single_point import single_point
from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.records import LabelStatus
from al_workflows.spec import VaspSpec
from tests.dft.common import alive, request, slab
from tests.dft.espresso import script

pytestmark = pytest.mark.filterwarnings("ignore:POTCAR data with symbol")  # ours are fakes
pytest.importorskip("custodian", reason="custodian is not installed (extra `vasp`)")
S = LabelStatus
GOLDEN = Path(__file__).parent / "golden_vasp"
FAKE = Path(__file__).parent / "fake_vasp.py"
#: the headers of one, and no pseudopotential
POTCAR = """\
  PAW_PBE {name} 05Jan2001
   11.0000000000000
 parameters from PSCTR are:
   VRHFIN ={element}: d10 p1
   LEXCH  = PE
   TITEL  = PAW_PBE {name} 05Jan2001
   LULTRA =        F    use ultrasoft PP ?
   ENMAX  =  273.246; ENMIN  =  204.934 eV
   POMASS =   63.546; ZVAL   =   11.000    mass and valenz
 END of PSCTR-controll parameters
 local part
  0.1 0.2 0.3 0.4
 End of Dataset
"""


@pytest.fixture
def spec(tmp_path):
    """Settings with fake POTCARs and a fake command, which replays what ``mode`` names."""
    for element, name in (("Cu", "Cu"), ("C", "C_s")):
        (tmp_path / "pp" / name).mkdir(parents=True)
        (tmp_path / "pp" / name / "POTCAR").write_text(POTCAR.format(element=element, name=name))

    def make(mode="sound", **changes):
        command = script(tmp_path / f"vasp_{mode}", f"exec {sys.executable} {FAKE} {mode}")
        data = {
            "preset": "paper",
            "setups": {"Cu": "Cu", "C": "C_s"},
            "pp_path": tmp_path / "pp",
            "command": command,
            "max_attempts": 1,
            "scf_retries": 0,
        }
        return VaspSpec(**data | changes)

    return make


def mixed() -> Atoms:
    """Cu, C, Cu: not in the order that VASP wants."""
    return slab()[[1, 2, 0]]


def test_replayed_numbers(tmp_path, spec):
    atoms = mixed()
    label = single_point(request(atoms), spec(), tmp_path / "point")
    assert label.status is S.OK, label.cause
    assert label.cause == ""
    assert label.energy == pytest.approx(0.5 * (atoms.positions**2).sum(), abs=1e-6)  # the free energy
    assert np.allclose(label.forces, -atoms.positions, atol=1e-6)  # in our order again
    assert label.atoms.pbc.tolist() == [True, True, False]
    attempt = tmp_path / "point/attempt_1"
    assert (attempt / "OUTCAR").is_file()
    assert not (attempt / "WAVECAR").exists()


def test_golden_input(tmp_path, spec):
    attempt = tmp_path / "attempt"
    attempt.mkdir()
    backend_for(spec()).compute(mixed(), attempt)
    for name in ("INCAR", "KPOINTS", "POSCAR"):
        assert (attempt / name).read_text() == (GOLDEN / name).read_text(), name
    potcar = (attempt / "POTCAR").read_text()
    assert potcar.index("TITEL  = PAW_PBE Cu ") < potcar.index("TITEL  = PAW_PBE C_s")


@pytest.mark.parametrize(
    ("mode", "status", "cause"),
    [
        ("unconverged", S.SCF_NOT_CONVERGED, "VASP's SCF ended without reaching EDIFF (60 steps allowed)"),
        ("stops", S.CRASHED, "VASP ended with exit status 1: ERROR: there must be 1 or 3 items on line 2 of POSCAR"),
        ("subspace", S.CRASHED, "VASP: ERROR in subspace rotation PSSYEVX: not enough eigenvalues found (custodian: "),
        ("killed", S.CRASHED, "VASP was killed by SIGKILL (out of memory?)"),
        ("silent", S.UNREADABLE, "VASP's output cannot be read (FileNotFoundError: "),
        ("cut", S.UNREADABLE, "VASP's OUTCAR is cut off: it does not end with the timing"),
        ("half_xml", S.UNREADABLE, "VASP's output cannot be read ("),
    ],
)
def test_replayed_failures(tmp_path, spec, mode, status, cause):
    with pytest.raises(Unsuccessful) as caught:  # in this process: custodian takes seconds to import
        backend_for(spec(mode)).compute(slab(), tmp_path)
    assert caught.value.status is status
    assert str(caught.value).startswith(cause)
    assert "\n" not in str(caught.value)


def test_a_replayed_failure_is_a_label(tmp_path, spec):
    label = single_point(request(), spec("unconverged"), tmp_path / "point")
    assert label.status is S.SCF_NOT_CONVERGED
    assert label.cause == "VASP's SCF ended without reaching EDIFF (60 steps allowed)"
    assert label.directory == str(tmp_path / "point")
    assert label.energy is None


def test_a_command_that_hangs_is_ended_with_all_it_started(tmp_path, spec):
    label = single_point(request(), spec("hangs", timeout=8), tmp_path / "point")
    assert label.status is S.TIMED_OUT
    pid = tmp_path / "point/attempt_1/pid"
    assert pid.is_file()
    assert not alive(int(pid.read_text()))


def test_a_stop_from_outside_is_not_a_result(tmp_path, spec):
    with pytest.raises(EnvironmentProblem, match=r"VASP was stopped from outside \(SIGTERM\); run it again"):
        backend_for(spec("terminated")).compute(slab(), tmp_path)


def test_another_rung_of_the_ladder_converges(tmp_path, spec):
    label = single_point(request(), spec("needs_all", scf_retries=2), tmp_path / "point")
    assert label.ok, label.cause
    assert label.attempts == 3
    assert label.cause == "SCF converged only with ALGO All, NELM 200"
    assert label.dft_hash == dft_hash(spec("needs_all"))
    incar = (tmp_path / "point/attempt_3/INCAR").read_text()
    assert "ALGO = All" in incar
    assert "PREC = Normal" in incar


def test_custodian_corrects_what_leaves_the_numbers_alone(tmp_path, spec):
    """A known error that custodian answers by another ALGO, and runs VASP again in the same attempt."""
    backend_for(spec("subspace", parameters={"algo": "Fast"})).compute(slab(), tmp_path)
    assert (tmp_path / "runs").read_text() == "ALGO FAST\nALGO NORMAL\n"
    assert "pssyevx" in (tmp_path / "custodian.json").read_text()


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("INCAR", "PREC = Normal", "PREC = Low", "PREC from Normal to Low"),
        ("KPOINTS", "4 4 1", "1 1 1", "the k-points"),
        ("POSCAR", "1.3321291687634811", "1.3421291687634811", "the structure"),
        ("INCAR", "ISPIN = 1", "ISPIN = 1\nALGO = All", ""),
    ],
)
def test_corrections_that_would_change_numbers_are_found(tmp_path, name, old, new, changed):
    for file in ("INCAR", "KPOINTS", "POSCAR"):
        text = (GOLDEN / file).read_text()
        (tmp_path / f"{file}.orig").write_text(text)
        (tmp_path / file).write_text(text.replace(old, new) if file == name else text)
    assert vasp_run.changed_question(tmp_path) == ""  # nothing was corrected
    (tmp_path / "custodian.json").write_text(json.dumps([{"corrections": [{"actions": [1]}]}]))
    assert vasp_run.changed_question(tmp_path) == changed


def test_the_version_that_was_asked_for(tmp_path, spec):
    backend_for(spec(version="6.4")).compute(slab(), tmp_path)
    assert backend_for(spec(version="6.4")).code() == "vasp 6.4"
    with pytest.raises(OutputUnusable, match=r"VASP is version 6\.4\.2 but `dft\.version` is 5\.4\.4; correct either"):
        backend_for(spec(version="5.4.4")).compute(slab(), tmp_path)


def test_potcars_enter_the_hash_by_content(tmp_path, spec):
    before = dft_hash(spec())
    assert dft_hash(spec(kpts=(4, 4, 1), parameters={"encut": 400, "ncore": 4})) == before
    assert dft_hash(spec(kpts=(2, 2, 1))) != before
    with (tmp_path / "pp/C_s/POTCAR").open("a") as stream:
        stream.write("\n")
    assert dft_hash(spec()) != before


@pytest.mark.parametrize(
    ("changes", "elements", "error", "message"),
    [
        ({"parameters": {"encutt": 3}}, "Cu", InputError, r"`dft\.parameters\.encutt` is not .*; did you mean encut\?"),
        ({"parameters": {"NSW": 5}}, "Cu", InputError, r"`dft\.parameters\.nsw` is set by this program"),
        ({"parameters": {"xc": "rpbbe"}}, "Cu", InputError, r"but ASE's Vasp refuses it \("),
        ({}, "O", InputError, r"names a POTCAR for C, Cu but O is in the structure; add O:"),
        ({"setups": {"Cu": "Cu_pv"}}, "Cu", EnvironmentProblem, r"POTCAR .*/pp/Cu_pv/POTCAR of Cu does not exist"),
        ({"pp_path": None}, "Cu", EnvironmentProblem, r"`dft\.pp_path` is not given and VASP_PP_PATH is not set"),
        ({"command": "vasp_missing"}, "Cu", EnvironmentProblem, "vasp_missing is not an executable on the PATH"),
        ({"command": "'"}, "Cu", InputError, r"`dft\.command` is .* must be words"),
    ],
)
def test_what_is_wrong_is_found_before_anything_runs(spec, changes, elements, error, message):
    with pytest.raises(error, match=message) as caught:
        check_available(spec(**changes), [elements])
    assert "\n" not in str(caught.value)


def test_what_is_there_is_found(spec):
    check_available(spec(), ["Cu", "C"])


def test_a_cell_without_volume(tmp_path, spec):
    atoms = slab()
    atoms.cell[2] = 0
    label = single_point(request(atoms), spec(), tmp_path / "point")
    assert label.status is S.GEOMETRY_REJECTED
    assert label.cause == "VASP needs three cell vectors, also where the structure is not periodic"
