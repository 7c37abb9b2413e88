"""The page of a run: what it says of each kind, of what goes on and of what went wrong, and what can be taken away."""

from __future__ import annotations

import dataclasses
import io
import re
import time
from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import pytest
from fireworks import LaunchPad
from flask.testing import FlaskClient

from al_workflows.analysis.gallery import gallery_of
from al_workflows.records import Pool, Selection, StopReason, request_key
from al_workflows.results import run_id
from fw_specs.cycle import next_cycle
from fw_specs.keys import CHECK, DFT, QUERY, SIMULATE, TRAIN
from fw_specs.store import Store
from fw_specs.submit import submit
from launchpad.dashboard.app import create_app
from launchpad.dashboard.config import DashboardConfig
from launchpad.dashboard.data.run import read_run
from launchpad.settings import resolve
from launchpad.status import read_history
from tests.builders import cycle, label, run_spec, slab
from tests.dashboard.browser import Watched
from tests.dashboard.conftest import asked
from tests.dashboard.world import SCRIPT, World, work

KINDS = ("relaxation", "path", "dynamics")


def text_of(html: str) -> str:
    """What a page says, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_has_ended(kind: str, client: FlaskClient, world: World) -> None:
    run = getattr(world, kind)
    answer = client.get(f"/run/{run}")
    history = read_history(world.launchpad, run)
    said = text_of(answer.text)
    assert answer.status_code == 200
    assert history.verdict is not None
    assert "converged" in said
    assert history.verdict.reason in said.replace("&#39;", "'")
    for entry in gallery_of(history):
        assert f"/run/{run}/figure/{entry.name}.png" in answer.text
    for one in history.labels:
        assert f'href="/run/{run}/label/{one.cycle}/{one.index}"' in answer.text
    for name, _ in [("DFT calls", ""), ("seed", ""), ("Settings", ""), ("hash of the DFT settings", "")]:
        assert name in said
    assert f"DFT calls {history.dft_calls} " in said


def test_a_runs_fireworks_stand_in_the_order_in_which_they_run(world: World) -> None:
    view = read_run(world.launchpad, read_history(world.launchpad, world.relaxation))
    assert [row.cycle for row in view.rows] == sorted((row.cycle for row in view.rows), reverse=True)
    assert [step for step, _ in view.rows[0].steps][:3] == [TRAIN, SIMULATE, QUERY]
    assert [step for step, _ in view.rows[-1].steps] == [DFT, CHECK]
    boxes = [box for row in view.rows for box in row.boxes]
    assert {box.state for box in boxes} == {"COMPLETED"}
    assert all(box.seconds is not None and box.seconds >= 0 for box in boxes)
    assert all(box.waited is not None for box in boxes)
    assert len(boxes) == world.launchpad.fireworks.count_documents({"spec.al_run": world.relaxation})


@pytest.mark.parametrize("kind", KINDS)
def test_figures_are_there_as_files(kind: str, client: FlaskClient, world: World) -> None:
    run = getattr(world, kind)
    drawn = 0
    for entry in gallery_of(read_history(world.launchpad, run)):
        found = client.get(f"/run/{run}/figure/{entry.name}.json").get_json()
        if "missing" in found:
            assert found["missing"] == entry.missing
            assert client.get(f"/run/{run}/figure/{entry.name}.png").status_code == 404
            continue
        drawn += 1
        assert found["data"]
        begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "csv": b"panel,"}
        for ending, begin in begins.items() if entry.name in ("dft_force", "saddle_convergence", "timeline") else ():
            assert client.get(f"/run/{run}/figure/{entry.name}.{ending}").data.startswith(begin)
    assert drawn >= 5


def test_a_figure_that_has_not_changed_is_not_sent_again(client: FlaskClient, world: World) -> None:
    address = f"/run/{world.relaxation}/figure/dft_force.json"
    first = client.get(address)
    again = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    dark = client.get(f"{address}?theme=dark", headers={"If-None-Match": first.headers["ETag"]})
    assert dark.status_code == 200
    assert dark.data != first.data


def test_a_waiting_run_says_what_it_waits_for(client: FlaskClient, world: World) -> None:
    answer = client.get(f"/run/{world.waiting}")
    said = text_of(answer.text)
    assert "waits for a worker that takes dft" in said
    assert "DFT is asked for point 0 of cycle 0" in said
    assert "the starting structure" in said
    assert "No single point has come back yet" in said
    found = client.get(f"/run/{world.waiting}/figure/dft_force.json").get_json()
    assert found == {"missing": "no single point has been computed yet"}


def test_a_run_that_fizzled_names_cause_trace_and_remedy(client: FlaskClient, world: World) -> None:
    answer = client.get(f"/run/{world.fizzled}")
    said = text_of(answer.text)
    assert "fizzled" in said
    assert "is not marked as a run" in said
    assert "Traceback (most recent call last)" in said
    assert f"mend it, then alflow rerun {world.fizzled}" in said


def test_a_campaigns_run_names_it(client: FlaskClient, world: World) -> None:
    member = world.launchpad.db["al_members"].find_one({"campaign": "small", "begun": True})
    assert member is not None
    answer = client.get(f"/run/{member['run']}")
    assert 'href="/campaign/small"' in answer.text
    assert member["key"] in text_of(answer.text)


def test_causes_are_text(client: FlaskClient, world: World) -> None:
    answer = client.get(f"/run/{world.relaxation}")
    assert SCRIPT not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_the_beginning_of_an_id_leads_to_the_run(client: FlaskClient, world: World) -> None:
    answer = client.get(f"/run/{world.relaxation[:-3]}")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/run/{world.relaxation}"


@pytest.mark.parametrize("path", ["", "/figure/dft_force.json", "/report.html", "/labels.extxyz", "/label/0/0"])
def test_an_unknown_run_is_a_page_that_says_so(path: str, client: FlaskClient) -> None:
    answer = client.get(f"/run/nothing-12345678{path}")
    assert answer.status_code == 404
    assert "is not in this database" in answer.text


@pytest.mark.parametrize("name", ["nothing.png", "dft_force.exe", "..%2f..%2fetc%2fpasswd.png", "%2e%2e/x.png"])
def test_figures_that_are_none_are_not_found(name: str, client: FlaskClient, world: World) -> None:
    assert client.get(f"/run/{world.relaxation}/figure/{name}").status_code == 404


def test_what_can_be_taken_away(client: FlaskClient, world: World) -> None:
    history = read_history(world.launchpad, world.relaxation)
    labels = ase.io.read(io.StringIO(client.get(f"/run/{world.relaxation}/labels.extxyz").text), ":", format="extxyz")
    assert len(labels) == sum(one.ok for one in history.labels)
    answer = client.get(f"/run/{world.relaxation}/final.extxyz")
    final = ase.io.read(io.StringIO(answer.text), format="extxyz")
    assert history.answer is not None
    assert np.allclose(final.positions, history.answer.atoms.positions, atol=1e-7)
    assert final.info["REF_energy"] == pytest.approx(history.answer.energy)
    assert "attachment" in answer.headers["Content-Disposition"]
    assert client.get(f"/run/{world.waiting}/labels.extxyz").status_code == 404
    assert client.get(f"/run/{world.waiting}/final.extxyz").status_code == 404
    page = client.get(f"/run/{world.waiting}/report.html").text
    assert "WAITING" in page
    assert "<script" not in page


def large_run(launchpad: LaunchPad, directory: Path, cycles: int = 40, frames: int = 3000) -> str:
    """A run of dynamics with so many cycles and frames in each."""
    md = {"kind": "md", "steps": 60, "equilibration": 20, "stride": 5, "validation_frames": 4}
    spec, start = run_spec(name="large", simulation=md), slab(1.5)
    run, store = run_id(spec, start), Store(launchpad.db)
    store.add_run(run, spec, start, directory)
    positions = np.repeat(start.positions[None], frames, axis=0)
    many = Pool(
        start, positions, np.zeros(frames), np.zeros_like(positions), np.zeros(frames), StopReason.MAX_STEPS, ""
    )
    first = label(start)
    for number in range(cycles):
        store.put_seconds(run, number, "train", 0.1)
        store.put_selection(run, number, Selection(()))
        if number:
            store.put_pool(run, number, many)
            launchpad.add_wf(next_cycle(run, number, spec, directory))
        for index in range(8):
            request = dataclasses.replace(
                first.request,
                key=request_key(run, number, index),
                predicted_energy=0.0,
                predicted_forces=np.zeros((len(start), 3)),
                uncertainty=0.1,
            )
            store.put_label(run, dataclasses.replace(first, request=request))
        store.put_cycle(run, cycle(number, dft_calls=8))
    return run


def test_the_page_of_a_large_run_takes_less_than_a_second_and_loads_no_pool(
    lpad: LaunchPad, lpad_file: Path, tmp_path: Path
) -> None:
    run = large_run(lpad, tmp_path)
    app = create_app(DashboardConfig(resolve(lpad_file)), follow=False)
    client, histories = app.test_client(), app.extensions["alflow"].histories
    begun = time.thread_time()  # this thread's alone: other tests run beside this one
    answer = client.get(f"/run/{run}")
    first = time.thread_time() - begun
    assert answer.status_code == 200
    assert histories.used == 0
    assert answer.text.count('class="cycle-row"') == 39
    assert "19 earlier cycles" in text_of(answer.text)
    assert "280 earlier single points" in text_of(answer.text)
    begun = time.thread_time()
    client.get(f"/run/{run}")
    again = time.thread_time() - begun
    assert (first < 1.0, again < 1.0) == (True, True), (first, again)
    assert client.get(f"/run/{run}/figure/force_parity.json").status_code == 200
    assert histories.used == 0
    app.extensions["alflow"].database.close()


@pytest.mark.browser
@pytest.mark.parametrize("kind", [*KINDS, "waiting", "fizzled"])
def test_a_runs_page_draws_its_figures_and_is_accessible(
    kind: str, world: World, world_address: str, browse: Callable[..., Watched]
) -> None:
    for scheme, width in (("light", 1280), ("dark", 390)):
        window = browse(world_address, color_scheme=scheme, viewport={"width": width, "height": 900})
        window.open(f"/run/{getattr(world, kind)}")
        drawn = window.draw_figures()
        assert drawn >= (5 if kind in KINDS else 0)
        assert window.serious() == []
        assert not window.wide()


@pytest.mark.browser
def test_a_box_says_by_keyboard_what_its_firework_did(
    world: World, world_address: str, browse: Callable[..., Watched]
) -> None:
    page = browse(world_address).open(f"/run/{world.relaxation}")
    box = page.locator(".box", has_text="train").first
    box.focus()
    tip = page.locator(f"#{box.get_attribute('aria-describedby')}")
    assert tip.is_visible()
    assert re.match(r"Firework \d+: train of cycle \d+, completed · ran ", tip.inner_text())
    page.locator(".box", has_text="dft 0").first.press("Enter")
    page.get_by_role("heading", name="Single point 0").wait_for()


@pytest.mark.browser
def test_an_open_page_follows_its_run(
    empty_address: str, lpad: LaunchPad, tmp_path: Path, browse: Callable[..., Watched]
) -> None:
    """From its submission to its verdict, without a reload: what is opened stays open, figures draw themselves."""
    spec, start = run_spec(), slab(2.4, seed=0)
    assert submit(lpad, spec, start, tmp_path / "work")
    page = browse(empty_address).open(f"/run/{run_id(spec, start)}")
    page.evaluate("window.stays = true")
    figure = page.locator("#figure-dft_force")
    figure.locator("[data-empty]").wait_for()
    page.locator("#all-settings > summary").click()
    work(lpad, tmp_path)
    page.locator("h1 .state", has_text="converged").wait_for()
    page.locator("#ledger tbody tr").first.wait_for()
    figure.locator("[data-drawn]").wait_for()
    assert page.locator("#all-settings").get_attribute("open") is not None
    assert page.evaluate("window.stays") is True


def test_nothing_is_written(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    spec, start = run_spec(), slab()
    assert submit(lpad, spec, start, tmp_path / "work")

    def content() -> dict[str, list[object]]:
        return {name: list(lpad.db[name].find()) for name in lpad.db.list_collection_names()}

    before = content()
    with asked(lpad_file) as client:
        for path in ("", "/labels.extxyz", "/label/0/0", "/label/0/0/structure.json", "/figure/timeline.json"):
            client.get(f"/run/{run_id(spec, start)}{path}")
    assert content() == before
