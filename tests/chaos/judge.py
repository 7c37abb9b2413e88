"""Whether anything was lost, doubled, stuck or left running, and whether the numbers are those of undisturbed runs."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.emt import EMT

from al_workflows import offline
from al_workflows.benchmark.basin import ground_of, same_basin
from al_workflows.dft.label_file import LABEL_FILE
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.preflight import prepare
from al_workflows.records import Label, Request
from al_workflows.results import RunResult
from fw_specs.keys import CHECK, CYCLE, DFT, LABELS, POINTS, RUN, STEP
from fw_specs.store import Store
from tests.chaos.surfaces import ChaosRun
from tests.chaos.world import World, documents
from tests.fw_specs.test_run import numbers

#: eV; eV and eV/Å
ENERGY, RECOMPUTED = 0.005, 1e-6


def undisturbed(runs: list[ChaosRun], directory: Path, faulty: bool, processes: int = 2) -> list[RunResult]:
    """The same runs in processes of their own without FireWorks, database or faults of the machine.

    Where DFT does not fail by a draw, it is plain EMT in that process.
    """
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        places = [directory / run.name for run in runs]
        return list(pool.map(_run, [run.file for run in runs], places, [faulty] * len(runs)))


def _run(file: Path, directory: Path, faulty: bool) -> RunResult:
    prepared = prepare(file)
    return offline.run(prepared.spec, prepared.start, directory, None if faulty else _by_emt)


def _by_emt(request: Request, directory: Path) -> Label:
    return single_point_in_process(request, EMT(), directory=directory)


def unfinished(world: World) -> list[str]:
    """Fireworks and workflows that are not COMPLETED, locks and leases that are left."""
    launchpad = world.launchpad
    found = [
        f"Firework {fw['fw_id']} ({fw['name']}) is {fw['state']}"
        for fw in documents(launchpad.fireworks, {"state": {"$ne": "COMPLETED"}}, {"fw_id": 1, "name": 1, "state": 1})
    ]
    found += [
        f"workflow {wf['name']} is {wf['state']}"
        for wf in documents(launchpad.workflows, {"state": {"$ne": "COMPLETED"}}, {"name": 1, "state": 1})
    ]
    found += [f"workflow {wf['name']} is locked" for wf in documents(launchpad.workflows, {"locked": {"$exists": 1}})]
    leases = documents(launchpad.db[POINTS], {"lease": {"$exists": True}})
    return found + [f"a lease of {point['lease']['owner']} is left" for point in leases]


def doubled_or_lost(world: World, run: ChaosRun) -> list[str]:
    """Steps and labels that are there twice or not at all."""
    launchpad, store = world.launchpad, Store(world.launchpad.db)
    fireworks = documents(launchpad.fireworks, {f"spec.{RUN}": run.name}, {"spec": 1})
    steps = Counter(_what(fw["spec"]) for fw in fireworks)
    found = [f"{run.name}: {number} Fireworks are {what}" for what, number in steps.items() if number > 1]
    named = {fw_id for wf in documents(launchpad.workflows, {f"metadata.{RUN}": run.name}) for fw_id in wf["nodes"]}
    if len(named) != len(fireworks):
        found.append(f"{run.name}: {len(fireworks)} Fireworks, of which workflows name {len(named)}")
    labels = {label.key: label for label in store.labels(run.name)}
    asked = []
    for cycle in range(len(store.cycles(run.name))):
        selection = store.selection(run.name, cycle)
        asked += [request.key for request in selection.requests] if selection else []
    found += [f"{key} was asked for and has no label" for key in asked if key not in labels]
    found += [f"{key} has a label and was not asked for" for key in labels if key not in asked]
    if len(set(asked)) != len(asked):
        found.append(f"{run.name}: something was asked for twice")
    for path in sorted((world.runs / run.name).glob(f"*/*/{LABEL_FILE}")):
        written = json.loads(path.read_text())
        key = written["request"]["key"]
        if key not in labels or labels[key].energy != written["energy"]:
            found.append(f"{path} is not the label {key} of the database")
    return found


def _what(spec: dict[str, Any]) -> str:
    if spec[STEP] == DFT:
        return str(spec["_tasks"][0]["request"]["key"])
    return f"{spec[STEP]} of cycle {spec[CYCLE]}"


def wrong_numbers(label: Label) -> list[str]:
    """A label that the sound parent does not give again."""
    if not label.ok:
        return []
    atoms = label.atoms.copy()
    atoms.calc = EMT()
    energy = abs(atoms.get_potential_energy() - label.energy)
    force = float(np.abs(atoms.get_forces(apply_constraint=False) - label.forces).max())
    if max(energy, force) > RECOMPUTED:
        return [f"{label.key} is {energy:.1e} eV and {force:.1e} eV/Å beside what EMT says"]
    return []


def same_labels(found: RunResult, expected: RunResult) -> list[str]:
    """Part a: all that a label says but who ran it, bit for bit, and the verdict."""
    if numbers(found.labels) == numbers(expected.labels) and found.verdict == expected.verdict:
        return []
    ours, theirs = ({one[0]: one for one in numbers(result.labels)} for result in (found, expected))
    apart = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    return [f"{found.run} is not the undisturbed run: {len(apart)} labels differ, first {apart[:1]}; {found.verdict}"]


def same_answer(found: RunResult, expected: RunResult) -> list[str]:
    """Part b: the verdict, the basin and the energy of the answer."""
    if found.verdict.kind is not expected.verdict.kind:
        return [f"{found.run} is {found.verdict.kind}, undisturbed {expected.verdict.kind}: {found.verdict.reason}"]
    ours, theirs = found.answer, expected.answer
    if ours is None or theirs is None:
        return [] if ours is theirs else [f"{found.run} has an answer in one of the two runs"]
    complaints = []
    if abs(ours.energy - theirs.energy) > ENERGY:
        complaints.append(f"{found.run}: {ours.energy:.4f} eV, undisturbed {theirs.energy:.4f} eV")
    if not same_basin(ground_of(ours.atoms, EMT()), ground_of(theirs.atoms, EMT())):
        complaints.append(f"{found.run} ended in another basin than undisturbed")
    return complaints


def judge(world: World, runs: list[ChaosRun], expected: list[RunResult], faulty: bool) -> tuple[list[str], list[str]]:
    """What is wrong, and what is worth saying."""
    wrong, store, equal, labels, computed = unfinished(world), Store(world.launchpad.db), 0, 0, 0
    for run, reference in zip(runs, expected, strict=True):
        wrong += doubled_or_lost(world, run)
        result = store.result(run.name)
        if result is None:
            wrong.append(f"{run.name} has no result")
            continue
        wrong += [said for label in result.labels for said in wrong_numbers(label)]
        wrong += same_answer(result, reference) if faulty else same_labels(result, reference)
        equal += numbers(result.labels) == numbers(reference.labels)
        labels += len(result.labels)
        computed += sum(label.attempts for label in result.labels)
    total = world.launchpad.db[LABELS].count_documents({})
    checks = world.launchpad.fireworks.count_documents({f"spec.{STEP}": CHECK})
    fireworks = world.launchpad.fireworks.count_documents({})
    launches = world.launchpad.launches.count_documents({})
    if total != labels:
        wrong.append(f"{total} labels are stored, {labels} belong to the runs")
    said = [
        f"{len(runs)} runs, {checks} cycles, {fireworks} Fireworks in {launches} launches, {labels} labels",
        f"labels equal to the undisturbed run's bit for bit: {equal} of {len(runs)} runs",
        f"attempts at single points behind the labels: {computed}",
    ]
    return wrong, said
