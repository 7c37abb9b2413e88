"""What can be said of espresso settings without pw.x: presets, keywords, paths, and output that was recorded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from al_workflows.dft.backend import GeometryRejected, OutOfTime, OutputUnusable, ScfNotConverged
from al_workflows.dft.command import explain_exit, program
from al_workflows.dft.espresso import EspressoBackend, accept, explain_failure
from al_workflows.dft.espresso_output import parse_output
from al_workflows.dft.settings import backend_for
from al_workflows.dft.spec import beside, resolved
from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.spec import EspressoSpec
from al_workflows.spec_file import load_spec, parse_spec

FILES = {"Cu": "Cu.upf", "C": "C.upf"}


def backend(**changes) -> EspressoBackend:
    made = backend_for(EspressoSpec(pseudopotentials=FILES, **changes))
    assert isinstance(made, EspressoBackend)
    return made


def test_given_keywords_go_over_the_preset():
    made = backend(preset="sssp", input_data={"SYSTEM": {"ECUTWFC": 40}, "control": {"tstress": True}})
    assert made.namelists()["system"] == {
        "ecutwfc": 40,
        "ecutrho": 240,
        "occupations": "smearing",
        "smearing": "mp",
        "degauss": 0.0147,
    }
    assert made.namelists()["control"] == {"tstress": True}
    assert made.grid() == ([2, 2, 1], [1, 1, 0])
    assert backend(preset="sssp", kpts=(4, 4, 1)).grid() == ([4, 4, 1], [0, 0, 0])
    assert backend().grid() == ([1, 1, 1], [0, 0, 0])


def test_the_papers_settings():
    made = backend(preset="paper")
    assert made.namelists()["system"]["ecutwfc"] * 13.605693 == pytest.approx(500, abs=0.01)  # eV
    assert made.grid() == ([4, 4, 1], [0, 0, 0])


def test_the_ladder_changes_only_how_convergence_is_reached():
    made = backend(preset="sssp", input_data={"electrons": {"mixing_beta": 0.1}, "system": {"nbnd": 40}})
    harmless = {"mixing_beta", "electron_maxstep", "mixing_mode", "diagonalization"}
    before = made.namelists()
    assert len(made.ladder()) == 3
    for rung in made.ladder():
        after = EspressoBackend(**{**vars(made), **rung.changes}).namelists()
        assert after["system"] == before["system"]
        changed = {key for key, value in after["electrons"].items() if before["electrons"].get(key) != value}
        assert changed <= harmless
        assert after["electrons"]["mixing_beta"] == 0.05
        assert after["electrons"]["conv_thr"] == 1e-7


def test_numbers_that_yaml_takes_for_texts():
    text = yaml.safe_load("{pseudopotentials: {Cu: Cu.upf}, input_data: {electrons: {conv_thr: 1e-7}, system: {a: b}}}")
    assert text["input_data"]["electrons"]["conv_thr"] == "1e-7"
    spec = EspressoSpec(**text)
    assert spec.input_data == {"electrons": {"conv_thr": 1e-7}, "system": {"a": "b"}}


@pytest.mark.parametrize(
    ("input_data", "message"),
    [
        ({"sistem": {"ecutwfc": 30}}, "`dft.input_data.sistem` is not a namelist of pw.x; there are cell, control, "),
        ({"system": {"ecutwfk": 30}}, "`dft.input_data.system.ecutwfk` is not a keyword that ASE knows in &SYSTEM"),
        ({"control": {"outdir": "x"}}, "`dft.input_data.control.outdir` is set by this program; remove it"),
        ({"system": {"nat": 3}}, "`dft.input_data.system.nat` is set by this program; remove it"),
        ({"system": {"nbnd": 3}}, "`dft.input_data.system.ecutwfc` is missing"),
    ],
)
def test_wrong_keywords(input_data, message):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        backend(input_data=input_data).check(["Cu"])
    assert "\n" not in str(caught.value)


def test_keywords_with_an_index_are_keywords():
    starting = {"system": {"ecutwfc": 30, "nspin": 2, "starting_magnetization(1)": 0.1}}
    with pytest.raises(EnvironmentProblem, match="ESPRESSO_PSEUDO is not set"):
        backend(input_data=starting).check(["Cu"])


def run_file(tmp_path: Path, dft: str) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(f"structure: s.xyz\nsimulation: {{kind: relaxation}}\ndft: {dft}\n")
    return path


def test_paths_are_relative_to_the_run_file(tmp_path):
    spec = load_spec(run_file(tmp_path, "{kind: espresso, pseudopotentials: {Cu: Cu.upf}, pseudo_dir: here}"))
    assert spec.dft.pseudo_dir == tmp_path / "here"
    assert beside(spec.dft, Path("/elsewhere")).pseudo_dir == tmp_path / "here"
    spec = load_spec(run_file(tmp_path, "{kind: vasp, setups: {Cu: Cu}, pp_path: here}"))
    assert spec.dft.pp_path == tmp_path / "here"


def test_the_environment_is_asked_at_submission_for_what_is_not_given(tmp_path):
    environment = {"ESPRESSO_PSEUDO": str(tmp_path), "VASP_PP_PATH": str(tmp_path)}
    espresso = EspressoSpec(pseudopotentials=FILES)
    assert resolved(espresso, environment).pseudo_dir == tmp_path
    assert resolved(espresso, {}).pseudo_dir is None
    given = EspressoSpec(pseudopotentials=FILES, pseudo_dir=tmp_path / "given")
    assert resolved(given, environment) == given
    vasp = parse_spec({"structure": "s", "simulation": {"kind": "relaxation"}, "dft": VASP}).dft
    assert resolved(vasp, environment).pp_path == tmp_path / "potpaw_PBE"


VASP = {"kind": "vasp", "setups": {"Cu": "Cu_pv"}}


@pytest.mark.parametrize(
    ("dft", "message"),
    [
        ({"kind": "espresso"}, "`dft.pseudopotentials` is missing but must be given"),
        ({"kind": "espresso", "pseudopotentials": FILES, "preset": "best"}, "`dft.preset` is 'best' but should be"),
        ({"kind": "espresso", "pseudopotentials": FILES, "kpts": [0, 1, 1]}, "`dft.kpts.0` is 0 but"),
        ({"kind": "espresso", "pseudopotentials": FILES, "koffset": [2, 0, 0]}, "`dft.koffset.0` is 2 but"),
        ({"kind": "espresso", "pseudopotentials": FILES, "input_dta": {}}, "`dft.input_dta` is not a key"),
        ({**VASP, "preset": "sssp"}, "`dft.preset` is 'sssp' but should be 'paper'"),
        ({**VASP, "scf_retries": -1}, "`dft.scf_retries` is -1 but"),
    ],
)
def test_wrong_keys(dft, message):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        parse_spec({"structure": "s.xyz", "simulation": {"kind": "relaxation"}, "dft": dft})
    assert "\n" not in str(caught.value)


def test_the_word_that_is_the_code():
    assert program("mpirun -np 8 pw.x -nk 4", "pw") == "pw.x"
    assert program("srun /opt/qe/bin/pw.x", "pw") == "/opt/qe/bin/pw.x"
    assert program("run_it.sh", "pw") == "run_it.sh"
    with pytest.raises(InputError, match="must name an executable"):
        program("  ", "pw")


def test_exit_statuses():
    assert str(explain_exit("pw.x", 134, "PMIx")) == "pw.x was killed by SIGABRT: PMIx"
    assert isinstance(explain_exit("pw.x", 143, ""), EnvironmentProblem)
    assert isinstance(explain_exit("pw.x", -15, ""), EnvironmentProblem)
    assert isinstance(explain_exit("pw.x", 124, ""), OutOfTime)
    assert str(explain_exit("pw.x", 255, "")) == "pw.x ended with exit status 255"


SOUND = """
     PseudoPot. # 1 for Cu read from file:
     /there/Cu.upf
     MD5 check sum: 0a
     iteration #  1     ecut=    12.00 Ry     beta= 0.70
     estimated scf accuracy    <       2.1E-05 Ry
!    total energy              =     -15.60624392 Ry
     estimated scf accuracy    <       0.00000008 Ry
     convergence has been achieved in   6 iterations
   JOB DONE.
"""


def test_what_is_accepted():
    accept(parse_output(SOUND), {"0a": Path("/here/Cu.upf")}, 1e-7)
    without = parse_output(SOUND.replace("     MD5 check sum: 0a\n", ""))  # some versions print none
    accept(without, {"0a": Path("/there/Cu.upf")}, 1e-7)
    with pytest.raises(OutputUnusable, match=r"read the pseudopotential /there/Cu.upf \(MD5 not printed\)"):
        accept(without, {"0a": Path("/here/Cu.upf")}, 1e-7)


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("JOB DONE.", "", OutputUnusable, "ends without JOB DONE (convergence has been achieved in 6 iterations)"),
        ("has been achieved", "NOT achieved", ScfNotConverged, "without convergence (1 steps, estimated accuracy 8.0e"),
        ("0.00000008", "0.00000018", ScfNotConverged, "not within conv_thr 1e-07 Ry (1 steps, estimated accuracy 1.8e"),
        ("0.00000008", "*", ScfNotConverged, "(1 steps, estimated accuracy unknown)"),
        ("0a", "0b", OutputUnusable, "pw.x read the pseudopotential /there/Cu.upf (MD5 0b), which is none of /here/"),
        ("read from file", "", OutputUnusable, "does not say which pseudopotentials were read"),
    ],
)
def test_what_is_not_accepted(old, new, error, message):
    with pytest.raises(error, match=re.escape(message)):
        accept(parse_output(SOUND.replace(old, new)), {"0a": Path("/here/Cu.upf")}, 1e-7)


def test_why_it_stopped():
    rule = "%" * 78
    overlap = f"\n {rule}\n     Error in routine check_atoms (1):\n      atoms #   1 and #   2 overlap!\n {rule}\n"
    error = explain_failure(parse_output(overlap), 1)
    assert isinstance(error, GeometryRejected)
    assert str(error) == "pw.x: Error in routine check_atoms (1): atoms # 1 and # 2 overlap!"
    assert isinstance(explain_failure(parse_output("     Maximum CPU time exceeded\n"), 255), OutOfTime)
    error = explain_failure(parse_output(overlap.replace("check_atoms", "readpp").replace("overlap!", "lost")), 1)
    assert str(error) == "pw.x ended with exit status 1: Error in routine readpp (1): atoms # 1 and # 2 lost"
