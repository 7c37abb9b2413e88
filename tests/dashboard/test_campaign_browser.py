"""The pages of campaigns in a real browser: by keyboard, as they go on, on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from fireworks import LaunchPad

from al_workflows.campaign.states import Limits, MemberState
from fw_specs.campaign_store import CampaignStore
from fw_specs.campaign_submit import submit_members
from tests.campaign.members import small_campaign
from tests.dashboard.browser import Watched
from tests.dashboard.world import MANY, SMALL

pytestmark = pytest.mark.browser


def query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def test_a_member_that_ends_is_seen_to_end_and_what_the_reader_types_stays(
    empty_address: str, browse: Callable[..., Watched], lpad: LaunchPad, tmp_path: Path
) -> None:
    members = small_campaign()
    submit_members(lpad, "new", members, tmp_path, Limits())
    page = browse(empty_address).open("/campaign/new")
    assert "0 of 4 members have ended" in page.inner_text("#head")
    page.get_by_label("key contains").fill("fc")
    values = {"calls": 7, "fmax": 0.02, "energy": -1.0, "seconds": 3.0, "cycles": 2, "failed": 0, "result": {}}
    CampaignStore(lpad.db).put_end(members[2].run, MemberState.CONVERGED, "all is well", values)
    row = page.locator("#members tbody tr", has_text=members[2].key)
    row.get_by_text("converged").wait_for()
    assert "all is well" in row.inner_text()
    assert "1 of 4 members have ended" in page.inner_text("#head")
    assert page.get_by_label("key contains").input_value() == "fc"
    page.get_by_label("key contains").press("Enter")
    page.wait_for_url("**q=fc*")
    assert page.locator("#members tbody tr").count() == 1


def test_the_table_is_sorted_filtered_and_turned_by_keyboard_and_the_address_says_how(
    world_address: str, browse: Callable[..., Watched]
) -> None:
    page = browse(world_address).open(f"/campaign/{MANY}")
    page.get_by_label("bulk").focus()
    page.keyboard.type("Cu")
    page.get_by_role("button", name="Show").press("Enter")
    page.wait_for_url("**bulk=Cu*")
    assert query(page.url) == {"bulk": "Cu"}  # what is left empty is not there
    page.get_by_role("columnheader", name="DFT calls").get_by_role("link").press("Enter")
    page.wait_for_url("**sort=calls*")
    assert query(page.url) == {"bulk": "Cu", "sort": "calls"}
    assert page.get_by_role("columnheader", name="DFT calls").get_attribute("aria-sort") == "ascending"
    page.get_by_role("link", name="next").press("Enter")
    page.wait_for_url("**page=2*")
    assert query(page.url) == {"bulk": "Cu", "sort": "calls", "page": "2"}
    keys = page.locator("#members tbody th").all_inner_texts()
    assert len(keys) == 100
    assert all(key.startswith("Cu-") for key in keys)
    page.go_back()
    page.wait_for_url(lambda url: "page" not in url)


def test_a_cell_of_the_map_leads_to_its_members(world_address: str, browse: Callable[..., Watched]) -> None:
    page = browse(world_address).open(f"/campaign/{SMALL}")
    page.locator("table.map").get_by_role("link", name="2/2").press("Enter")
    page.wait_for_url("**adsorbate=O*")
    assert sorted(page.locator("#members tbody th").all_inner_texts()) == ["Cu-111-O-fcc", "Cu-111-O-hcp"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", [SMALL, MANY])
def test_a_campaign_s_page_is_accessible_fits_a_phone_and_draws_its_figures(
    name: str, scheme: str, world_address: str, browse: Callable[..., Watched]
) -> None:
    for settings in ({}, {"viewport": {"width": 390, "height": 800}}):
        window = browse(world_address, color_scheme=scheme, **settings)
        window.open(f"/campaign/{name}")
        assert window.draw_figures() >= 3
        assert window.serious() == []
        assert not window.wide()


def test_without_scripts_all_is_there(world_address: str, browse: Callable[..., Watched]) -> None:
    page = browse(world_address, java_script_enabled=False).open(f"/campaign/{SMALL}")
    page.get_by_label("adsorbate").select_option("O")
    page.get_by_role("button", name="Show").click()
    assert query(page.url)["adsorbate"] == "O"
    assert page.locator("#members tbody tr").count() == 2
    assert page.locator("figure img").count() == 5
