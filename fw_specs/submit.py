"""Put a run into the database: its record, then its first cycle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ase import Atoms
from fireworks import LaunchPad

from al_workflows import steps
from al_workflows.claim import claimed_directory, refuse_unclaimed
from al_workflows.records import Selection
from al_workflows.results import run_id
from al_workflows.spec import RunSpec
from fw_specs import cycle as cycles
from fw_specs.cycle import first_cycle
from fw_specs.keys import RUN
from fw_specs.links import add_workflow
from fw_specs.store import Store


def is_submitted(launchpad: LaunchPad, run: str) -> bool:
    """Whether a workflow of that run exists."""
    return launchpad.workflows.find_one({f"metadata.{RUN}": run}, {"_id": 1}) is not None


def submit(
    launchpad: LaunchPad,
    spec: RunSpec,
    start: Atoms,
    directory: Path,
    final: Atoms | None = None,
    mark: Mapping[str, Any] | None = None,
) -> bool:
    """Submit a run; its Fireworks will run below ``directory``, which is marked as the run's. ``final`` ends a path.

    ``mark`` is what all Fireworks of the run carry in their specs beside what every run's do.

    Returns
    -------
    bool
        Whether the run is new: one that is already there is left as it is.

    Raises
    ------
    InputError
        The directory is another run's, or the record of an earlier submission was edited; nothing is stored.
    """
    run = run_id(spec, start, final)
    if is_submitted(launchpad, run):
        return False
    place = claimed_directory(directory, run)
    store = Store(launchpad.db)
    store.ensure_indexes()
    if not store.add_run(run, spec, start, place, final, mark):
        # an earlier submission that was cut off between its two writes is completed here
        refuse_unclaimed(store.run(run).directory, run)
    stored = store.intact_run(run)
    selection: Selection | None = None
    if stored.spec.sharing is None:  # else it depends on what there is to borrow when the run begins
        selection = steps.ask_for_start(run, stored.start, stored.final)
        store.put_selection(run, 0, selection)
    workflow = first_cycle(run, stored.spec, stored.directory, selection)
    cycles.mark(workflow.fws, stored.mark)
    return add_workflow(launchpad, workflow)
