"""The end of a code's output: only of the single point's own directory, never through a link, and not much of it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from al_workflows.claim import claimed_directory
from al_workflows.records import request_key
from launchpad.dashboard.data.log_tail import BYTES, LINES, read_tail

RUN = "test-12345678"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    found = claimed_directory(tmp_path / "work", RUN) / "0003" / "01" / "attempt_1"
    found.mkdir(parents=True)
    return found


def tail(place: Path, key: str = request_key(RUN, 3, 1)) -> tuple[str, tuple[str, ...], str]:
    found = read_tail(RUN, place.parents[2], key)
    return found.name, found.lines, found.why


def test_the_newest_output_is_shown(place: Path) -> None:
    (place / "stdout").write_text("older\n")
    os.utime(place / "stdout", (1, 1))
    (place / "espresso.pwo").write_text("\n".join(f"line {number}" for number in range(100)))
    (place / "stderr").write_text("")
    (place / "POTCAR").write_text("under licence")
    (place / "INCAR.json").write_text("{}")
    name, lines, why = tail(place)
    assert (name, why) == ("attempt_1/espresso.pwo", "")
    assert lines == tuple(f"line {number}" for number in range(100 - LINES, 100))


def test_inputs_are_never_shown(place: Path) -> None:
    for name in ("POTCAR", "INCAR", "request.json", "id_rsa", ".ssh"):
        (place / name).write_text("secret")
    assert tail(place) == ("", (), "the code has written no output there")


def test_a_large_file_is_read_from_its_end(place: Path) -> None:
    with (place / "gpaw.txt").open("wb") as file:
        file.seek(5 * 2**30)  # sparse
        file.write(b"\n" + b"x" * 100 + b"\nthe end\n")
    begun = time.monotonic()
    _, lines, _ = tail(place)
    assert lines == ("(no text)",)  # a hole is no text
    with (place / "gpaw.txt").open("r+b") as file:
        file.truncate(0)
        file.write(b"y" * (BYTES + 500) + b"\nthe end\n")
    assert tail(place)[1] == ("the end",)
    assert time.monotonic() - begun < 1


def test_links_are_not_followed(place: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (place / "stdout").symlink_to(secret)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "stdout").write_text("secret")
    (place.parent / "attempt_2").symlink_to(outside)
    os.mkfifo(place / "pipe.out")
    assert tail(place) == ("", (), "the code has written no output there")
    os.rename(place.parent, place.parent.with_name("moved"))
    place.parent.symlink_to(outside)
    assert "link" in tail(place)[2]


def test_a_directory_that_is_not_marked_as_the_runs_is_not_read(place: Path) -> None:
    (place / "stdout").write_text("secret")
    assert tail(place)[1] == ("secret",)
    (place.parents[2] / ".alflow-run").write_text("another\n")
    assert "not marked" in tail(place)[2]


@pytest.mark.parametrize("key", [f"{RUN}/../../etc", f"{RUN}/0003/..", "../../etc/passwd", f"{RUN}//", "x"])
def test_a_key_does_not_lead_out_of_the_directory(place: Path, key: str) -> None:
    (place / "stdout").write_text("secret")
    name, lines, why = tail(place, key)
    assert (name, lines) == ("", ())
    assert "must read <run>/<cycle>/<index>" in why


def test_control_characters_do_not_reach_the_page(place: Path) -> None:
    (place / "stdout").write_bytes(b"\x1b[31mred\x07\xff\n")
    assert tail(place)[1] == (" [31mred �",)


def test_a_directory_elsewhere_is_said_to_be_elsewhere(tmp_path: Path) -> None:
    assert "does not see" in read_tail(RUN, tmp_path / "nowhere", request_key(RUN, 0, 0)).why
