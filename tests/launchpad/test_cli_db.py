"""`alflow` as a user meets it: answers, exit codes, one line for an error."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from al_workflows.errors import InputError
from launchpad.cli.app import app
from launchpad.cli.errors import CommandGroup
from launchpad.data_directory import locked
from launchpad.local_mongo import LocalMongo
from tests.conftest import discard

ALFLOW = str(Path(sys.executable).parent / "alflow")


def alflow(*arguments: str, **options: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", **options}
    return subprocess.run([ALFLOW, *arguments], env=environ, capture_output=True, text=True, check=False)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "mongo"
    yield str(folder)
    discard(LocalMongo(folder))


def test_life_of_a_database(data: str) -> None:
    assert alflow("db", "status", "--data", data).returncode == 3
    started = alflow("db", "start", "--data", data)
    assert started.returncode == 0, started.stderr
    assert "local database: running" in started.stdout
    assert f"export FW_CONFIG_FILE={data}/FW_config.yaml" in started.stdout
    assert alflow("db", "status", "--data", data).returncode == 0
    stopped = alflow("db", "stop", "--data", data)
    assert (stopped.returncode, "stopped" in stopped.stdout) == (0, True)
    assert alflow("db", "stop", "--data", data).returncode == 0


def test_data_directory_from_the_environment(mongo: LocalMongo, tmp_path: Path) -> None:
    (tmp_path / "mongo").symlink_to(mongo.data_dir)
    found = alflow("db", "status", AL_WORKFLOWS_DATA=str(tmp_path))
    assert (found.returncode, str(mongo.data_dir) in found.stdout) == (0, True)


def test_status_in_process(mongo: LocalMongo) -> None:
    result = CliRunner().invoke(app, ["db", "status", "--data", str(mongo.data_dir)])
    assert result.exit_code == 0
    assert f"127.0.0.1:{mongo.status().port}" in result.output


def test_an_error_is_one_line_and_code_2(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    failed = alflow("db", "start", "--data", str(tmp_path))
    assert failed.returncode == 2
    assert re.fullmatch(r"alflow: data directory .* holds other files but must be .*\n", failed.stderr)
    assert failed.stdout == ""


@pytest.mark.parametrize("command", [[], ["db"], ["db", "start"], ["db", "stop"], ["db", "status"]])
def test_help_fits_80_columns_and_is_quick(command: list[str]) -> None:
    start = time.perf_counter()
    shown = alflow(*command, "--help")
    assert time.perf_counter() - start < 3  # 0.2 s on an idle machine
    assert shown.returncode == 0
    assert max(len(line) for line in shown.stdout.splitlines()) <= 80
    assert "xample" in shown.stdout or command == ["db"]


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, launchpad.cli; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "pydantic", "pymongo", "fireworks", "ase", "yaml"} & set(modules)


def test_version_and_usage_errors() -> None:
    assert re.fullmatch(r"alflow \d+\.\d+\S*\n", alflow("--version").stdout)
    wrong = alflow("nonsense")
    assert (wrong.returncode, "nonsense" in wrong.stderr) == (2, True)


def failing_app(error: BaseException) -> typer.Typer:
    app = typer.Typer(cls=CommandGroup, pretty_exceptions_enable=False)

    @app.callback()
    def group() -> None: ...

    @app.command()
    def fail() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (InputError("`x` is 1\nbut must be 2"), 2, "alflow: `x` is 1 but must be 2\n"),
        (KeyboardInterrupt(), 130, "alflow: interrupted\n"),
    ],
)
def test_errors_of_any_command(error: BaseException, code: int, text: str) -> None:
    result = CliRunner().invoke(failing_app(error), ["fail"])
    assert result.exit_code == code
    assert result.stderr == text


def test_a_bug_is_not_hidden() -> None:
    result = CliRunner().invoke(failing_app(ZeroDivisionError()), ["fail"])
    assert isinstance(result.exception, ZeroDivisionError)


def test_ctrl_c_while_waiting(data: str) -> None:
    """Another process holds the directory; the user gives up."""
    local = LocalMongo(Path(data))
    local.data_dir.mkdir()
    (local.data_dir / "alflow.lock").touch()
    with locked(local.data_dir):
        waiting = subprocess.Popen([ALFLOW, "db", "start", "--data", data], stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)
        waiting.send_signal(signal.SIGINT)
        assert waiting.communicate(timeout=10)[1] == "alflow: interrupted\n"
    assert waiting.returncode == 130


def test_a_reader_that_leaves(mongo: LocalMongo) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [ALFLOW, "db", "status", "--data", str(mongo.data_dir)]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
