"""Put a run into the database: its record, then its first cycle."""

from __future__ import annotations

from pathlib import Path

from ase import Atoms
from fireworks import LaunchPad

from al_workflows import steps
from al_workflows.results import run_id
from al_workflows.spec import RunSpec
from fw_specs.cycle import first_cycle
from fw_specs.keys import RUN
from fw_specs.links import add_workflow
from fw_specs.store import Store


def is_submitted(launchpad: LaunchPad, run: str) -> bool:
    """Whether a workflow of that run exists."""
    return launchpad.workflows.find_one({f"metadata.{RUN}": run}, {"_id": 1}) is not None


def submit(launchpad: LaunchPad, spec: RunSpec, start: Atoms, directory: Path, final: Atoms | None = None) -> bool:
    """Submit a run; its Fireworks will run below ``directory`` (absolute). ``final`` is where a path ends.

    Returns
    -------
    bool
        Whether the run is new: one that is already there is left as it is.
    """
    run = run_id(spec, start, final)
    store = Store(launchpad.db)
    store.ensure_indexes()
    new = store.add_run(run, spec, start, directory, final)
    if not new and is_submitted(launchpad, run):
        return False
    # an earlier submission that was cut off between its two writes is completed here
    stored = store.run(run)
    selection = steps.ask_for_start(run, stored.start, stored.final)
    store.put_selection(run, 0, selection)
    return add_workflow(launchpad, first_cycle(run, stored.spec, stored.directory, selection))
