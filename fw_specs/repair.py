"""What a worker that was killed between FireWorks' two writes leaves behind, and how it is put right.

FireWorks stores new Fireworks first and the workflow that names them second. In between, the Fireworks are orphans that
a worker would take and never finish, and the one that appended them is COMPLETED without its followers.
"""

from __future__ import annotations

from fireworks import LaunchPad

from al_workflows.records import VerdictKind
from fw_specs import links
from fw_specs.keys import CHECK, CYCLE, QUERY, RUN, STEP
from fw_specs.store import Store


def remove_orphans(launchpad: LaunchPad, run: str) -> list[str]:
    """Remove the run's Fireworks that belong to no workflow; what was done, in words.

    Only while the run's workflow is locked: a worker that is appending right now holds that lock.
    """
    named = {fw_id for wf in launchpad.workflows.find({f"metadata.{RUN}": run}, {"nodes": 1}) for fw_id in wf["nodes"]}
    stored = [fw["fw_id"] for fw in launchpad.fireworks.find({f"spec.{RUN}": run}, {"fw_id": 1})]
    orphans = [fw_id for fw_id in stored if fw_id not in named]
    if not orphans:
        return []
    launchpad.launches.delete_many({"fw_id": {"$in": orphans}})
    launchpad.fireworks.delete_many({"fw_id": {"$in": orphans}})
    return [f"removed {len(orphans)} Fireworks that belong to no workflow"]


def lacking_followers(launchpad: LaunchPad, run: str) -> dict[int, str]:
    """The last query or check if it is done and lacks its followers: id and, in words, which it is."""
    return {
        fw_id: f"{step} of cycle {cycle}"
        for fw_id, step, cycle in _completed(launchpad, run)
        if _lacks_followers(launchpad, run, fw_id, step, cycle)
    }


def append_again(launchpad: LaunchPad, lacking: dict[int, str]) -> list[str]:
    """Run those again; what was done, in words."""
    for fw_id in lacking:
        launchpad.rerun_fw(fw_id)
    return [f"{which} is run again: what it appended was lost" for which in lacking.values()]


def unrefreshed(launchpad: LaunchPad, run: str) -> list[int]:
    """Fireworks that are done and whose workflow does not know, and those that wait although all before them is done.

    In the order in which they are to be refreshed. Only while the run's workflow is locked.
    """
    done: list[int] = []
    waiting: list[int] = []
    for workflow in launchpad.workflows.find({f"metadata.{RUN}": run, "state": {"$ne": "COMPLETED"}}):
        known, parents = workflow["fw_states"], workflow["parent_links"]
        found = launchpad.fireworks.find({"fw_id": {"$in": workflow["nodes"]}}, {"fw_id": 1, "state": 1})
        states = {fw["fw_id"]: fw["state"] for fw in found}
        done += [fw_id for fw_id, state in states.items() if state == "COMPLETED" != known.get(str(fw_id))]
        waiting += [
            fw_id
            for fw_id, state in states.items()
            if state == "WAITING" and all(states.get(one) == "COMPLETED" for one in parents.get(str(fw_id), []))
        ]
    return [*done, *waiting]


def refresh(launchpad: LaunchPad, fw_ids: list[int]) -> list[str]:
    """Have FireWorks work out their states anew; what was done, in words."""
    for fw_id in fw_ids:
        launchpad._refresh_wf(fw_id)
    return [f"brought {len(fw_ids)} Fireworks up to date with their workflow"] if fw_ids else []


def _completed(launchpad: LaunchPad, run: str) -> list[tuple[int, str, int]]:
    """Fireworks that append others and are done: id, step and cycle, of the last cycle alone."""
    where = {f"spec.{RUN}": run, f"spec.{STEP}": {"$in": [QUERY, CHECK]}, "state": "COMPLETED"}
    shown = {"fw_id": 1, f"spec.{STEP}": 1, f"spec.{CYCLE}": 1}
    found = [(fw["fw_id"], fw["spec"][STEP], fw["spec"][CYCLE]) for fw in launchpad.fireworks.find(where, shown)]
    last = max((cycle for _, _, cycle in found), default=0)
    return [one for one in found if one[2] == last]


def _lacks_followers(launchpad: LaunchPad, run: str, fw_id: int, step: str, cycle: int) -> bool:
    store = Store(launchpad.db)
    if step == QUERY:
        selection = store.selection(run, cycle)
        return bool(selection and selection.requests) and not links.has_points(launchpad, fw_id, cycle)
    closed = store.cycles(run)
    going_on = len(closed) > cycle and closed[cycle].verdict.kind is VerdictKind.CONTINUE
    return going_on and not links.has_cycle(launchpad, fw_id, run, cycle + 1)
