"""What a page shows, in so few values that reading them is cheap: they differ when the page would."""

from __future__ import annotations

import time
from typing import Any

from fireworks import LaunchPad

from fw_specs.campaign_store import CampaignStore
from fw_specs.keys import ACTIONS, CAMPAIGNS, CYCLES, LABELS, LOSSES, MEMBERS, RUN, RUNS
from launchpad.dashboard.data.failures import FAILED_STATUSES, UNANSWERED

#: s after which the page of workers is looked at again in any case
TICK = 15
_TAKEN = {"_id": 0, "launch_id": 1, "state": 1}


def of_campaigns(launchpad: LaunchPad, _: str) -> Any:
    """All campaigns: what they are limited to and have spent, and how many members are in which state."""
    stages = [{"$group": {"_id": {"c": "$campaign", "s": "$state"}, "n": {"$sum": 1}, "calls": {"$sum": "$calls"}}}]
    counts = sorted(launchpad.db[MEMBERS].aggregate(stages), key=str)
    return [list(launchpad.db[CAMPAIGNS].find({}, {"skipped": 0})), counts]


def of_campaign(launchpad: LaunchPad, name: str) -> Any:
    """One campaign."""
    return [launchpad.db[CAMPAIGNS].find_one({"_id": name}), sorted(CampaignStore(launchpad.db).counts(name), key=str)]


def of_runs(launchpad: LaunchPad, _: str) -> Any:
    """All runs: how many there are, cycles closed, and Fireworks by state."""
    stages = [{"$match": {f"spec.{RUN}": {"$gt": ""}}}, {"$group": {"_id": "$state", "n": {"$sum": 1}}}]
    fireworks = sorted(launchpad.fireworks.aggregate(stages), key=str)
    numbers = [launchpad.db[name].estimated_document_count() for name in (RUNS, CYCLES, LABELS)]
    return [numbers, fireworks]


def of_run(launchpad: LaunchPad, run: str) -> Any:
    """One run: its labels and cycles, and when each of its Fireworks changed last."""
    database = launchpad.db
    fireworks = list(
        launchpad.fireworks.find({f"spec.{RUN}": run}, {"_id": 0, "fw_id": 1, "state": 1, "updated_on": 1})
    )
    cycles = list(database[CYCLES].find({"run": run}, {"seconds": 1, "closed.verdict.kind": 1}))
    held = database[RUNS].find_one({"_id": run}, {"held": 1})
    return [held, cycles, database[LABELS].count_documents({"run": run}), sorted(fireworks, key=str)]


def of_workers(launchpad: LaunchPad, _: str) -> Any:
    """Who runs and who waits."""
    where = {"state": {"$in": ["RUNNING", "RESERVED"]}}
    launches = sorted((one["launch_id"], one["state"]) for one in launchpad.launches.find(where, _TAKEN))
    # times go by, workers are lost and SLURM starts jobs without a word to the database
    return [launches, of_runs(launchpad, ""), int(time.time() // TICK)]


def of_failures(launchpad: LaunchPad, _: str) -> Any:
    """Labels that failed, losses, and Fireworks that ended in an error."""
    database = launchpad.db
    failed = database[LABELS].count_documents({"status": {"$in": list(FAILED_STATUSES)}})
    unanswered = database[CYCLES].count_documents({"closed.verdict.kind": {"$in": list(UNANSWERED)}})
    fizzled = launchpad.fireworks.count_documents({"state": "FIZZLED"})
    losses = database[LOSSES].estimated_document_count()
    last = database[LOSSES].find_one({}, {"reason": 1}, sort=[("_id", -1)])
    return [failed, unanswered, fizzled, losses, last]


def of_actions(launchpad: LaunchPad, _: str) -> Any:
    """The newest actions and what became of them."""
    newest = launchpad.db[ACTIONS].find({}, {"outcome": 1}).sort("at", -1).limit(50)
    return [launchpad.db[ACTIONS].estimated_document_count(), list(newest)]


def of_action(launchpad: LaunchPad, once: str) -> Any:
    """One of them."""
    return launchpad.db[ACTIONS].find_one({"_id": once}, {"outcome": 1})


FINGERPRINTS = {
    "campaigns": of_campaigns,
    "campaign": of_campaign,
    "runs": of_runs,
    "run": of_run,
    "workers": of_workers,
    "failures": of_failures,
    "actions": of_actions,
    "action": of_action,
}
