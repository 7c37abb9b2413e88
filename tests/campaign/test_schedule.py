"""Whose turn it is: waves, fair share, priorities, and a budget that is spent on what is nearest to its end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from al_workflows.campaign.schedule import BUDGET, TEACHER, TURN, Entry, calls_to_go, decide, wave_of
from al_workflows.campaign.states import Limits, MemberState
from al_workflows.errors import InputError

WAITING, UNDER_WAY, HELD = MemberState.WAITING, MemberState.UNDER_WAY, MemberState.HELD
ALL = Limits(at_once=None)


def entry(key: str, state: MemberState = WAITING, group: str = "Cu|O", **changes: Any) -> Entry:
    number = int("".join(letter for letter in key if letter.isdigit()) or 0)
    return Entry(key, state, group, order=changes.pop("order", number), **changes)


def group(name: str, size: int, first: int = 0) -> list[Entry]:
    return [entry(f"{name}{first + i}", group=name, wave=wave_of(i), order=first + i) for i in range(size)]


def test_waves_double() -> None:
    assert [wave_of(position) for position in range(8)] == [0, 1, 1, 2, 2, 2, 2, 3]


def test_the_first_of_each_group_teaches_the_others() -> None:
    members = group("a", 4) + group("b", 2, first=4)
    turn = decide(members, ALL)
    assert turn.begin == ("a0", "b4")
    assert set(turn.waiting) == {"a1", "a2", "a3", "b5"}
    assert set(turn.waiting.values()) == {TEACHER}
    taught = [replace(one, state=UNDER_WAY) if one.key == "b4" else one for one in members if one.key != "a0"]
    assert decide(taught, ALL).begin == ("a1", "a2")


@pytest.mark.parametrize("state", [HELD, MemberState.STOPPED, MemberState.PAUSED, MemberState.CANCELLED])
def test_a_teacher_that_is_parked_keeps_nobody_waiting(state: MemberState) -> None:
    members = [replace(one, state=state) if one.key == "a0" else one for one in group("a", 3)]
    limits = Limits(at_once=None, dft_calls=None)
    assert set(decide(members, limits).begin) >= ({"a1", "a2"} if state is not HELD else set())


def test_groups_share_what_runs_at_once_and_priority_comes_first() -> None:
    members = [entry(f"a{i}", group="a") for i in range(6)] + [entry(f"b{i}", group="b", order=6 + i) for i in range(3)]
    turn = decide(members, Limits(at_once=4))
    assert turn.begin == ("a0", "b0", "a1", "b1")
    assert set(turn.waiting.values()) == {TURN}
    urgent = [*members, entry("c9", group="c", priority=5)]
    assert decide(urgent, Limits(at_once=1)).begin == ("c9",)


def test_a_teacher_is_as_urgent_as_its_pupil() -> None:
    members = [entry("a0", group="a"), *group("b", 2, first=1)]
    members[-1] = replace(members[-1], priority=3)
    assert decide(members, Limits(at_once=1)).begin == ("b1",)


def test_idle_workers_are_worth_more_than_teachers() -> None:
    assert decide(group("a", 8), Limits(at_once=None, at_least=3)).begin == ("a0", "a1", "a2")


def test_without_waves_nobody_waits_for_a_teacher() -> None:
    assert decide(group("a", 4), replace(ALL, waves=False)).begin == ("a0", "a1", "a2", "a3")


def test_a_budget_that_is_enough_changes_nothing() -> None:
    members = group("a", 5) + group("b", 5, first=5) + [entry("c10", UNDER_WAY, "c", calls=3)]
    enough = replace(ALL, dft_calls=1000)
    assert replace(decide(members, enough, 3), look_again=None) == decide(members, ALL)


def test_a_low_budget_begins_nothing_new_and_goes_on_with_what_is_nearest_to_its_end() -> None:
    near = entry("near1", UNDER_WAY, calls=6, fmax=0.06, target=0.05)
    far = entry("far2", UNDER_WAY, calls=6, fmax=2.0, target=0.05)
    new = entry("new3", group="other")
    turn = decide([far, near, new], replace(ALL, dft_calls=14), spent=12, usual=10)
    assert turn.begin == ()
    assert set(turn.hold) == {"far2"}
    assert "12 of 14 calls" in turn.hold["far2"]
    assert turn.waiting == {"new3": BUDGET}
    assert turn.look_again == 13
    assert set(decide([far, near, new], replace(ALL, dft_calls=14), spent=14, usual=10).hold) == {"far2", "near1"}


def test_of_equals_the_promising_and_then_the_uncertain_go_on() -> None:
    same = {"calls": 2, "fmax": 0.4, "target": 0.05}
    dull = entry("dull1", UNDER_WAY, above_best=0.8, uncertainty=0.1, **same)
    promising = entry("promising2", UNDER_WAY, above_best=0.0, uncertainty=0.1, **same)
    uncertain = entry("uncertain3", UNDER_WAY, above_best=0.8, uncertainty=0.9, **same)
    limits = replace(ALL, dft_calls=20)
    assert set(decide([dull, uncertain, promising], limits, spent=16, usual=10).hold) == {"dull1", "uncertain3"}
    assert set(decide([dull, uncertain, promising], limits, spent=12, usual=10).hold) == {"dull1"}


def test_held_runs_go_on_when_there_is_money_again() -> None:
    held = [entry(f"h{i}", HELD, calls=4, fmax=0.1, target=0.05) for i in range(3)]
    assert decide(held, replace(ALL, dft_calls=10), spent=10).release == ()
    assert decide(held, replace(ALL, dft_calls=14), spent=10).release == ("h0", "h1")
    assert decide(held, Limits(at_once=1), spent=10).release == ("h0",)


def test_the_last_calls_are_spent_although_they_are_too_few_for_a_whole_run() -> None:
    assert decide([entry("a0")], replace(ALL, dft_calls=12), spent=10, usual=9).begin == ("a0",)
    assert decide([entry("a0")], replace(ALL, dft_calls=10), spent=10, usual=9).waiting == {"a0": BUDGET}


def test_calls_to_go_by_forces() -> None:
    assert calls_to_go(entry("a0"), 8) == 8
    assert calls_to_go(entry("a0", calls=30), 8) == 1
    assert calls_to_go(entry("a0", calls=2, fmax=0.05, target=0.05), 8) == 1
    assert calls_to_go(entry("a0", calls=2, fmax=0.2, target=0.05), 8) == pytest.approx(3)


@pytest.mark.parametrize("name", ["dft_calls", "at_once", "at_least"])
def test_limits_that_allow_nothing_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"`{name}` of a campaign is 0"):
        Limits(**{name: 0})


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.booleans()), min_size=1, max_size=25),
    st.one_of(st.none(), st.integers(1, 60)),
    st.integers(1, 6),
)
def test_a_campaign_always_comes_to_its_end(
    members: list[tuple[str, int, bool]], budget: int | None, at_once: int
) -> None:
    """Every member ends, or is left when the budget is spent; at most ``at_once`` are under way."""
    limits, position = Limits(budget, at_once), dict[str, int]()
    entries = dict[str, Entry]()
    for order, (name, priority, _) in enumerate(members):
        place = position.setdefault(name, 0)
        position[name] += 1
        entries[f"{name}{order}"] = entry(f"{name}{order}", group=name, wave=wave_of(place), priority=priority)
    spent, begun = 0, set[str]()
    for _ in range(1000):
        turn = decide(list(entries.values()), limits, spent)
        for key in turn.hold:
            entries[key] = replace(entries[key], state=HELD)
        for key in (*turn.release, *turn.begin):
            entries[key] = replace(entries[key], state=UNDER_WAY)
            begun.add(key)
        going = [one for one in entries.values() if one.state is UNDER_WAY]
        assert len(going) <= at_once
        if not going:
            break
        for one in going:  # each takes one more call; those that have had three end
            spent += 1
            entries[one.key] = replace(one, calls=one.calls + 1)
            if one.calls == 2:
                del entries[one.key]
    assert not any(one.state is UNDER_WAY for one in entries.values())
    assert not entries or (budget is not None and spent >= budget)
    if budget is not None:
        assert spent < budget + at_once
