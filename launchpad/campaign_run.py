"""Work a campaign off on this machine: `rlaunch` processes, and an eye on whose turn it is, until nothing is left."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fireworks import LaunchPad

from al_workflows.campaign.states import MemberState
from al_workflows.errors import AlWorkflowsError, EnvironmentProblem
from fw_specs.campaign_store import CampaignStore
from fw_specs.campaign_turns import look_after
from fw_specs.keys import CAMPAIGN, RUN
from launchpad.campaign_status import CampaignStatus, read_status
from launchpad.runs import MAX_DEAD, MOVING
from launchpad.settings import Source
from launchpad.workers import crew_of, mend, mend_workflow, replace_dead

logger = logging.getLogger("alflow.campaign")
#: s between two looks at the workers, at the campaign, and s without anything that moves before it is put right
POLL, LOOK, STILL = 0.5, 15.0, 20.0
#: told where the campaign stands, whenever a member has ended or begun
Listener = Callable[[CampaignStatus], None]


def work_off_campaign(
    launchpad: LaunchPad, source: Source, name: str, workers: int, listener: Listener = lambda status: None
) -> CampaignStatus:
    """Run ``workers`` `rlaunch` processes on this machine until no member is under way and none can begin.

    What an earlier, interrupted call left is taken up. The workers take the campaign's Fireworks alone.

    Raises
    ------
    InputError
        There is no such campaign.
    EnvironmentProblem
        Workers ended again and again although there was work left; the message names their log.
    AlWorkflowsError
        Members are under way and nothing of them moves.
    """
    store = CampaignStore(launchpad.db)
    campaign = store.campaign(name)
    store.keep_busy(name, workers)
    for run in _under_way(store, name):
        for what in mend(launchpad, run):
            logger.warning("%s: %s", run, what)
    look_after(launchpad, name)
    log = campaign.directory / "workers.log"
    with crew_of(launchpad, source, _of_campaign(launchpad, store, name), workers, log) as crew:
        watch = _Watch(launchpad, store, name, listener)
        while not watch.over():
            watch.count_dead(len(crew.dead()), log)
            for what in replace_dead(launchpad, crew):
                logger.warning("%s", what)
            time.sleep(POLL)
    return read_status(launchpad, name)


class _Watch:
    """What is looked at while the workers work."""

    def __init__(self, launchpad: LaunchPad, store: CampaignStore, name: str, listener: Listener) -> None:
        self._launchpad, self._store, self._name, self._listener = launchpad, store, name, listener
        self._looked = self._moved = time.monotonic()
        self._told: dict[str, int] = {}
        self._dead = 0
        self._mended = False

    def over(self) -> bool:
        """Whether nothing is under way, and nothing can begin; tells, and puts right what stands still."""
        now, runs = time.monotonic(), _under_way(self._store, self._name)
        self._tell()
        moving = {f"spec.{RUN}": {"$in": runs}, "state": {"$in": [*MOVING]}}
        if runs and self._launchpad.fireworks.find_one(moving, {"_id": 1}) is not None:
            self._moved, self._mended = now, False
            if now - self._looked > LOOK:
                look_after(self._launchpad, self._name)
                self._looked = now
            return False
        look_after(self._launchpad, self._name)
        runs = _under_way(self._store, self._name)
        if runs and now - self._moved > STILL:
            if self._mended:
                raise AlWorkflowsError(
                    f"campaign {self._name} stands still: {len(runs)} members are under way, as {runs[0]}, and none of "
                    f"their Fireworks can run; `alflow recover {runs[0]}` looks what is wrong"
                )
            for run in runs:
                for what in mend_workflow(self._launchpad, run, force=True):
                    logger.warning("%s: %s", run, what)
            self._moved, self._mended = now, True
        return not runs

    def count_dead(self, dead: int, log: Path) -> None:
        """Give up where workers end and end and no member does."""
        self._dead += dead
        if self._dead > MAX_DEAD:
            raise EnvironmentProblem(f"the workers of campaign {self._name} end before it does; see {log}")

    def _tell(self) -> None:
        states = {key: number for key, number in self._store.states(self._name).items() if number}
        if states != self._told:
            if self._told:
                self._dead = 0
            self._told = states
            self._listener(read_status(self._launchpad, self._name))


def _under_way(store: CampaignStore, name: str) -> list[str]:
    return [one["run"] for one in store.begun(name) if one["state"] == MemberState.UNDER_WAY]


def _of_campaign(launchpad: LaunchPad, store: CampaignStore, name: str) -> dict[str, Any]:
    """A query of the campaign's Fireworks: those that it made, and those of runs that were there before it."""
    runs = [one["run"] for one in store.begun(name)]
    others = {f"spec.{RUN}": {"$in": runs}, f"spec.{CAMPAIGN}": {"$ne": name}}
    shared = launchpad.fireworks.distinct(f"spec.{RUN}", others) if runs else []
    return {"$or": [{f"spec.{CAMPAIGN}": name}, {f"spec.{RUN}": {"$in": sorted(shared)}}]}
