"""What the pages of campaigns read: the members, the table, the map, the pace and the lines as large as words."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pytest
from fireworks import LaunchPad

from al_workflows.campaign.states import Limits
from al_workflows.errors import InputError
from fw_specs.keys import CAMPAIGNS, MEMBERS
from launchpad.campaigns import read_results
from launchpad.dashboard.data.campaigns import campaign_row, read_campaigns
from launchpad.dashboard.data.member_table import Wanted, find_members, wanted
from launchpad.dashboard.data.members import read_forces, read_members
from launchpad.dashboard.data.pace import ENOUGH, read_pace
from launchpad.dashboard.data.spark import sparkline
from launchpad.dashboard.data.surface_map import surface_map
from tests.dashboard.world import MANY, SMALL, World

pytestmark = pytest.mark.workflow
NOW = datetime.datetime(2026, 1, 2, 12)


def test_the_members_are_those_of_the_results_with_their_adsorption_energies(world: World) -> None:
    members = read_members(world.launchpad, SMALL)
    results = read_results(world.launchpad, SMALL)
    assert [row.outcome.key for row in members.rows] == [entry.outcome.key for entry in results.entries]
    assert [row.entry.adsorption_energy for row in members.rows] == [
        entry.adsorption_energy for entry in results.entries
    ]
    assert sum(row.entry.adsorption_energy is not None for row in members.rows) == 2
    assert members.tags == ("bulk", "miller", "adsorbate", "site")
    assert all(row.ended is not None for row in members.rows)


def test_the_end_of_a_member_that_notes_none_is_that_of_its_last_check(world: World, lpad: LaunchPad) -> None:
    runs = [one["run"] for one in world.launchpad.db[MEMBERS].find({"campaign": SMALL})]
    for name in ("fireworks", "launches", MEMBERS, CAMPAIGNS):
        lpad.db[name].delete_many({})
        lpad.db[name].insert_many(list(world.launchpad.db[name].find({})))
    lpad.db[MEMBERS].update_many({"campaign": SMALL}, {"$unset": {"ended": 1}})
    noted = {row.outcome.run: row.ended for row in read_members(world.launchpad, SMALL).rows}
    for row in read_members(lpad, SMALL).rows:
        assert row.ended is not None
        known = noted[row.outcome.run]
        assert known is not None
        assert abs((row.ended - known).total_seconds()) < 60
    assert sorted(noted) == sorted(runs)


def test_an_unknown_campaign_is_refused(world: World) -> None:
    with pytest.raises(InputError, match="campaign 'none' is not in this database"):
        read_members(world.launchpad, "none")


def test_filters_count_what_each_choice_would_leave(world: World) -> None:
    members = read_members(world.launchpad, MANY)
    found = find_members(members, Wanted("", {"bulk": "Cu", "adsorbate": "CO"}), "order", False)
    assert {row.outcome.tags["bulk"] for row in found.rows} == {"Cu"}
    choices = {choice.name: dict(choice.options) for choice in found.choices}
    for metal, number in choices["bulk"].items():
        other = find_members(members, Wanted("", {"bulk": metal, "adsorbate": "CO"}), "order", False)
        assert len(other.rows) == number
    assert sum(choices["miller"].values()) == len(found.rows)
    everything = find_members(members, Wanted(), "order", False)
    assert len(everything.rows) == 3000
    assert sum(dict(next(one for one in everything.choices if one.name == "state").options).values()) == 3000


def test_text_is_found_in_keys_whatever_its_case_and_no_pattern_is_one(world: World) -> None:
    members = read_members(world.launchpad, MANY)
    assert {row.outcome.tags["bulk"] for row in find_members(members, Wanted("cu-111"), "order", False).rows} == {"Cu"}
    assert find_members(members, Wanted(".*"), "order", False).rows == []


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("sort", ["fmax", "energy", "ended", "calls", "member", "adsorption"])
def test_what_is_not_known_comes_last_either_way(world: World, sort: str, down: bool) -> None:
    from launchpad.dashboard.data.member_table import COLUMNS

    values = [
        COLUMNS[sort](row) for row in find_members(read_members(world.launchpad, MANY), Wanted(), sort, down).rows
    ]
    known: list[Any] = [value for value in values if value is not None]
    assert known == sorted(known, reverse=down)
    assert values[len(known) :] == [None] * (len(values) - len(known))


def test_an_address_asks_for_state_role_and_tags_alone() -> None:
    query = {"bulk": "Cu", "state": "FAILED", "q": " x ", "state[$ne]": "x", "$where": "1", "site": "", "other": "1"}
    assert wanted(query, ("bulk", "site", "sort")) == Wanted("x", {"state": "FAILED", "bulk": "Cu"})


def test_each_member_is_in_one_cell_of_the_map_that_finds_it(world: World) -> None:
    from urllib.parse import parse_qsl

    for name in (SMALL, MANY):
        members = read_members(world.launchpad, name)
        found = surface_map(members)
        cells = [cell for _, row in found.rows for cell in row if cell is not None]
        assert sum(cell.members for cell in cells) == len(members.rows)
        for cell in cells:
            want = wanted(dict(parse_qsl(cell.query)), members.tags)
            assert len(find_members(members, want, "order", False).rows) == cell.members
    small = surface_map(read_members(world.launchpad, SMALL))
    assert (small.columns, [head for head, _ in small.rows]) == (["clean", "O2", "O"], ["Cu 111", "gas phase"])


def test_the_head_of_one_campaign_is_its_card(world: World) -> None:
    cards = {row.campaign.name: row for row in read_campaigns(world.launchpad)}
    assert set(cards) == {SMALL, MANY}
    for name, card in cards.items():
        own = campaign_row(world.launchpad, name, read_members(world.launchpad, name))
        assert (own.states, own.calls, own.failed, own.state) == (card.states, card.calls, card.failed, card.state)
    assert cards[SMALL].state == "CONVERGED"
    assert cards[MANY].state == "RUNNING"


def ends(lpad: LaunchPad, hours_ago: list[float], calls: int = 4) -> None:
    documents = [
        {"_id": f"c/{place}", "campaign": "c", "state": "CONVERGED", "calls": calls, "ended": NOW - hour}
        for place, hour in enumerate(datetime.timedelta(hours=one) for one in hours_ago)
    ]
    lpad.db[MEMBERS].insert_many(documents)


def test_the_end_is_foretold_from_the_last_hours(lpad: LaunchPad) -> None:
    ends(lpad, [0.1 * n for n in range(1, 10)] + [20.0])
    states = {"CONVERGED": 10, "UNDER_WAY": 2, "WAITING": 16}
    found = read_pace(lpad, "c", NOW - datetime.timedelta(days=2), states, Limits(), 40, NOW)
    assert found is not None
    assert (found.hours, found.ended, found.members, found.calls) == (1.0, 9, 9.0, 36.0)
    assert found.end == NOW + datetime.timedelta(hours=2)
    assert "18 members are left" in found.basis
    short = read_pace(lpad, "c", NOW - datetime.timedelta(days=2), states, Limits(dft_calls=60), 40, NOW)
    assert short is not None
    assert "budget" in short.basis


@pytest.mark.parametrize(
    ("states", "hours", "why"),
    [
        ({"UNDER_WAY": 3}, [0.1] * (ENOUGH - 1), f"it takes {ENOUGH}"),
        ({"WAITING": 3}, [0.1] * ENOUGH, "no member is under way"),
        ({"PAUSED": 3}, [0.1] * ENOUGH, "no member is left"),
    ],
)
def test_without_evidence_no_end_is_foretold(
    lpad: LaunchPad, states: dict[str, int], hours: list[float], why: str
) -> None:
    ends(lpad, hours)
    found = read_pace(lpad, "c", NOW - datetime.timedelta(days=2), states, Limits(), 0, NOW)
    assert found is not None
    assert found.end is None
    assert why in found.basis


def test_a_young_campaign_s_pace_is_over_its_age(lpad: LaunchPad) -> None:
    ends(lpad, [0.1] * 6)
    found = read_pace(lpad, "c", NOW - datetime.timedelta(hours=0.5), {"UNDER_WAY": 1}, Limits(), 0, NOW)
    assert found is not None
    assert (found.hours, found.members) == (0.5, 12.0)
    assert read_pace(lpad, "other", NOW, {"UNDER_WAY": 1}, Limits(), 0, NOW) is None


def test_a_sparkline_stands_above_and_below_its_target_and_says_its_values() -> None:
    found = str(sparkline([(0, 0.5), (1, 0.05), (2, 0.005)], 0.05))
    assert 'aria-label="DFT fmax by cycle, eV/Å: 0.500, 0.050, 0.005; target 0.05"' in found
    target = float(re.findall(r'class="target".*?y1="([\d.]+)"', found)[0])
    heights = [float(pair.split(",")[1]) for pair in re.findall(r'points="(.*?)"', found)[0].split()]
    assert heights[0] < target  # SVG counts downwards
    assert heights[1] == pytest.approx(target, abs=0.1)
    assert heights[2] > target
    assert "done" in found
    assert "done" not in str(sparkline([(0, 0.5)], 0.05))
    assert str(sparkline([], 0.05)) == ""
    assert "target" not in str(sparkline([(0, 0.5), (3, 0.5)], None))


def test_the_forces_by_cycle_are_those_of_the_run(world: World) -> None:
    from fw_specs.store import Store

    run = world.relaxation
    known = [(one.index, one.fmax) for one in Store(world.launchpad.db).cycles(run) if one.fmax is not None]
    assert read_forces(world.launchpad, [run, "none"]) == {run: known}
