"""The page of a single point: why it was asked for, what came of it, and its structure to turn around."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from fireworks import LaunchPad
from flask.testing import FlaskClient

from al_workflows.results import run_id
from al_workflows.structures import max_force
from fw_specs.store import Store
from fw_specs.submit import submit
from launchpad.dashboard.data.label import compare
from launchpad.dashboard.data.structure import drawing
from tests.builders import label, run_spec, slab
from tests.dashboard.browser import Watched
from tests.dashboard.conftest import asked
from tests.dashboard.test_run_page import text_of
from tests.dashboard.world import SCRIPT, World, work


def test_model_and_dft_are_compared() -> None:
    answered = label(slab(1.6, seed=3))
    assert answered.forces is not None
    assert compare(answered.request, answered) == []  # no model had been trained
    predicted = answered.forces.copy()
    predicted[-1] += (0.03, 0, 0)  # a free atom
    predicted[0] += 5  # a fixed one: counts nothing
    request = dataclasses.replace(answered.request, predicted_energy=1.0, predicted_forces=predicted, uncertainty=0.1)
    found = {one.name: one for one in compare(request, dataclasses.replace(answered, request=request))}
    assert found["energy"].difference == pytest.approx(1.0 - answered.energy)
    assert found["largest force on a free atom"].dft == pytest.approx(max_force(answered.atoms, answered.forces))
    assert found["force MAE of O"].difference == pytest.approx(0.01)
    assert found["largest force error of a free atom"].difference == pytest.approx(0.03)
    waiting = {one.name: one for one in compare(request, None)}
    assert (waiting["energy"].model, waiting["energy"].dft, waiting["energy"].difference) == (1.0, None, None)


def test_a_drawing_has_what_the_structure_has() -> None:
    water = molecule("H2O", vacuum=4.0)
    water.pbc = True
    found = drawing(water, np.ones((3, 3)), None)
    assert sorted(found["bonds"]) == [(0, 1), (0, 2)]
    assert [one["symbol"] for one in found["elements"]] == ["O", "H"]
    assert found["kinds"] == [0, 1, 1]
    assert found["elements"][0]["colour"] == "#ff0d0d"
    assert found["fixed"] == [False] * 3
    assert found["forces"] == {"dft": [[1.0] * 3] * 3, "model": None}
    assert np.allclose(found["cell"], water.cell.array, atol=1e-4)
    assert drawing(Atoms("H"), None, None)["cell"] is None
    surface = drawing(slab(), np.full((9, 3), np.nan), None)
    assert sum(surface["fixed"]) == 4
    assert surface["forces"]["dft"] is None


def test_an_answered_single_point(client: FlaskClient, world: World) -> None:
    labels = Store(world.launchpad.db).labels(world.relaxation)
    one = next(found for found in labels if found.cycle == 2 and found.ok)
    answer = client.get(f"/run/{world.relaxation}/label/2/{one.index}")
    said = text_of(answer.text).replace("&#39;", "'")
    assert answer.status_code == 200
    for words in (one.request.reason, one.code, one.dft_hash, one.directory, f"{one.energy:.4f}", "force MAE of O"):
        assert words in said
    assert "the model of cycle 2" in said
    assert 'rel="prev"' in answer.text
    assert 'rel="next"' in answer.text
    text = client.get(f"/run/{world.relaxation}/label/2/{one.index}.extxyz").text
    atoms = ase.io.read(io.StringIO(text), format="extxyz")
    assert atoms.info["REF_energy"] == pytest.approx(one.energy)
    drawn = client.get(f"/run/{world.relaxation}/label/2/{one.index}/structure.json").get_json()
    assert len(drawn["positions"]) == len(one.atoms) == len(drawn["forces"]["dft"]) == len(drawn["forces"]["model"])


def test_failed_single_points_name_cause_and_remedy(client: FlaskClient, world: World) -> None:
    for index, (status, remedy) in enumerate(
        [
            ("scf not converged", "scf_retries"),
            ("crashed", "own output is in"),
            ("geometry rejected", "min_distance"),
        ],
        start=20,
    ):
        answer = client.get(f"/run/{world.relaxation}/label/1/{index}")
        assert status in text_of(answer.text)
        assert remedy in text_of(answer.text)
        assert SCRIPT not in answer.text
    text = client.get(f"/run/{world.relaxation}/label/1/20.extxyz").text
    assert "REF_energy" not in text


def test_a_single_point_under_way_is_shown_and_gets_its_answer(
    lpad: LaunchPad, lpad_file: Path, tmp_path: Path
) -> None:
    spec, start = run_spec(), slab(2.4, seed=0)
    assert submit(lpad, spec, start, tmp_path / "work")
    run = run_id(spec, start)
    with asked(lpad_file) as client:
        answer = client.get(f"/run/{run}/label/0/0")
        assert "DFT has not answered yet" in answer.text
        assert "the starting structure" in answer.text
        drawn = client.get(f"/run/{run}/label/0/0/structure.json").get_json()
        assert np.allclose(drawn["positions"], start.positions, atol=1e-4)
        assert drawn["forces"] == {"dft": None, "model": None}
        text = client.get(f"/run/{run}/label/0/0.extxyz").text
        assert len(ase.io.read(io.StringIO(text), format="extxyz")) == len(start)
        work(lpad, tmp_path)
    with asked(lpad_file) as client:
        assert "DFT has not answered yet" not in client.get(f"/run/{run}/label/0/0").text


@pytest.mark.parametrize(
    "place", ["0/99", "99/0", "0/0.exe", "0/-1", "0/99999999999999999999", "0/..%2f..", "0/0/structure.exe"]
)
def test_single_points_that_are_none_are_not_found(place: str, client: FlaskClient, world: World) -> None:
    assert client.get(f"/run/{world.relaxation}/label/{place}").status_code == 404


@pytest.mark.browser
def test_the_structure_turns_by_keys_mouse_and_buttons(
    world: World, world_address: str, browse: Callable[..., Watched]
) -> None:
    window = browse(world_address)
    page = window.open(f"/run/{world.relaxation}/label/2/0")
    page.locator("canvas[data-drawn]").wait_for()
    canvas = page.locator("canvas")
    seen = [canvas.get_attribute("data-drawn")]

    def turned() -> bool:
        page.wait_for_timeout(100)
        seen.append(canvas.get_attribute("data-drawn"))
        return seen[-1] != seen[-2]

    for key in ("ArrowLeft", "ArrowUp"):
        canvas.press(key)
        assert turned()
    canvas.press("0")
    assert turned()
    assert seen[-1] == seen[0]
    box = canvas.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 20, steps=4)
    page.mouse.up()
    assert turned()
    page.get_by_role("button", name="top").click()
    assert turned()
    found = ""
    for step in range(20):
        page.mouse.move(box["x"] + box["width"] * (0.3 + 0.02 * step), y)
        if page.locator(".hover").is_visible():
            found = page.locator(".hover").inner_text()
            break
    assert "eV/Å" in found
    assert found.startswith("atom ")
    before = page.evaluate("document.querySelector('canvas').toDataURL()")
    page.get_by_label("model's forces").check()
    page.wait_for_timeout(100)
    assert page.evaluate("document.querySelector('canvas').toDataURL()") != before


@pytest.mark.browser
@pytest.mark.parametrize("place", ["2/0", "1/20", "0/0"])
def test_a_single_points_page_is_accessible_and_fits_a_phone(
    place: str, world: World, world_address: str, browse: Callable[..., Watched]
) -> None:
    for scheme, width in (("light", 1280), ("dark", 390)):
        window = browse(world_address, color_scheme=scheme, viewport={"width": width, "height": 900})
        page = window.open(f"/run/{world.relaxation}/label/{place}")
        page.locator("canvas[data-drawn]").wait_for()
        page.locator("#atom-table > summary").click()
        assert window.serious() == []
        assert not window.wide()
