"""Runs whose single points are answered already: Fireworks of our own kinds that take no time to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fireworks import LaunchPad

from al_workflows.claim import claimed_directory
from al_workflows.records import Request, Selection, request_key
from al_workflows.results import run_id
from fw_specs.cycle import first_cycle
from fw_specs.links import add_workflow
from fw_specs.store import Store
from tests.builders import label, run_spec, slab


def answered_run(lpad: LaunchPad, directory: Path, points: int, **changes: Any) -> str:
    """Submit a run of ``points`` single points, all answered, and their check, which ends it; its id."""
    spec, start = run_spec(termination={"max_dft_calls": 1}, **changes), slab(seed=0)
    run, store = run_id(spec, start), Store(lpad.db)
    store.ensure_indexes()
    store.add_run(run, spec, start, claimed_directory(directory, run))
    requests = []
    for index in range(points):
        atoms = start if index == 0 else slab(seed=index)
        requests.append(Request(request_key(run, 0, index), atoms, "final", "test"))
        store.put_label(run, label(atoms, request=requests[-1]))
    selection = Selection(tuple(requests))
    store.put_selection(run, 0, selection)
    add_workflow(lpad, first_cycle(run, spec, directory, selection))
    return run
