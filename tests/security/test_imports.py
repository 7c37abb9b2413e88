"""What a run document may name: calculators of ASE and installed plug-ins; nothing else is called, and no shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from al_workflows.calculators import load_calculator
from al_workflows.dft.command import find_executables, words
from al_workflows.dft.label_file import read_label
from al_workflows.dft.single_point import single_point
from al_workflows.errors import AlWorkflowsError, EnvironmentProblem, InputError
from al_workflows.spec import AseSpec
from tests.builders import label as label_of
from tests.builders import run_spec, slab

NO_CALCULATORS = ["os.system", "subprocess.run", "builtins.eval", "pathlib.Path", "fireworks.PyTask", "ase.io.read"]


@pytest.mark.parametrize("path", NO_CALCULATORS)
def test_what_is_no_calculator_is_not_called(path: str, tmp_path: Path) -> None:
    mark = tmp_path / "called"
    with pytest.raises(InputError, match="is not a class of ASE's Calculator"):
        load_calculator(path, "dft")
    dft = AseSpec(calculator=path, arguments={"args": f"touch {mark}", "shell": True})
    with pytest.raises(AlWorkflowsError, match="is not a class of ASE's Calculator"):
        single_point(label_of(slab()).request, dft, tmp_path / "point")  # as a worker would
    assert not mark.exists()
    assert read_label(tmp_path / "point") is None


def test_a_module_in_the_launch_directory_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "planted.py").write_text("from pathlib import Path\nPath('imported').touch()\n")
    (tmp_path / "point").mkdir()
    (tmp_path / "point" / "planted.py").write_text("from pathlib import Path\nPath('imported').touch()\n")
    with pytest.raises((InputError, EnvironmentProblem), match="planted"):
        single_point(label_of(slab()).request, AseSpec(calculator="planted.Calculator"), tmp_path / "point")
    assert not list(tmp_path.rglob("imported"))


@pytest.mark.parametrize("kind", ["os.system", "../evil", "evil:call", "tests.security"])
def test_a_plug_in_is_an_installed_one_or_none(kind: str) -> None:
    for section in ("query", "dft", "simulation"):
        with pytest.raises(InputError, match="must have one of these kinds"):
            run_spec(**{section: {"kind": kind}})


def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    mark = tmp_path / "called"
    assert words(f"pw.x; touch {mark}") == ["pw.x;", "touch", str(mark)]
    for command in (f"pw.x; touch {mark}", f"$(touch {mark})", f"`touch {mark}`", f"|touch {mark}"):
        with pytest.raises(EnvironmentProblem, match="not an executable"):
            find_executables(command, "pw.x")
    assert not mark.exists()
