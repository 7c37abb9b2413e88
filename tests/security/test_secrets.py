"""The password of the database after a full run by a worker: in no log, spec, document or command line."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import bson
import pytest
import yaml
from fireworks import LaunchPad

from tests.launchpad.test_bad_input import ALFLOW
from tests.launchpad.test_rlaunch import ENVIRONMENT, prepared_run

pytestmark = pytest.mark.workflow


def command_lines() -> dict[int, bytes]:
    """Of every process that can be seen."""
    found = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                line = (place / "cmdline").read_bytes()
            except OSError:  # it has ended
                continue
            if line:  # one that ends has none any more
                found[int(place.name)] = line
    return found


def holders(directory: Path, secret: bytes) -> set[Path]:
    """The files below ``directory`` that hold ``secret``; one that is a link stands for itself."""
    files = (Path(parent, name) for parent, _, names in os.walk(directory) for name in names)
    return {file for file in files if secret in content(file)}


def content(file: Path) -> bytes:
    """Of a file that may be renamed or removed at any moment; empty then."""
    try:
        return file.read_bytes() if file.is_file() else b""
    except FileNotFoundError:
        return b""


def others_may_read(file: Path) -> bool:
    """Whether the file is there and others may read or write it."""
    try:
        return bool(file.stat().st_mode & 0o077)
    except FileNotFoundError:
        return False


def test_the_password_stays_in_private_files(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    document: dict[str, Any] = yaml.safe_load(lpad_file.read_text())
    secret = document["password"].encode()
    path, _, log = prepared_run(tmp_path, 0.3, termination={"max_dft_calls": 2})
    (tmp_path / "tmp").mkdir()
    words = [ALFLOW, "run", str(path), "--output", "out", "--launchpad", str(lpad_file)]
    environment = ENVIRONMENT | {"TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path)}
    seen: dict[int, bytes] = {}
    while_running: set[Path] = set()
    with (tmp_path / "screen").open("wb") as screen:
        process = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=screen, stderr=screen)
        while process.poll() is None:
            seen |= command_lines()
            while_running |= holders(tmp_path / "tmp", secret)
            assert not [file for file in while_running if others_may_read(file)]
    assert process.returncode == 1, (tmp_path / "screen").read_text()
    assert log.read_text().count("end") == 2
    assert any(b"rlaunch" in line for line in seen.values())  # the worker was among them
    assert any(b"al_workflows.dft.runner" in line for line in seen.values())
    assert not [line for line in seen.values() if secret in line]
    assert while_running  # the worker's connection file
    assert not any(file.exists() for file in while_running)

    assert (tmp_path / "out" / "workers.log").is_file()
    assert (tmp_path / "out" / "0000" / "00" / "FW.json").is_file()
    assert holders(tmp_path, secret) == {lpad_file}
    assert stat.S_IMODE(lpad_file.stat().st_mode) == 0o600
    for name in lpad.db.list_collection_names():
        assert not [one["_id"] for one in lpad.db[name].find() if secret in bson.encode(one)], name


def test_submitting_writes_the_connection_of_others_privately(lpad_file: Path, tmp_path: Path) -> None:
    from launchpad.settings import resolve, write_worker_config

    before = os.umask(0)  # the most careless there is
    try:
        write_worker_config(tmp_path / "worker", resolve(lpad_file))
    finally:
        os.umask(before)
    secret = yaml.safe_load(lpad_file.read_text())["password"].encode()
    (only,) = holders(tmp_path / "worker", secret)
    assert stat.S_IMODE(only.stat().st_mode) == 0o600


def test_a_traceback_of_fireworks_does_not_show_it(lpad_file: Path, tmp_path: Path) -> None:
    document: dict[str, Any] = yaml.safe_load(lpad_file.read_text())
    options = {**document["mongoclient_kwargs"], "serverSelectionTimeoutMS": 300}
    away = tmp_path / "away.yaml"
    away.touch(mode=0o600)
    away.write_text(yaml.safe_dump({**document, "port": 1, "mongoclient_kwargs": options}))
    words = [str(Path(ALFLOW).with_name("rlaunch")), "-l", str(away), "singleshot"]
    done = subprocess.run(words, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Traceback" in done.stderr
    assert document["password"] not in done.stdout + done.stderr
