"""`--watch` as somebody sees it: on a real terminal of 80 columns, in a pipe, and while the database is away."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fireworks import LaunchPad
from rich.cells import cell_len

from al_workflows.records import Cycle, Verdict, VerdictKind
from al_workflows.results import run_id
from al_workflows.spec import RunSpec
from fw_specs.store import Store
from fw_specs.submit import submit
from launchpad.local_mongo import LocalMongo
from launchpad.settings import connect, resolve
from tests.builders import cycle, run_spec, slab
from tests.conftest import discard
from tests.launchpad.test_bad_input import ALFLOW, alflow, refusal
from tests.terminal import LEFT, Terminal

pytestmark = pytest.mark.workflow
REASON = "the DFT forces are at most 0.0100 eV/Å"


def submitted(lpad: LaunchPad, directory: Path, spec: RunSpec) -> str:
    run = run_id(spec, slab())
    submit(lpad, spec, slab(), directory / run)
    return run


def end_of(index: int, kind: VerdictKind = VerdictKind.CONVERGED) -> Cycle:
    return replace(cycle(index, fmax=0.01), verdict=Verdict(kind, criterion="forces", reason=REASON))


def test_a_run_is_drawn_until_it_ends(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    store, run = Store(lpad.db), submitted(lpad, tmp_path, run_spec())
    store.put_cycle(run, cycle(0, fmax=2.0))
    words = [ALFLOW, "status", run[:7], "--watch", "--every", "0.3", "--launchpad", str(lpad_file)]
    with Terminal(words, tmp_path) as terminal:
        frame = terminal.shows("2.0000")
        assert run in frame[1]
        assert "cycle 0, 1 DFT calls" in frame[2]
        assert "target 0.05" in frame[3]
        assert "nothing runs now: 2 COMPLETED" in "\n".join(frame) or "READY" in "\n".join(frame)
        store.put_cycle(run, cycle(1, fmax=0.2))
        lines = terminal.shows("0.2000")
        first, second = (next(line for line in lines if number in line) for number in ("2.0000", "0.2000"))
        assert first.count("█") > second.count("█") > 0
        store.put_cycle(run, cycle(2, fmax=None, dft_calls=1))
        assert any(line.split() == ["2", "failed"] for line in terminal.shows("failed"))
        lpad.fireworks.update_many({"state": "READY"}, {"$set": {"state": "RUNNING"}})
        assert " runs for " in "\n".join(terminal.shows(" runs for "))
        store.put_cycle(run, end_of(3))
        assert terminal.end() == 0
    assert "CONVERGED" in terminal.kept
    assert REASON in terminal.kept.replace("\n", " ")
    assert "Ctrl-C" not in terminal.kept
    assert all(cell_len(line) <= 80 for frame in terminal.frames for line in frame)
    assert terminal.output.count(LEFT) == 1


def test_ctrl_c_leaves_a_watch_with_0(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    run = submitted(lpad, tmp_path, run_spec())
    for number in (signal.SIGINT, signal.SIGTERM):
        words = [ALFLOW, "status", "--watch", "--every", "60", "--launchpad", str(lpad_file)]
        with Terminal(words, tmp_path, NO_COLOR="1") as terminal:
            frame = terminal.shows(run)
            assert "every 60 s, Ctrl-C leaves" in frame[0]
            terminal.process.send_signal(number)
            assert terminal.end() == 0
        assert run in terminal.kept
        assert "Traceback" not in terminal.output
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", terminal.output)  # no colours


def test_many_runs_on_a_small_terminal(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    """Ids that are long and alike stay whole; what goes on is shown first, the rest counted."""
    store, name = Store(lpad.db), "adsorption-of-oxygen-on-a-stepped-surface"
    specs = [run_spec(seed=seed, name=name if seed % 2 else f"r{seed}") for seed in range(20)]
    runs = [run_id(spec, slab()) for spec in specs]
    for spec, run in zip(specs, runs, strict=True):
        store.add_run(run, spec, slab(), tmp_path / run)
        store.put_cycle(run, end_of(0) if run != runs[3] else cycle(0, fmax=0.5))
    words = [ALFLOW, "status", "--launchpad", str(lpad_file)]
    with Terminal([*words, "--watch"], tmp_path, lines=12) as terminal:
        frame = terminal.shows("beside ")
        terminal.interrupt()
        assert terminal.end() == 0
    assert any(line.startswith(runs[3]) for line in frame)
    assert "beside 13 more: 13 CONVERGED" in frame
    with Terminal(words, tmp_path) as terminal:
        assert terminal.end() == 0
    shown = terminal.kept.splitlines()
    assert all(any(line.startswith(f"{run} ") for line in shown) for run in runs)
    assert max(cell_len(line) for line in shown) <= 80


def test_lines_where_there_is_no_terminal(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    store, run = Store(lpad.db), submitted(lpad, tmp_path, run_spec())
    words = [ALFLOW, "status", "--watch", "--every", "0.3", "--launchpad", str(lpad_file)]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    store.put_cycle(run, cycle(0, fmax=0.7))
    lines.append(process.stdout.readline())
    time.sleep(1.0)  # nothing changes: nothing is said
    store.put_cycle(run, end_of(1))
    rest, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    lines += rest.splitlines(keepends=True)
    assert len(lines) == 3
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  " + run, line) for line in lines)
    assert "fmax 0.7000 (target 0.05) eV/Å" in lines[1]
    assert "CONVERGED" in lines[2]
    assert "\x1b" not in "".join(lines)


def test_nothing_to_watch_and_a_document_without_an_end(lpad_file: Path, tmp_path: Path) -> None:
    on = ("--launchpad", str(lpad_file))
    done = alflow("status", "--watch", *on, cwd=tmp_path)
    assert (done.returncode, "no runs yet" in done.stdout) == (0, True)
    done = alflow("campaign", "status", "--watch", *on, cwd=tmp_path)
    assert (done.returncode, "no campaigns yet" in done.stdout) == (0, True)
    for words in (("status",), ("campaign", "status")):
        assert "--watch and --json" in refusal(*words, "--watch", "--json", *on, cwd=tmp_path)
    assert "is not in this database" in refusal("status", "nobody", "--watch", *on, cwd=tmp_path)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalMongo]:
    """A database of one's own, as commands find it, that can be stopped."""
    monkeypatch.setenv("AL_WORKFLOWS_DATA", str(tmp_path / "data"))
    local = LocalMongo(tmp_path / "data" / "mongo")
    local.start()
    yield local
    discard(local)


def test_a_database_that_is_away_for_a_while(own: LocalMongo, tmp_path: Path) -> None:
    lpad = connect(resolve())
    run = submitted(lpad, tmp_path, run_spec())
    Store(lpad.db).put_cycle(run, cycle(0, fmax=2.0))
    lpad.connection.close()
    words = [ALFLOW, "status", "--watch", "--every", "0.3"]
    piped = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert piped.stdout is not None
    first = piped.stdout.readline()  # it has looked for the first time, which would start the database
    with Terminal([*words[:2], run, *words[2:]], tmp_path) as terminal:
        terminal.shows("2.0000")
        own.stop()
        frame = terminal.shows("the database has not answered for")
        assert any("2.0000" in line for line in frame)  # what was seen last is still there
        time.sleep(1.0)
        assert own.status().state.value == "stopped"  # nobody has started it
        own.start()
        terminal.until(lambda: "has not answered" not in "".join(terminal.frames[-2]))
        lpad = connect(resolve())
        Store(lpad.db).put_cycle(run, end_of(1))
        lpad.connection.close()
        assert terminal.end() == 0
    said, _ = piped.communicate(timeout=30)
    assert piped.returncode == 0
    lines = [line.split("  ", 1)[1] for line in (first + said).splitlines()]
    assert lines[0].startswith(run)
    assert lines[1].startswith("the database does not answer; trying again: ")
    assert lines[2] == "the database is back"
    assert "CONVERGED" in lines[3]
