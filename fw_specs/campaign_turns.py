"""Whose turn it is in a campaign, put into effect: by the check that ends a run, by a submission, by a supervisor.

No process has to watch: each end of a run begins what comes next. Whoever looks takes a lease; who comes meanwhile only
leaves word, and the holder looks once more. All that is done is worked out from what is stored, so a look that was
killed halfway is made good by the next.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fireworks import LaunchPad
from fireworks.core.launchpad import LockedWorkflowError

from al_workflows.campaign.schedule import Turn, decide
from al_workflows.campaign.states import MemberState
from al_workflows.errors import AlWorkflowsError, EnvironmentProblem, InputError
from al_workflows.records import Cycle, VerdictKind, atoms_from_dict
from al_workflows.results import RunResult, run_digest, run_id
from al_workflows.spec_file import parse_spec
from fw_specs import hold, lease
from fw_specs.campaign_store import CampaignStore, Document, StoredCampaign
from fw_specs.keys import CAMPAIGN, CYCLES, PRIORITY, RUN
from fw_specs.processes import local_worker_alive, process_name
from fw_specs.store import Store
from fw_specs.submit import submit

logger = logging.getLogger(__name__)

#: s that a look's lease lasts without being renewed
LEASE = 60.0
#: FireWorks' states of what somebody may still work on
_MOVING = frozenset({"READY", "RESERVED", "RUNNING"})
_OF_HELD = {"PAUSED": MemberState.PAUSED, "DEFUSED": MemberState.CANCELLED}
_BY_HAND = {MemberState.PAUSED: "paused by hand", MemberState.CANCELLED: "cancelled by hand"}
STOPPED = "a step ended in an error"


def after_check(launchpad: LaunchPad, run: str, cycles: Sequence[Cycle], result: RunResult | None = None) -> None:
    """Tell the campaigns of ``run``, if it is of any, where it stands; ``result``: it has ended.

    Nothing that goes wrong here is the run's: it is logged, shown by the campaign's status, and made good by the next
    look.
    """
    store = CampaignStore(launchpad.db)
    try:
        members = store.of_run(run)
        if members:
            _tell(launchpad, store, run, members, cycles, result)
    except Exception as error:
        logger.exception("the campaign of %s was not looked after", run)
        store.put_trouble(
            {member["campaign"] for member in store.of_run(run)},
            f"after the last check of {run}: {type(error).__name__}: {error}",
        )


def look_after_all(launchpad: LaunchPad) -> list[str]:
    """Look after every campaign; what was done, or went wrong, in words."""
    store, done = CampaignStore(launchpad.db), list[str]()
    for name in store.names():
        try:
            done += look_after(launchpad, name)
        except (AlWorkflowsError, LockedWorkflowError) as error:  # of this campaign, perhaps of this moment
            done.append(f"campaign {name} was not looked after: {error}")
            store.put_trouble({name}, str(error))
    return done


def look_after(launchpad: LaunchPad, name: str) -> list[str]:
    """Begin, hold and let go on what the schedule says, and take in what ended unnoticed; what was done, in words.

    Does nothing if another is at it, who then looks once more.
    """
    store, owner, done = CampaignStore(launchpad.db), _owner(), list[str]()
    store.ask(name)
    while True:
        asked, answered = store.asked(name)
        if asked == answered or not _take(store, name, owner):
            return done
        try:
            with lease.renewed(store.campaigns, name, owner, LEASE):
                done += _look(launchpad, store, name, asked)
        finally:
            lease.give_back(store.campaigns, name, owner)


@contextmanager
def alone(launchpad: LaunchPad, name: str, patience: float = 2 * LEASE) -> Iterator[None]:
    """Keep others from looking after the campaign while the block changes its members.

    Raises
    ------
    EnvironmentProblem
        Somebody looks after it for longer than ``patience`` (s).
    """
    store, owner, end = CampaignStore(launchpad.db), _owner(), time.monotonic() + patience
    while not _take(store, name, owner):
        if time.monotonic() > end:
            raise EnvironmentProblem(f"campaign {name} is looked after by another process all the time; try again")
        time.sleep(0.1)
    try:
        with lease.renewed(store.campaigns, name, owner, LEASE):
            yield
    finally:
        lease.give_back(store.campaigns, name, owner)


def _owner() -> str:
    return f"{process_name(os.getpid())}-{secrets.token_hex(4)}"  # threads of one process are several


def _take(store: CampaignStore, name: str, owner: str) -> bool:
    """Take the campaign's lease; one whose holder was killed on this machine need not run out first."""
    other = lease.holder(store.campaigns, name)
    if other is not None and local_worker_alive(other) is False:
        lease.give_back(store.campaigns, name, other)
    return lease.take(store.campaigns, name, owner, LEASE)


# --- what a check tells -----------------------------------------------------------------------------------------------


def _tell(
    launchpad: LaunchPad,
    store: CampaignStore,
    run: str,
    members: Sequence[Document],
    cycles: Sequence[Cycle],
    result: RunResult | None,
) -> None:
    calls = sum(cycle.dft_calls for cycle in cycles)
    campaigns = {member["campaign"]: calls - member.get("calls", 0) for member in members}
    if result is not None:
        put_end(store, result)
    else:
        store.put_progress(run, _progress(cycles) | {"uncertainty": store.uncertainty(run, cycles[-1].index)})
    for name, more in campaigns.items():
        spent, look_again = store.spend(name, more)
        if (result is not None and store.has_open(name)) or (look_again is not None and spent >= look_again):
            look_after(launchpad, name)


def _progress(cycles: Sequence[Cycle]) -> dict[str, Any]:
    known = [cycle for cycle in cycles if cycle.fmax is not None]
    return {
        "calls": sum(cycle.dft_calls for cycle in cycles),
        "cycles": len(cycles) - 1,
        "fmax": known[-1].fmax if known else None,
        "energy": known[-1].energy if known else None,
        "seconds": sum(sum(cycle.seconds.values()) for cycle in cycles),
    }


def put_end(store: CampaignStore, result: RunResult) -> None:
    """Store a run's end with the members that it is of."""
    found = result.summary()
    values = _progress(result.cycles) | {
        "fmax": found["fmax_eV_per_A"],
        "energy": found["energy_eV"],
        "failed": len(found["failures"]),
        "result": found,
    }
    store.put_end(result.run, MemberState(found["verdict"]), found["reason"], values)


# --- one look ---------------------------------------------------------------------------------------------------------


def _look(launchpad: LaunchPad, store: CampaignStore, name: str, asked: int) -> list[str]:
    campaign, done = store.campaign(name), list[str]()
    while True:
        done += _take_in(launchpad, store, name)
        limited = campaign.limits.dft_calls is not None
        spent, usual = store.spent(name) if limited else (None, None)
        turn = decide(store.entries(name), campaign.limits, spent or 0, usual)
        said, ended = _do(launchpad, store, campaign, turn)
        done += said
        if not ended:  # else those that were there already leave their places to others
            store.put_look(name, asked, Counter(turn.waiting.values()), spent, turn.look_again)
            return done


def _take_in(launchpad: LaunchPad, store: CampaignStore, name: str) -> list[str]:
    """Bring what the members say of their runs up to what is stored of these; what was done, in words."""
    begun = store.begun(name)
    runs = [member["run"] for member in begun]
    if not runs:
        return []
    done, ended, held, states = [], _ended(launchpad, runs), Store(launchpad.db).held(), _states(launchpad, runs)
    for run in sorted(ended):
        result = Store(launchpad.db).result(run)
        if result is not None:
            put_end(store, result)
            done.append(f"{run} had ended unnoticed: {result.verdict.kind.value}")
    for member in begun:
        run, now = member["run"], MemberState(member["state"])
        if run in ended:
            continue
        if now is MemberState.HELD and held.get(run) != "DEFUSED":
            if run not in held:  # let go on by hand, or by a look that was killed
                hold.let_go(launchpad, run)
                store.set_state(name, member["key"], MemberState.UNDER_WAY)
            elif "READY" in states[run]:
                hold.pause_ready(launchpad, run)
            continue
        is_now = _standing(held.get(run), states[run])
        if is_now is not now:
            reason = STOPPED if is_now is MemberState.STOPPED else _BY_HAND.get(is_now, "")
            store.set_state(name, member["key"], is_now, reason)
            done.append(f"{member['key']} ({run}) is {is_now.value}" + (f": {reason}" if reason else ""))
    return done


def _standing(held: str | None, states: set[str]) -> MemberState:
    """What a member does whose run exists and has no verdict."""
    if held is not None:
        return _OF_HELD[held]
    if "FIZZLED" in states and not states & _MOVING:
        return MemberState.STOPPED
    return MemberState.UNDER_WAY


def _ended(launchpad: LaunchPad, runs: Sequence[str]) -> set[str]:
    verdicts = [kind.value for kind in VerdictKind if kind is not VerdictKind.CONTINUE]
    where = {"run": {"$in": list(runs)}, "closed.verdict.kind": {"$in": verdicts}}
    return {found["run"] for found in launchpad.db[CYCLES].find(where, {"_id": 0, "run": 1})}


def _states(launchpad: LaunchPad, runs: Sequence[str]) -> Mapping[str, set[str]]:
    """The states of each run's Fireworks, but for those that are done."""
    states: defaultdict[str, set[str]] = defaultdict(set)
    where = {f"spec.{RUN}": {"$in": list(runs)}, "state": {"$in": ["FIZZLED", "PAUSED", *_MOVING]}}
    for found in launchpad.fireworks.find(where, {"_id": 0, f"spec.{RUN}": 1, "state": 1}):
        states[found["spec"][RUN]].add(found["state"])
    return states


def _do(launchpad: LaunchPad, store: CampaignStore, campaign: StoredCampaign, turn: Turn) -> tuple[list[str], bool]:
    """Put ``turn`` into effect: what was done, in words, and whether a member's run had been there before."""
    done, there = list[str](), False
    name, keys = campaign.name, [*turn.hold, *turn.release, *turn.begin]
    members = {member["key"]: member for member in store.find(name, {"key": {"$in": keys}})} if keys else {}
    for key, reason in turn.hold.items():
        # the member first: a run that is held while its member goes on counts as held by hand
        store.set_state(name, key, MemberState.HELD, reason)
        hold.hold(launchpad, members[key]["run"])
        done.append(f"{key} is held: {reason}")
    for key in turn.release:
        hold.let_go(launchpad, members[key]["run"])
        store.set_state(name, key, MemberState.UNDER_WAY)
        done.append(f"{key} goes on")
    for key in turn.begin:
        try:
            new = _begin(launchpad, store, campaign, members[key])
        except InputError as error:  # of this member alone: the others go on
            store.set_state(name, key, MemberState.STOPPED, str(error))
            done.append(f"{key} cannot begin: {error}")
            continue
        store.set_state(name, key, MemberState.UNDER_WAY, begun=True)
        there = there or not new
        done.append(f"{key} begins" if new else f"{key} is {members[key]['run']}, which was there already")
    return done, there


def _begin(launchpad: LaunchPad, store: CampaignStore, campaign: StoredCampaign, member: Document) -> bool:
    """Submit the member's run; whether it is new."""
    source, of = store.inputs(member["run"]), f"member {member['key']} of campaign {campaign.name}"
    if not member["run"].endswith(f"-{run_digest(source['spec'], source['start'], source['final'])}"):
        raise InputError(f"what {of} is made of was changed in the database; undo that, or submit the campaign again")
    spec, start = parse_spec(source["spec"], source=of), atoms_from_dict(source["start"])
    final = None if source["final"] is None else atoms_from_dict(source["final"])
    run = run_id(spec, start, final)
    if run != member["run"]:  # a newer version of this program has other defaults
        store.rename(campaign.name, member["key"], {**source, "_id": run, "spec": spec.model_dump(mode="json")})
    mark = {CAMPAIGN: campaign.name} | ({PRIORITY: member["priority"]} if member["priority"] else {})
    return submit(launchpad, spec, start, campaign.directory / run, final, mark)
