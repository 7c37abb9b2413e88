"""What a user gets for bad input: one line with the thing, the value, the rule and the remedy; nothing is written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import write
from fireworks import LaunchPad

from tests.builders import slab

ALFLOW = str(Path(sys.executable).parent / "alflow")


def alflow(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | environment
    return subprocess.run([ALFLOW, *words], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=120)


def refusal(*words: str, cwd: Path, **environment: str) -> str:
    """The one line with which a command refuses, after a look at its form."""
    done = alflow(*words, cwd=cwd, **environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert not done.stdout.strip()
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("alflow: ")
    return lines[0]


def put(directory: Path, start: Atoms | None = None, **changes: Any) -> Path:
    """A run file that is right but for ``changes``, with its structure."""
    if start is None:
        start = slab()
    write(directory / "start.traj", start)
    spec = {
        "structure": "start.traj",
        "simulation": {"kind": "relaxation"},
        "dft": {"kind": "emt"},
    }
    path = directory / "run.yaml"
    path.write_text(yaml.safe_dump(spec | changes))
    return path


#: a path from the start to itself
NEB = {"simulation": {"kind": "neb"}, "final_structure": "start.traj"}
BAD_VALUES = [
    ({"simulaton": {}}, ["simulaton", "not a key"]),
    ({"simulation": {"kind": "relaxation", "fmx": 0.1}}, ["simulation.fmx", "not a key"]),
    ({"simulation": {"kind": "relaxation", "fmax": "small"}}, ["simulation.fmax", "small", "number"]),
    ({"simulation": {"kind": "relaxation", "fmax": -0.1}}, ["simulation.fmax", "-0.1", "greater than 0"]),
    ({"simulation": {"kind": "relaxation", "optimizer": "BGFS"}}, ["simulation.optimizer", "BGFS", "BFGSLineSearch"]),
    ({"simulation": {"kind": "relaxation", "fmax": float("nan")}}, ["simulation.fmax", "finite"]),
    ({"potential": {"descriptor": {"cutoff": -6}}}, ["potential.descriptor.cutoff", "-6", "greater than 0"]),
    ({"potential": {"members": 0}}, ["potential.members", "0", "greater than or equal to 1"]),
    ({"query": {"kind": "best"}}, ["query", "best", "final_uncertainty"]),
    ({"query": {"kind": "random", "batch": 0}}, ["query.batch", "0"]),
    ({"dft": {"kind": "castep"}}, ["dft", "castep", "gpaw"]),
    ({"dft": {"kind": "emt", "timeout": 0}}, ["dft.timeout", "0"]),
    ({"dft": {"kind": "ase", "calculator": "nowhere.to.be.Found"}}, ["nowhere.to.be.Found"]),
    ({"dft": {"kind": "ase", "calculator": "os.path.join"}}, ["os.path.join", "Calculator"]),
    ({"seed": -1}, ["seed", "-1"]),
    ({"name": "a/b"}, ["name", "a/b"]),
    ({"simulation": {"kind": "relaxation", "fmax": True}}, ["simulation", "true or false", "fmax"]),
    ({"query": {"kind": "final_uncertainty"}, "potential": {"members": 1}}, ["potential.members", "2 or more"]),
    ({"potential": {"prior": {"kind": "morse", "parameters": {"h": {"well_depth": 1, "r_e": 1, "a": 1}}}}}, ["'h'"]),
    (
        {"potential": {"prior": {"kind": "sum", "terms": [{"kind": "repulsive", "end": 1}]}}},
        ["prior.terms.0.end", "key"],
    ),
    ({"potential": {"hidden": [10**6]}}, ["potential.hidden", "1000"]),
    ({"simulation": {"kind": "neb"}}, ["simulation.kind: neb", "final_structure"]),
    ({"final_structure": "start.traj"}, ["final_structure", "relaxation", "take it out"]),
    (NEB | {"simulation": {"kind": "neb", "images": 0}}, ["simulation.images", "0"]),
    (NEB | {"simulation": {"kind": "neb", "fmax": 0.05}}, ["simulation.fmax", "not a key"]),
    (NEB | {"query": {"kind": "final"}}, ["query.kind: final", "saddle_ends"]),
    (NEB | {"query": {"kind": "uncertainty"}, "potential": {"members": 1}}, ["potential.members", "2 or more"]),
    (NEB | {"termination": {"max_dft_calls": 2}}, ["max_dft_calls", "both ends and the saddle"]),
    (NEB | {"final_structure": "missing.xyz"}, ["missing.xyz"]),
    (NEB, ["start.traj", "0.000 Å", "the other end"]),
    ({"query": {"kind": "saddle"}}, ["query.kind: saddle", "neb"]),
    ({"structure": "missing.xyz"}, ["missing.xyz"]),
    ({"structure": "run.yaml"}, ["run.yaml"]),
]


@pytest.mark.parametrize(("changes", "said"), BAD_VALUES, ids=[" ".join(said[:2]) for _, said in BAD_VALUES])
def test_a_bad_value_is_named(changes: dict[str, Any], said: list[str], tmp_path: Path) -> None:
    path = put(tmp_path, **changes)
    before = sorted(tmp_path.rglob("*"))
    for words in (["validate", str(path)], ["run", str(path), "--in-process"]):
        line = refusal(*words, cwd=tmp_path)
        assert all(text in line for text in said), line
    assert sorted(tmp_path.rglob("*")) == before


def overlapping() -> Atoms:
    atoms = slab()
    atoms.positions[-1] = atoms.positions[-2] + [0.1, 0, 0]
    return atoms


def not_a_number() -> Atoms:
    atoms = slab()
    atoms.positions[-1, 2] = np.nan
    return atoms


def unknown_element() -> Atoms:
    atoms = slab()
    atoms.symbols[-1] = "Xe"
    return atoms


BAD_STRUCTURES = {
    "overlapping atoms": (overlapping, ["Cu", "O", "0.10"]),
    "not a number": (not_a_number, ["start.traj", "finite"]),
    "no atoms": (lambda: Atoms(cell=[5, 5, 5], pbc=True), ["start.traj", "0 atoms"]),
    "an element that DFT does not know": (unknown_element, ["Xe", "EMT"]),
}


@pytest.mark.parametrize("name", BAD_STRUCTURES)
def test_a_bad_structure_is_named(name: str, tmp_path: Path) -> None:
    make, said = BAD_STRUCTURES[name]
    line = refusal("validate", str(put(tmp_path, start=make())), cwd=tmp_path)
    assert all(text in line for text in said), line


def test_a_missing_run_file(tmp_path: Path) -> None:
    assert "nowhere.yaml" in refusal("validate", "nowhere.yaml", cwd=tmp_path)


@pytest.mark.parametrize(
    "text", ["structure: [", "just words", "\x00", "", "seed: 1\nseed: 2", "dft: {kind: emt, kind: emt}", "1: 2"]
)
def test_a_run_file_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(text)
    assert "run.yaml" in refusal("validate", "run.yaml", cwd=tmp_path)


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    uri = "mongodb://someone:secret-word@127.0.0.1:1/al"
    for words in (["submit", str(put(tmp_path))], ["run", str(put(tmp_path))], ["status"], ["show", "x"]):
        line = refusal(*words, cwd=tmp_path, AL_WORKFLOWS_MONGODB_URI=uri)
        assert "127.0.0.1:1" in line
        assert "secret-word" not in line


@pytest.mark.workflow
def test_a_wrong_password(lpad_file: Path, tmp_path: Path) -> None:
    document = yaml.safe_load(lpad_file.read_text())
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(yaml.safe_dump({**document, "password": "not-this-word"}))
    wrong.chmod(0o600)
    line = refusal("status", "--launchpad", str(wrong), cwd=tmp_path)
    assert "authentication" in line.lower()
    assert "not-this-word" not in line
    assert document["password"] not in line


@pytest.mark.workflow
def test_a_second_submit_is_refused_and_loses_nothing(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    words = ["submit", str(put(tmp_path)), "--launchpad", str(lpad_file)]
    assert alflow(*words, cwd=tmp_path).returncode == 0
    line = refusal(*words, cwd=tmp_path)
    assert "already submitted" in line
    assert "seed" in line
    assert lpad.workflows.count_documents({}) == 1


@pytest.mark.workflow
def test_an_unknown_run(lpad_file: Path, tmp_path: Path) -> None:
    for command in ("status", "show"):
        assert "nothing-like-it" in refusal(command, "nothing-like-it", "--launchpad", str(lpad_file), cwd=tmp_path)


def test_an_unknown_example(tmp_path: Path) -> None:
    assert "relax" in refusal("example", "nonesuch", cwd=tmp_path)


def test_an_example_does_not_overwrite_a_changed_file(tmp_path: Path) -> None:
    assert alflow("example", "relax", cwd=tmp_path).returncode == 0
    assert alflow("example", "relax", cwd=tmp_path).returncode == 0  # the same files again: no harm
    (tmp_path / "relax.yaml").write_text("mine")
    assert "relax.yaml" in refusal("example", "relax", cwd=tmp_path)
    assert (tmp_path / "relax.yaml").read_text() == "mine"


def test_the_result_of_another_run_is_not_overwritten(tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "result.json").write_text('{"run": "other"}')
    line = refusal("run", str(put(tmp_path)), "--in-process", "--output", str(output), cwd=tmp_path)
    assert "other" in line
    assert str(output) in line
    assert (output / "result.json").read_text() == '{"run": "other"}'


def test_the_directory_of_a_run_that_goes_on_is_not_shared(tmp_path: Path) -> None:
    limits = {"max_dft_calls": 1}
    one = put(tmp_path, termination=limits)
    assert alflow("run", str(one), "--in-process", "--output", "out", cwd=tmp_path).returncode == 1
    (tmp_path / "out" / "result.json").unlink()
    line = refusal("run", str(put(tmp_path, seed=5)), "--in-process", "--output", "out", cwd=tmp_path)
    assert "is the directory of" in line


def test_a_file_in_the_place_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    line = refusal("run", str(put(tmp_path)), "--in-process", "--output", "out", cwd=tmp_path)
    assert "out" in line


@pytest.fixture
def tiny_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system without space, or one that is read-only; needs the right to mount."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a file system")
    if request.param == "size=4k":
        with (place / "filler").open("wb") as file:
            file.write(b"\0" * 4096)
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize(
    ("tiny_disk", "said"), [("size=4k", "No space left"), ("ro", "Read-only")], indirect=["tiny_disk"]
)
def test_a_full_or_read_only_directory(tiny_disk: Path, said: str, tmp_path: Path) -> None:
    path = put(tmp_path)
    line = refusal("run", str(path), "--in-process", "--output", str(tiny_disk / "out"), cwd=tmp_path)
    assert said in line
    assert str(tiny_disk) in line
    assert "alflow" in refusal("example", "relax", str(tiny_disk / "example"), cwd=tmp_path)
    left = [path for path in tiny_disk.rglob("*") if path.is_file() and path.name != "filler"]
    assert not left  # empty directories at the most


def test_a_run_file_may_be_called_anything(tmp_path: Path) -> None:
    path = put(tmp_path).rename(tmp_path / "my run (1).yaml")
    shown = alflow("validate", str(path), cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "run my-run-1-" in shown.stdout


def test_an_element_without_morse_parameters_is_a_remark(tmp_path: Path) -> None:
    lennard_jones = {"kind": "ase", "calculator": "ase.calculators.lj.LennardJones"}
    shown = alflow("validate", str(put(tmp_path, start=unknown_element(), dft=lennard_jones)), cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "remark: no Morse parameters for Xe (only for Cu)" in shown.stdout
    assert "for Cu-Xe, Xe-Xe;" in shown.stdout


def test_numbers_with_exponents_are_numbers(tmp_path: Path) -> None:
    from al_workflows.spec_file import load_spec

    path = put(tmp_path)
    path.write_text(path.read_text() + "potential: {training: {kind: auto, sigma_energy: 1e-3}}\n")
    text = "dft: {kind: ase, calculator: ase.calculators.lj.LennardJones, arguments: {epsilon: 1e-2, rc: 1E1}}\n"
    path.write_text(
        "\n".join(line for line in path.read_text().splitlines() if "emt" not in line and "dft" not in line)
    )
    path.write_text(path.read_text() + "\n" + text)
    dft = load_spec(path).dft
    assert dft.model_dump()["arguments"] == {"epsilon": 0.01, "rc": 10.0}
