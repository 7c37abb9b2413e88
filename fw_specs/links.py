"""What already hangs behind a Firework: the guard that lets every task run twice without appending twice."""

from __future__ import annotations

from typing import Any

from fireworks import LaunchPad, Workflow
from pymongo.errors import DuplicateKeyError

from fw_specs.keys import CYCLE, DFT, FIRST_CYCLE, RUN, STEP


def has_points(launchpad: LaunchPad, fw_id: int, cycle: int) -> bool:
    """Whether the query ``fw_id`` has its single points behind it."""
    return any(child.get(STEP) == DFT and child.get(CYCLE) == cycle for child in _children(launchpad, fw_id))


def has_cycle(launchpad: LaunchPad, fw_id: int, run: str, cycle: int) -> bool:
    """Whether ``cycle`` hangs behind the check ``fw_id``, or begins a workflow of its own."""
    if any(child.get(CYCLE) == cycle for child in _children(launchpad, fw_id)):
        return True
    continued = {f"metadata.{RUN}": run, f"metadata.{FIRST_CYCLE}": cycle}
    return launchpad.workflows.find_one(continued, {"_id": 1}) is not None


def add_workflow(launchpad: LaunchPad, workflow: Workflow) -> bool:
    """Store ``workflow`` unless somebody has stored one for the same cycle of the same run; whether it was stored."""
    try:
        launchpad.add_wf(workflow)
    except DuplicateKeyError:
        # FireWorks stores the Fireworks before the workflow
        launchpad.fireworks.delete_many({"fw_id": {"$in": list(workflow.id_fw)}})
        return False
    return True


def nodes(launchpad: LaunchPad, fw_id: int) -> int:
    """Number of Fireworks in the workflow of ``fw_id``."""
    return len(launchpad.workflows.find_one({"nodes": fw_id}, {"nodes": 1})["nodes"])


def _children(launchpad: LaunchPad, fw_id: int) -> list[dict[str, Any]]:
    """The specs (run, cycle and step alone) of the Fireworks that wait for ``fw_id``."""
    found = launchpad.workflows.find_one({"nodes": fw_id}, {f"links.{fw_id}": 1})
    ids = found.get("links", {}).get(str(fw_id), [])
    shown = {f"spec.{key}": 1 for key in (RUN, CYCLE, STEP)}
    return [document["spec"] for document in launchpad.fireworks.find({"fw_id": {"$in": ids}}, shown)]
