"""The page: it stands alone, shows what the run is, escapes what is in it, and is there for a run in any state."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from al_workflows.analysis.gallery import BAND_GALLERY, GALLERY, MD_GALLERY
from al_workflows.analysis.report import duration, settings, write_report
from al_workflows.history import RunHistory
from al_workflows.records import LabelStatus, Rejection
from al_workflows.spec_file import parse_spec
from tests.builders import cycle, label, run_spec, slab

VOID = {"meta", "img", "source", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """A reader that is not a browser: tags in balance, addresses, and the text that a reader sees."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "srcset", "href", "data", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def read(history: RunHistory, directory: Path) -> Page:
    return Page(write_report(history, directory).read_text())


@pytest.fixture(scope="module")
def written(history: RunHistory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("report")
    write_report(history, directory)
    return directory


def test_the_page_needs_nothing_else(written: Path) -> None:
    html = (written / "report.html").read_text()
    page = Page(html)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert len(page.addresses) == 2 * len(GALLERY)  # light and dark
    for address in page.addresses:
        kind, _, content = address.partition("base64,")
        assert kind == "data:image/png;"
        assert base64.b64decode(content).startswith(b"\x89PNG")
    assert not re.search(r"url\(|@import|https?://", html)
    assert "prefers-color-scheme: dark" in html
    files = {path.name for path in written.iterdir()}
    assert files == {"report.html"} | {
        f"{entry.name}.{kind}" for entry in GALLERY for kind in ("png", "svg", "pdf", "csv")
    }


def test_the_page_says_what_the_run_is(history: RunHistory, written: Path) -> None:
    text = Page((written / "report.html").read_text()).text
    answer, verdict = history.answer, history.verdict
    assert answer is not None
    assert verdict is not None
    expected = [
        *(history.run, "CONVERGED", verdict.reason, f"{answer.energy:.4f} eV", "scf_not_converged", "it broke"),
        *("somewhere", "the starting structure", "final_uncertainty", answer.dft_hash, answer.code, "numpy"),
        *(one.key.partition("/")[2] for one in history.labels),
    ]
    for piece in expected:
        assert piece in text, piece
    for several in history.rejected.values():
        assert all(one.reason in text for one in several)


NASTY = "<script>alert('&')</script>\"><img src=x onerror=alert(1)>"


def test_what_the_run_holds_is_escaped(history: RunHistory, tmp_path: Path) -> None:
    first = history.labels[1]
    broken = label(
        first.atoms,
        status=LabelStatus.CRASHED,
        request=replace(first.request, strategy=NASTY, reason=NASTY),
        cause=NASTY,
        directory=NASTY,
        code=NASTY,
        dft_hash=NASTY,
    )
    spec = parse_spec(
        {
            "structure": NASTY,
            "simulation": {"kind": "relaxation"},
            "dft": {"kind": "ase", "calculator": "a.B", "arguments": {NASTY: NASTY}},
        }
    )
    closed = replace(cycle(0), verdict=replace(cycle(0).verdict, reason=NASTY))
    nasty = RunHistory(
        run=NASTY,
        spec=spec,
        start=first.atoms,
        cycles=(closed,),
        labels=(broken,),
        rejected={1: (Rejection(3, NASTY),)},
        state=NASTY,
        remark=NASTY,
        created=NASTY,
        versions={NASTY: NASTY},
    )
    page = read(nasty, tmp_path)
    assert "script" not in page.tags
    assert page.text.count(NASTY) >= 12
    assert all(address.startswith("data:image/png;") for address in page.addresses)


def test_a_run_in_any_state_has_a_page(history: RunHistory, tmp_path: Path) -> None:
    nothing = RunHistory("fresh", run_spec(), slab(), state="WAITING")
    text = read(nothing, tmp_path / "nothing").text
    assert "WAITING" in text
    assert all(f"{entry.title}: {entry.missing}" in text for entry in GALLERY)
    assert "No single point has come back yet" in text
    one = replace(nothing, labels=(label(slab()),), cycles=(cycle(0),), state="RUNNING")
    assert "RUNNING" in read(one, tmp_path / "one").text
    failed = replace(nothing, labels=(label(slab(), status=LabelStatus.TIMED_OUT),), state="FAILED")
    assert "timed_out" in read(failed, tmp_path / "failed").text
    bare = replace(history, pools={}, rejected={}, versions={})
    text = read(bare, tmp_path / "bare").text
    assert sum(f"{entry.title}: {entry.missing}" in text for entry in GALLERY) == 3
    assert "no relaxation on a model has been kept" in text


def test_a_new_report_takes_the_place_of_the_old_one(history: RunHistory, tmp_path: Path) -> None:
    write_report(replace(history, pools={}), tmp_path)
    write_report(RunHistory("fresh", run_spec(), slab()), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_figures_of_another_kind_of_run_do_not_stay_behind(history: RunHistory, tmp_path: Path) -> None:
    others = {entry.name for entry in (*BAND_GALLERY, *MD_GALLERY)} - {entry.name for entry in GALLERY}
    assert len(others) > 5
    for name in others:
        (tmp_path / f"{name}.png").touch()
    write_report(history, tmp_path)
    assert not {path.stem for path in tmp_path.glob("*.png")} & others


def test_settings_are_a_run_file_again() -> None:
    import yaml

    potential = {"members": 5, "prior": {"kind": "none"}, "training": {"kind": "paper", "epochs": 3}}
    spec = run_spec(query={"kind": "random"}, potential=potential, dft={"kind": "gpaw", "parameters": {"xc": "PBE"}})
    for defaults in (False, True):
        assert parse_spec(yaml.safe_load(settings(spec, defaults=defaults))) == spec
    assert "kind: relaxation" in settings(spec, defaults=False)
    assert "max_cycles" not in settings(spec, defaults=False)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0, "0.0 s"), (119.0, "119.0 s"), (150, "2.5 min"), (9000, "2.5 h"), (1e6, "11.6 d")]
)
def test_durations_read_well(seconds: float, said: str) -> None:
    assert duration(seconds) == said
