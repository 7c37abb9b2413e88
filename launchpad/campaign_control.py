"""Pause, resume and cancel members of a campaign by what they are of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fireworks import LaunchPad

from al_workflows.campaign.states import MemberState
from al_workflows.errors import InputError
from fw_specs import campaign_turns, hold
from fw_specs.campaign_store import CampaignStore, Document
from fw_specs.campaign_submit import start_anew
from fw_specs.member_store import selection
from launchpad import control
from launchpad.slurm_queue import SlurmQueue

_UNBEGUN = {"begun": {"$ne": True}}
_GOING_ON = (MemberState.UNDER_WAY, MemberState.HELD)


def pause(launchpad: LaunchPad, name: str, where: Mapping[str, str], queue: SlurmQueue | None) -> list[str]:
    """Begin none of the members that fit ``where``, and pause those under way; what was done, in words.

    Raises
    ------
    InputError
        There is no such campaign, or no member that fits.
    """

    def one(store: CampaignStore, member: Document) -> str:
        if store.is_held(member["run"]):  # by the budget: now by hand
            store.set_state(name, member["key"], MemberState.PAUSED, "paused by hand")
            return "paused"
        control.pause(launchpad, member["run"], queue)
        store.set_state(name, member["key"], MemberState.PAUSED, "paused by hand")
        return "paused"

    return _change(launchpad, name, where, MemberState.PAUSED, [MemberState.WAITING], _GOING_ON, one)


def cancel(launchpad: LaunchPad, name: str, where: Mapping[str, str], queue: SlurmQueue | None) -> list[str]:
    """End the members that fit ``where`` and have not ended; what was done, in words.

    Raises
    ------
    InputError
        There is no such campaign, or no member that fits.
    """

    def one(store: CampaignStore, member: Document) -> str:
        control.cancel(launchpad, member["run"], queue)
        store.set_state(name, member["key"], MemberState.CANCELLED, "cancelled by hand")
        return "cancelled"

    states = [MemberState.WAITING, MemberState.PAUSED]
    begun = (*_GOING_ON, MemberState.PAUSED, MemberState.STOPPED)
    return _change(launchpad, name, where, MemberState.CANCELLED, states, begun, one)


def resume(launchpad: LaunchPad, name: str, where: Mapping[str, str]) -> list[str]:
    """Let members that were paused or cancelled go on, and take parked ones up again; what was done, in words.

    Where nothing is selected, those that were paused go on and no others. A run that stopped by an error is run again
    from there. One that ended without an answer starts anew with another seed, once.

    Raises
    ------
    InputError
        There is no such campaign, or no member that fits.
    """

    def one(store: CampaignStore, member: Document) -> str:
        key, run, state = member["key"], member["run"], MemberState(member["state"])
        if state.ended:
            if member.get("anew"):
                raise InputError("it was started anew before and ended the same way; change its settings")
            return f"starts anew as {start_anew(launchpad, name, member)}"
        if state is MemberState.PAUSED:
            hold.let_go(launchpad, run)
        else:
            control.rerun(launchpad, run)
        store.set_state(name, key, MemberState.UNDER_WAY)
        return "goes on"

    unbegun = [MemberState.PAUSED] + ([MemberState.CANCELLED, MemberState.STOPPED] if where else [])
    parked = [state for state in MemberState if state.parked]
    begun = [MemberState.PAUSED] + ([MemberState.CANCELLED, *parked] if where else [])
    return _change(launchpad, name, where, MemberState.WAITING, unbegun, begun, one)


_REASON = {MemberState.PAUSED: "paused by hand", MemberState.CANCELLED: "cancelled by hand", MemberState.WAITING: ""}


def _change(
    launchpad: LaunchPad,
    name: str,
    where: Mapping[str, str],
    becomes: MemberState,
    unbegun: Any,
    begun: Any,
    one: Callable[[CampaignStore, Document], str],
) -> list[str]:
    """Change members of states ``unbegun`` that have no run to ``becomes``, and do ``one`` with those of ``begun``."""
    store = CampaignStore(launchpad.db)
    store.campaign(name)
    chosen = selection(where)
    if next(store.find(name, chosen), None) is None:
        said = ", ".join(f"{key}={value}" for key, value in where.items())
        raise InputError(
            f"no member of campaign {name} fits {said or 'that'}; `alflow campaign results {name}` lists them"
        )
    done: list[str] = []
    with campaign_turns.alone(launchpad, name):
        states = {"$in": [state.value for state in unbegun]}
        number = store.set_states(name, {"$and": [chosen, {"state": states}, _UNBEGUN]}, becomes, _REASON[becomes])
        done += [f"{number} that had not begun: {becomes.value}"] if number else []
        with_run = {"state": {"$in": [state.value for state in begun]}, "begun": True}
        for member in list(store.find(name, {"$and": [chosen, with_run]})):
            try:
                done.append(f"{member['key']} ({member['run']}) {one(store, member)}")
            except InputError as error:  # of this member alone, as one that has ended meanwhile
                done.append(f"{member['key']} ({member['run']}) is left as it is: {error}")
    campaign_turns.look_after(launchpad, name)
    return done or [f"nothing to do: no member that fits is {' or '.join(sorted({*unbegun, *begun}))}"]
