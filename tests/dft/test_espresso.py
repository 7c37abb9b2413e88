"""Real pw.x, a second each: what succeeds, and every way to fail that was seen, with its status and cause."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from al_workflows.dft.settings import dft_hash
from al_workflows.dft.single_point import single_point
from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.records import LabelStatus
from tests.dft.common import request
from tests.dft.espresso import DEBIAN, SILICON, needs_pw, script, silicon, spec

pytestmark = [pytest.mark.espresso, needs_pw]
S = LabelStatus


def run(directory, atoms=None, **changes):
    return single_point(request(atoms or silicon()), spec(**changes), directory)


def test_smoke_silicon(tmp_path):
    label = run(tmp_path)
    assert label.status is S.OK, label.cause
    assert label.cause == ""
    assert label.code.startswith("espresso 6.") or label.code.startswith("espresso 7.")
    assert label.energy == pytest.approx(-212.3337, abs=1e-3)
    assert np.abs(label.forces.sum(axis=0)).max() < 1e-3
    assert label.forces[0, 0] > 1.0
    attempt = tmp_path / "attempt_1"
    assert "JOB DONE" in (attempt / "espresso.pwo").read_text()
    assert (attempt / "espresso.pwi").is_file()
    assert not (attempt / "scratch").exists()


def test_smoke_a_molecule_periodic_in_two_directions(tmp_path):
    atoms = Atoms("H2", positions=[[2, 2, 2], [2, 2, 2.7]], cell=[4, 4, 5], pbc=(True, True, False))
    pseudopotentials = {"H": "H.pz-vbc.UPF", "Si": SILICON}
    label = run(tmp_path, atoms, kpts=(1, 1, 1), pseudopotentials=pseudopotentials)
    assert label.status is S.OK, label.cause
    assert np.abs(label.forces[0] + label.forces[1]).max() < 0.01


def test_forces_are_the_derivative_of_the_energy(tmp_path):
    metal = {"occupations": "smearing", "smearing": "mp", "degauss": 0.05}
    energies = []
    for step in (-0.01, 0.0, 0.01):
        atoms = silicon()
        atoms.positions[1, 0] += step
        label = run(tmp_path / str(step), atoms, system=metal, electrons={"conv_thr": 1e-9})
        energies.append(label.energy)
        if step == 0.0:
            force = label.forces[1, 0]
    assert force == pytest.approx(-(energies[2] - energies[0]) / 0.02, abs=0.02)


def test_scratch_is_kept_on_request(tmp_path):
    assert run(tmp_path, keep_scratch=True).ok
    assert list((tmp_path / "attempt_1/scratch").rglob("charge-density.dat"))


def test_scf_that_converges_with_another_rung_of_the_ladder(tmp_path):
    easy = run(tmp_path / "easy")
    label = run(tmp_path / "hard", electrons={"electron_maxstep": 2}, scf_retries=2)
    assert label.ok, label.cause
    assert label.attempts == 2
    assert label.cause == "SCF converged only with mixing_beta 0.1, electron_maxstep 200"
    assert label.dft_hash == dft_hash(spec(electrons={"electron_maxstep": 2}))
    assert label.energy == pytest.approx(easy.energy, abs=1e-4)
    assert np.abs(label.forces - easy.forces).max() < 5e-3
    outcomes = [json.loads((tmp_path / f"hard/attempt_{i}/outcome.json").read_text()) for i in (1, 2)]
    assert [o["status"] for o in outcomes] == ["scf_not_converged", "ok"]
    assert outcomes[1]["note"] == "mixing_beta 0.1, electron_maxstep 200"


def test_every_rung_is_run_before_scf_is_given_up(tmp_path):
    command = script(tmp_path / "pw.sh", "sed -i 's/electron_maxstep .*/electron_maxstep = 2/' *.pwi\nexec pw.x \"$@\"")
    label = run(tmp_path, electrons={"electron_maxstep": 2}, scf_retries=9, command=command)
    assert label.status is S.SCF_NOT_CONVERGED
    assert label.attempts == 4
    assert "tried too: mixing_beta 0.1, electron_maxstep 200; " in label.cause
    assert re.search(r"diagonalization\s+= 'cg'", (tmp_path / "attempt_4/espresso.pwi").read_text())


#: settings, status, cause; each is a real failure of a real pw.x
FAILURES = {
    "scf": (
        {"electrons": {"electron_maxstep": 2}},
        S.SCF_NOT_CONVERGED,
        r"pw\.x: convergence NOT achieved after\s+2 iterations: stopping \(2 steps, estimated accuracy .* Ry\)",
    ),
    "scf_must_converge": (
        {"electrons": {"electron_maxstep": 2, "scf_must_converge": False}},
        S.SCF_NOT_CONVERGED,
        r"pw\.x's SCF is not within conv_thr 1e-06 Ry \(2 steps, estimated accuracy 4\.\d+e-03 Ry\)",
    ),
    "value": (
        {"system": {"occupations": "smering"}},
        S.CRASHED,
        r"pw\.x ended with exit status 1: Error in routine .* smering",
    ),
    "max_seconds": ({"control": {"max_seconds": 0.01}}, S.TIMED_OUT, r"pw\.x stopped at its `max_seconds`"),
    "max_force": (
        {"max_force": 0.1},
        S.GEOMETRY_REJECTED,
        r"the force on atom \d \(Si\) is 2\.0 eV/Å but must be at most 0\.1 \(`max_force`\)",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_of_settings(tmp_path, name):
    changes, status, cause = FAILURES[name]
    check(run(tmp_path, **changes), status, cause, tmp_path)


#: a command in the place of pw.x, status, cause
COMMANDS = {
    "killed": ("kill -9 $$", S.CRASHED, r"pw\.x was killed by SIGKILL \(out of memory\?\)"),
    "killed_rank": ("exit 137", S.CRASHED, r"pw\.x was killed by SIGKILL \(out of memory\?\)"),
    "segfault": ("kill -SEGV $$", S.CRASHED, r"pw\.x was killed by SIGSEGV"),
    "timeout": ("timeout 0.01 sleep 5", S.TIMED_OUT, r"pw\.x was stopped by a `timeout` in its command"),
    "hangs": ("sleep 60", S.TIMED_OUT, r"stopped after 3 s \(`timeout`\)"),
    "truncated": ('pw.x "$@" | head -c 4000', S.UNREADABLE, r"espresso\.pwo cannot be read \(StopIteration|IndexError"),
    "half": ('pw.x "$@" | grep -v "JOB DONE"', S.UNREADABLE, r"espresso\.pwo ends without JOB DONE \("),
    "empty": ("true", S.UNREADABLE, r"espresso\.pwo cannot be read"),
    "no forces": ('pw.x "$@" | grep -v force', S.UNREADABLE, r"espresso\.pwo cannot be read"),
    "stars": ('pw.x "$@" | sed "s/scf accuracy .*/scf accuracy < ***** Ry/"', S.SCF_NOT_CONVERGED, "accuracy unknown"),
    "talks": ("echo no license; exit 3", S.CRASHED, r"pw\.x ended with exit status 3: no license"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_failures_of_the_command(tmp_path, name):
    text, status, cause = COMMANDS[name]
    version = "echo 'Program PWSCF v.6.7 starts'; [ $# -eq 0 ] && exit 1\n"
    command = script(tmp_path / "pw.sh", version + text)
    check(run(tmp_path, command=command, timeout=3 if name == "hangs" else 60), status, cause, tmp_path)


def check(label, status, cause, directory):
    assert label.status is status, label.cause
    assert re.search(cause, label.cause), label.cause
    assert "\n" not in label.cause
    assert len(label.cause) <= 300
    assert label.energy is None
    assert label.directory == str(directory)
    assert label.attempts == 1


def test_a_stop_from_outside_is_not_a_result(tmp_path):
    command = script(tmp_path / "pw.sh", "echo 'Program PWSCF v.6.7 starts'; [ $# -eq 0 ] || kill -TERM $$")
    with pytest.raises(EnvironmentProblem, match=r"pw\.x was stopped from outside \(SIGTERM\); run it again"):
        run(tmp_path, command=command)
    assert not (tmp_path / "label.json").exists()


@pytest.mark.parametrize(("distance", "status", "cause"), [(0.0, S.GEOMETRY_REJECTED, "pw.x: "), (0.02, None, "")])
def test_atoms_on_top_of_each_other(tmp_path, distance, status, cause):
    atoms = silicon()
    atoms.positions[1] = [distance, 0, 0]
    gated = run(tmp_path / "gated", atoms, min_distance=0.6)
    assert gated.status is S.GEOMETRY_REJECTED
    assert gated.attempts == 0
    label = run(tmp_path / "computed", atoms, min_distance=0)
    assert not label.ok
    assert label.cause.startswith(cause)
    assert label.status is status if status else label.status in (S.UNREADABLE, S.GEOMETRY_REJECTED, S.CRASHED)


def test_pseudopotentials_that_pw_takes_from_elsewhere(tmp_path):
    """The directory vanishes as the run begins: pw.x falls back to the system's file of that name, silently."""
    own = tmp_path / "pseudo"
    own.mkdir()
    text = (DEBIAN / SILICON).read_text()
    (own / SILICON).write_text(text.replace("</UPF>", "<!-- ours -->\n</UPF>") + "\n")
    command = script(
        tmp_path / "pw.sh", f'[ $# -gt 0 ] && mv {own} {own}.gone && export ESPRESSO_PSEUDO={DEBIAN}\nexec pw.x "$@"'
    )
    label = run(tmp_path, pseudo_dir=own, command=command)
    assert "JOB DONE" in (tmp_path / "attempt_1/espresso.pwo").read_text()
    check(label, S.UNREADABLE, rf"pw\.x read the pseudopotential \S*{SILICON} \(MD5 \w+\), which is none of", tmp_path)


def test_a_file_of_another_content_is_another_setting(tmp_path):
    shutil.copy(DEBIAN / SILICON, tmp_path / "Si.upf")
    same = spec(pseudo_dir=tmp_path, pseudopotentials={"Si": "Si.upf"})
    assert dft_hash(same) == dft_hash(spec())  # neither its name nor its place is part of the numbers
    (tmp_path / "Si.upf").write_text((DEBIAN / SILICON).read_text() + "\n")
    assert dft_hash(same) != dft_hash(spec())


def test_the_machine_lacks_something(tmp_path):
    for changes, message in (
        ({"command": "pw_missing.x"}, "pw_missing.x is not an executable on the PATH"),
        ({"command": "env pw_missing.x"}, "pw_missing.x is not an executable on the PATH"),
        ({"command": "mpirun_missing -np 2 pw.x"}, "mpirun_missing is not an executable"),
        ({"command": "cat"}, "`dft.command` is 'cat' but does not start as pw.x does"),
        ({"pseudo_dir": tmp_path / "missing"}, "there is no such directory here"),
        ({"pseudo_dir": tmp_path}, f"pseudopotential {tmp_path}/{SILICON} of Si does not exist"),
        ({"pseudo_dir": None}, "ESPRESSO_PSEUDO is not set"),
    ):
        with pytest.raises(EnvironmentProblem, match=re.escape(message)) as caught:
            run(tmp_path / "point", **changes)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "point" / "label.json").exists()


def test_an_element_without_pseudopotential(tmp_path):
    atoms = silicon()
    atoms.symbols[1] = "C"
    with pytest.raises(InputError, match=r"names a file for Si but C is in the structure; add C:"):
        run(tmp_path, atoms, min_distance=0)


def test_a_cell_without_volume(tmp_path):
    label = run(tmp_path, Atoms("Si2", positions=[[0, 0, 0], [0, 0, 2.3]]))
    assert label.status is S.GEOMETRY_REJECTED
    assert label.cause == "pw.x needs three cell vectors, also where the structure is not periodic"


def test_mpirun(tmp_path):
    if shutil.which("mpirun") is None:
        pytest.skip("mpirun is not installed")
    label = run(tmp_path, command="mpirun --allow-run-as-root --oversubscribe -np 2 pw.x -nk 2")
    assert label.status is S.OK, label.cause
    assert label.energy == pytest.approx(-212.3337, abs=1e-3)
    assert "running on     2 processors" in Path(tmp_path / "attempt_1/espresso.pwo").read_text()
