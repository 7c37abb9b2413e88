"""What an action will do, in words, before anybody presses the button."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from fireworks import LaunchPad

from al_workflows.campaign.states import MemberState
from fw_specs.campaign_store import CampaignStore
from fw_specs.keys import LABELS, RUN
from fw_specs.member_store import selection
from launchpad.dashboard.possible import CANCEL, PAUSE, RERUN, RESUME
from launchpad.held import read_held
from launchpad.slurm_queue import SlurmQueue

_RUN = {
    PAUSE: (
        "Nothing more of the run will start; what runs now ends as it would, and its result is kept.",
        "Jobs that wait in SLURM for it are cancelled.",
        "Resume lets it go on.",
    ),
    RESUME: ("What was paused may start again.",),
    CANCEL: (
        "Nothing more of the run will start, and its SLURM jobs are cancelled, waiting or running.",
        "Labels, models and files stay; rerun takes the run up again where it stopped.",
    ),
    RERUN: (
        "What fizzled or was cancelled runs again; its losses are counted anew.",
        "What is finished is not computed again.",
    ),
}
_CAMPAIGN = {
    PAUSE: ("None of these members will begin, and those under way are paused; what runs now ends as it would.",),
    RESUME: (
        "Those of these members that were paused go on.",
        "Where members are selected, cancelled ones and those that stopped by an error are taken up again too, and "
        "ones that ended without an answer start anew with another seed, once.",
    ),
    CANCEL: (
        "These members end, with their SLURM jobs; what these had not finished is lost.",
        "Labels, models and files stay; resume with a selection takes cancelled members up again.",
    ),
}


def of_run(launchpad: LaunchPad, run: str, verb: str) -> list[str]:
    """A sentence each."""
    said = list(_RUN[verb])
    counts: Counter[str] = Counter()
    group = [{"$match": {f"spec.{RUN}": run}}, {"$group": {"_id": "$state", "n": {"$sum": 1}}}]
    for one in launchpad.fireworks.aggregate(group):
        counts[one["_id"]] = one["n"]
    if verb in (PAUSE, CANCEL):
        running = list(read_held(launchpad, {f"spec.{RUN}": run, "state": "RUNNING"}))
        said += [_of_running(f"{one}", one.job, one.worker, one.host, verb) for one in running]
    if verb == PAUSE:
        waiting = sum(counts[state] for state in ("WAITING", "READY", "RESERVED"))
        said.append(f"{waiting} Fireworks wait and will not start.")
    if verb == CANCEL:
        said.append(f"{launchpad.db[LABELS].count_documents({'run': run})} labels are kept.")
    if verb == RESUME:
        said.append(f"{counts['PAUSED']} Fireworks are paused.")
    if verb == RERUN:
        said.append(f"{counts['FIZZLED']} Fireworks fizzled, {counts['DEFUSED']} were cancelled.")
    return said


def of_campaign(launchpad: LaunchPad, name: str, verb: str, where: Mapping[str, str]) -> list[str]:
    """A sentence each."""
    members = CampaignStore(launchpad.db).find(name, selection(where))
    states = Counter(MemberState(one["state"]) for one in members)
    counted = ", ".join(f"{number} {state.value.replace('_', ' ').lower()}" for state, number in sorted(states.items()))
    chosen = ", ".join(f"{key} = {value}" for key, value in where.items())
    fit = f"{sum(states.values())} members fit {chosen}" if chosen else f"All {sum(states.values())} members are meant"
    return [f"{fit}{': ' + counted if counted else ''}.", *_CAMPAIGN[verb]]


def _of_running(what: str, job: str | None, worker: str, host: str, verb: str) -> str:
    if verb == PAUSE:
        return f"{what} runs now, goes on to its end, and its result is kept."
    if job is not None and SlurmQueue.there():
        return f"{what} runs now: it is stopped in job {job}, and what it has not finished is lost."
    return f"{what} runs now with worker {worker} on {host}, in no job here: its result is kept, then it ends."
