"""Crystals of the Materials Project, from replies written by hand in the form that its documentation gives.

No reply was recorded from the project itself: the tests have no key and no network.
"""

from __future__ import annotations

import json
import urllib.error
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from ase import Atoms

from al_workflows.campaign.materials_project import MaterialsProject
from al_workflows.campaign.members import plan_campaign
from al_workflows.errors import InputError
from launchpad.campaign_file import materials_project
from tests.campaign.plans import campaign, keys, skipped

HALF = 1.8
COPPER: dict[str, Any] = {
    "@module": "pymatgen.core.structure",
    "@class": "Structure",
    "charge": 0,
    "lattice": {"matrix": [[0.0, HALF, HALF], [HALF, 0.0, HALF], [HALF, HALF, 0.0]]},
    "sites": [{"species": [{"element": "Cu", "occu": 1}], "abc": [0.0, 0.0, 0.0], "label": "Cu"}],
}
REPLY = json.dumps({"data": [{"material_id": "mp-30", "structure": COPPER}], "meta": {"total_doc": 1}})
KEY = "a-secret-key"


def source(directory: Path, reply: str | Exception, asked: list[str], key: str | None = KEY) -> MaterialsProject:
    def answer(url: str, headers: dict[str, str]) -> str:
        assert headers["X-API-KEY"] == KEY
        asked.append(url)
        if isinstance(reply, Exception):
            raise reply
        return reply

    return MaterialsProject(key, directory, answer)


def test_a_crystal_is_asked_for_once_and_kept_without_the_key(tmp_path: Path) -> None:
    asked: list[str] = []
    atoms = source(tmp_path, REPLY, asked)("mp-30")
    assert isinstance(atoms, Atoms)
    assert atoms.get_volume() == pytest.approx(2 * HALF**3)
    assert len(asked) == 1
    assert "mp-30" in asked[0]
    assert KEY not in asked[0]
    again = source(tmp_path, RuntimeError("not asked"), asked, key=None)("mp-30")
    assert again == atoms
    assert [path.name for path in tmp_path.iterdir()] == ["mp-30.json"]
    assert KEY not in (tmp_path / "mp-30.json").read_text()


def test_its_members(tmp_path: Path) -> None:
    plan = plan_campaign(campaign(tmp_path, bulks=[{"mp_id": "mp-30"}]), source(tmp_path, REPLY, []))
    assert keys(plan) == ["gas-O", "mp30-111-t0", "mp30-111-t0-O-hollow1", "mp30-111-t0-O-hollow2"]
    assert plan.members[1].start.cell.lengths()[0] == pytest.approx(2 * HALF * 2**0.5)


def http(code: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("https://example", code, "no", Message(), None)


def changed(**changes: Any) -> str:
    return json.dumps({"data": [{"material_id": "mp-30", "structure": COPPER | changes}]})


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (http(403), "refuses the key"),
        (http(500), "HTTP 500"),
        (urllib.error.URLError("no route"), "cannot be reached"),
        (TimeoutError("slow"), "cannot be reached"),
        ('{"data": []}', "no such material"),
        ("<html>", "holds no structure"),
        (json.dumps({"data": [{"material_id": "mp-31", "structure": COPPER}]}), "holds no structure"),
        (changed(sites=[{"species": [{"element": "Cu", "occu": 0.5}], "abc": [0, 0, 0]}]), "in part"),
        (changed(sites=[{"species": [{"element": "Qq", "occu": 1}], "abc": [0, 0, 0]}]), "holds no structure"),
    ],
)
def test_what_goes_wrong_is_why_the_bulk_is_left_out(reply: str | Exception, said: str, tmp_path: Path) -> None:
    spec = campaign(tmp_path, bulks=[{"mp_id": "mp-30"}, "Cu"])
    plan = plan_campaign(spec, source(tmp_path, reply, []))
    assert said in skipped(plan)["mp30"]
    assert KEY not in skipped(plan)["mp30"]
    assert "Cu-111-t0" in keys(plan)
    assert not list(tmp_path.iterdir())


def test_the_key_is_the_environments(tmp_path: Path) -> None:
    spec = campaign(tmp_path)
    assert materials_project(spec, {"MP_API_KEY": "a", "PMG_MAPI_KEY": "b"}).key == "a"
    assert materials_project(spec, {"PMG_MAPI_KEY": "b"}).key == "b"
    without = materials_project(spec, {})
    with pytest.raises(InputError, match="MP_API_KEY and PMG_MAPI_KEY are not set"):
        without("mp-30")
