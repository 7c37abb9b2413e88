"""Hold a run and let it go on, in FireWorks' own states: what is running ends as it would, and nothing else begins."""

from __future__ import annotations

from fireworks import LaunchPad

from fw_specs.keys import RUN
from fw_specs.store import Store


def hold(launchpad: LaunchPad, run: str) -> None:
    """Have nothing more of ``run`` begin; what it appends from now on is paused. Harmless to repeat."""
    Store(launchpad.db).hold(run, "PAUSED")
    pause_ready(launchpad, run)


def pause_ready(launchpad: LaunchPad, run: str) -> list[str]:
    """Pause what of a held ``run`` could begin; names of the Fireworks."""
    ready = launchpad.fireworks.find({f"spec.{RUN}": run, "state": "READY"}, {"fw_id": 1, "name": 1})
    return [f"{fw['name']} (fw_id {fw['fw_id']})" for fw in list(ready) if launchpad.pause_fw(fw["fw_id"]) is not None]


def let_go(launchpad: LaunchPad, run: str) -> int:
    """Let a held ``run`` go on; how many Fireworks may begin again."""
    Store(launchpad.db).hold(run, None)
    paused = [fw["fw_id"] for fw in launchpad.fireworks.find({f"spec.{RUN}": run, "state": "PAUSED"}, {"fw_id": 1})]
    for fw_id in paused:
        launchpad.resume_fw(fw_id)
    return len(paused)
