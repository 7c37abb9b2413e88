"""The inside of the attempt's process, called here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from al_workflows.dft import guard, runner
from al_workflows.dft.backend import GeometryRejected, ScfNotConverged, one_line
from al_workflows.dft.gpaw import convergence_cause
from al_workflows.dft.process import last_words
from al_workflows.records import atoms_to_dict
from tests.dft.common import slab


class FakeBackend:
    error: Exception | None = None

    def compute(self, atoms, directory):
        raise self.error


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/x")

    def run(kind="emt", **settings):
        request = {"kind": kind, "settings": settings, "atoms": atoms_to_dict(slab())}
        (tmp_path / "request.json").write_text(json.dumps({**request, "pythonpath": None}))
        runner.run(tmp_path)
        return json.loads((tmp_path / "result.json").read_text())

    return run


def test_numbers(run):
    result = run()
    assert result["outcome"] == "computed"
    assert len(result["forces"]) == 3
    assert "PYTHONPATH" not in os.environ


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ScfNotConverged("60 steps"), "scf_not_converged"),
        (GeometryRejected("60 steps"), "geometry_rejected"),
        (OSError(28, "60 steps"), "environment"),
        (ImportError("60 steps"), "environment"),
    ],
)
def test_reasons(run, monkeypatch, capsys, error, outcome):
    from al_workflows.dft import registry

    monkeypatch.setattr(registry, "BACKENDS", {"emt": FakeBackend})
    monkeypatch.setattr(FakeBackend, "error", error)
    result = run()
    assert result["outcome"] == outcome
    assert "60 steps" in result["cause"]
    assert "Traceback" in capsys.readouterr().err


def test_settings_and_packages(run):
    assert run("ase", calculator="ase.atoms.Nobody")["outcome"] == "input"
    assert run("ase", calculator="no_such_package.Calc")["outcome"] == "environment"


def test_a_crash_is_left_to_the_parent(run, monkeypatch):
    from al_workflows.dft import registry

    monkeypatch.setattr(registry, "BACKENDS", {"emt": FakeBackend})
    monkeypatch.setattr(FakeBackend, "error", FileNotFoundError(2, "pw.x"))
    with pytest.raises(FileNotFoundError):
        run()


def test_a_runner_whose_parent_is_gone_does_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "al_workflows.dft.runner", "1"],
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_children_are_found_and_collected():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    assert child.pid in guard._children()
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert child.pid not in guard._children()


@pytest.mark.parametrize(
    ("stderr", "stdout", "words"),
    [
        ("", "", ""),
        ("", "one\ntwo\n\n", "two"),
        ("warning: slow\n", "two\n", "warning: slow"),
        (
            "Traceback (most recent call last):\n  File x\nKeyError: 'C'\n\nDuring handling …\n\n"
            "Traceback (most recent call last):\n  File y\n    f()\n    ^^^\nValueError: no setup\nsee the manual\n",
            "",
            "ValueError: no setup",
        ),
        ("Traceback (most recent call last):\n", "", "Traceback (most recent call last):"),
        ("x" * 1000, "", "x" * 299 + "…"),
    ],
)
def test_last_words(tmp_path, stderr, stdout, words):
    (tmp_path / "stderr").write_text(stderr)
    (tmp_path / "stdout").write_text(stdout)
    assert last_words(tmp_path) == words


def test_one_line():
    assert one_line(" a\n\tb\x1b[0m\r\nc ") == "a b [0m c"


def test_convergence_cause(tmp_path):
    log = tmp_path / "gpaw.txt"
    assert convergence_cause(log) == "GPAW's SCF cycle did not converge and its log shows no iteration"
    log.write_text(
        "|iter:   2| 01:59:17 |  -11.065190 | -1.29 | -0.73 |\n|iter:  33| 01:59:19 |  -10.452050 | -1.89 | -1.05 |\n"
    )
    assert convergence_cause(log) == (
        "GPAW's SCF cycle did not converge in 33 iterations (energy -10.452050, log10 eigenstates -1.89, "
        "log10 density -1.05)"
    )
