"""A campaign of many members with a past, for the dashboard to show: entries by submission, what ended in bulk."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import launch_rocket
from pymongo import UpdateOne

from al_workflows.benchmark.campaign import members as synthetic
from al_workflows.benchmark.workflow import long_run
from al_workflows.campaign.member import Member, Role
from al_workflows.campaign.states import Limits
from al_workflows.errors import EnvironmentProblem
from al_workflows.records import Cycle, Verdict, VerdictKind
from fw_specs.campaign_store import CampaignStore
from fw_specs.campaign_submit import submit_members
from fw_specs.campaign_turns import look_after
from fw_specs.keys import CAMPAIGN, CAMPAIGNS, CYCLE, CYCLES, LABELS, MEMBERS, RUN, STEP, TASKS, cycle_id
from fw_specs.store import Document, Store
from launchpad.runs import submit_run

METALS = ("Cu", "Pt", "Ni", "Ag", "Pd", "Au", "Rh", "Ir", "Co", "Ru", "Fe", "Al")
ALLOYS = ("Cu3Au", "CuAu", "CuAu3", "Cu3Pd", "CuPd", "Cu3Pt", "CuPt", "Ni3Al", "NiAl", "Pd3Ag", "PdAg", "Pt3Ni", "PtNi")
FACETS = ("111", "100", "110", "211")
ATOMS = ("H", "C", "N", "O", "S", "F", "Cl")
MOLECULES = ("OH", "CO", "NO", "CH", "CH2", "CH3", "NH", "NH2", "NH3", "HCO", "COH", "OOH", "H2O")
SITES = ("top1", "bridge1", "hollow1", "hollow2", "bridge2")
#: shares of those that ended, by verdict
ENDS = {"CONVERGED": 0.94, "STALLED": 0.02, "FAILED": 0.02, "BUDGET_SPENT": 0.02}
#: h in which they ended, and Fireworks that each left
HOURS, FIREWORKS = 30.0, 8
BATCH = 2000
#: the run that is really worked off, for its page, and its cycles
LONG, LONG_CYCLES = "looked-at", 12


def members(count: int) -> list[Member]:
    """So many: gas and slabs first, then an adsorbate on each site of 100 surfaces; all of them small slabs on EMT."""
    about = list(islice(_entries(), count))
    made = synthetic(len(about), 0.0)
    return [
        replace(one, key=key, role=role, tags=tags, references=of, spec=one.spec.model_copy(update={"name": key}))
        for one, (key, role, tags, of) in zip(made, about, strict=True)
    ]


def _entries() -> Iterator[tuple[str, Role, dict[str, str], dict[str, float]]]:
    for adsorbate in (*ATOMS, *MOLECULES):
        yield f"gas-{adsorbate}", Role.MOLECULE, {"adsorbate": adsorbate}, {}
    surfaces = [(bulk, facet) for bulk in (*METALS, *ALLOYS) for facet in FACETS]
    for bulk, facet in surfaces:
        yield f"{bulk}-{facet}-t0", Role.SLAB, {"bulk": bulk, "miller": facet, "termination": "0"}, {}
    for site in (f"{site}{turn}" for turn in ("", *(f"-r{number}" for number in range(1, 100))) for site in SITES):
        for bulk, facet in surfaces:
            for adsorbate in (*ATOMS, *MOLECULES):
                surface = f"{bulk}-{facet}-t0"
                tags = {"bulk": bulk, "miller": facet, "termination": "0", "adsorbate": adsorbate, "site": site}
                references = {surface: 1.0, f"gas-{adsorbate}": 1.0}
                yield f"{surface}-{adsorbate}-{site}", Role.ADSORPTION, {**tags, "coverage": "0.25"}, references


def fill(launchpad: LaunchPad, name: str, count: int, ended: int, place: Path) -> str:
    """Submit the campaign, have ``ended`` members ended over the last 30 hours, and work off a run; that one's id."""
    submit_members(launchpad, name, members(count), place / "runs", Limits())
    begun = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=HOURS)
    launchpad.db[CAMPAIGNS].update_one({"_id": name}, {"$set": {"created": begun}})
    end_members(launchpad, name, list(islice(CampaignStore(launchpad.db).find(name), ended)), HOURS)
    look_after(launchpad, name)
    return work_off(launchpad, place)


def end_members(launchpad: LaunchPad, name: str, chosen: Sequence[Document], hours: float) -> None:
    """Have these members ended, evenly over the last ``hours``, with documents as their last checks write them."""
    rng, database = np.random.default_rng(len(chosen)), launchpad.db
    now = datetime.datetime.now(datetime.UTC)
    verdicts = rng.choice(list(ENDS), size=len(chosen), p=list(ENDS.values()))
    for start in range(0, len(chosen), BATCH):
        updates, cycles, labels, fireworks = list[Any](), list[Document](), list[Document](), list[Document]()
        for place, one in enumerate(chosen[start : start + BATCH], start=start):
            at = now - datetime.timedelta(hours=hours * (1 - (place + 1) / len(chosen)))
            found = _past(one, str(verdicts[place]), place, rng)
            values = _values(one, found, str(verdicts[place]), rng)
            updates.append(UpdateOne({"_id": one["_id"]}, {"$set": {**values, "ended": at, "begun": True}}))
            cycles += [
                {
                    "_id": cycle_id(one["run"], cycle.index),
                    "run": one["run"],
                    "cycle": cycle.index,
                    "closed": cycle.to_dict(),
                }
                for cycle in found
            ]
            labels += [_label(one["run"], cycle.index) for cycle in found]
            fireworks += [_firework(name, one["run"], number, at) for number in range(FIREWORKS)]
        first = launchpad.get_new_fw_id(quantity=len(fireworks))
        for number, firework in enumerate(fireworks):
            firework["fw_id"] = first + number
        database[CYCLES].insert_many(cycles)
        database[LABELS].insert_many(labels)
        launchpad.fireworks.insert_many(fireworks)
        database[MEMBERS].bulk_write(updates, ordered=False)


def _past(one: Document, verdict: str, place: int, rng: np.random.Generator) -> list[Cycle]:
    """Cycles whose forces fall to the target if it converged; fewer, the more members taught it before."""
    number, target = 2 + int(rng.poisson(1.0 + 6.0 / (1.0 + place / 500))), one["target"]
    last = target * float(rng.uniform(0.3, 1.0) if verdict == "CONVERGED" else rng.uniform(1.5, 6.0))
    forces = last * np.cumprod(np.r_[1.0, rng.uniform(1.3, 3.0, number - 1)])[::-1]
    going = Verdict(VerdictKind.CONTINUE, "none", "the smallest DFT fmax of this cycle is above the target")
    end = Verdict(VerdictKind(verdict), "dft_force", "as the reason of its member says")
    return [
        Cycle(
            index,
            end if index == number - 1 else going,
            1,
            float(force),
            float(rng.normal(-20, 1)),
            None,
            {"dft": 40.0},
        )
        for index, force in enumerate(forces)
    ]


def _values(one: Document, found: Sequence[Cycle], verdict: str, rng: np.random.Generator) -> Document:
    last, calls = found[-1], sum(cycle.dft_calls for cycle in found)
    base = {"slab": -24.0, "molecule": -3.0}.get(one["role"], -30.0)
    reason = (
        f"the DFT forces of {one['run']}/{last.index:04d}/00 are at most {last.fmax:.4f} eV/Å (target {one['target']})"
    )
    if verdict != "CONVERGED":
        reason = f"neither DFT fmax nor DFT energy became lower for 5 cycles; {reason}"
    energy, seconds = base + float(rng.normal(0, 0.6)), {"dft": 40.0 * calls, "train": 3.0 * calls, "simulate": 9.0}
    summary = {"run": one["run"], "verdict": verdict, "criterion": "dft_force", "reason": reason, "dft_calls": calls}
    summary |= {"reused": 0, "borrowed": 9, "borrowed_from": 1, "cycles": len(found), "energy_eV": energy}
    summary |= {"fmax_eV_per_A": last.fmax, "seconds": seconds, "seed": 1, "failures": []}
    about = {"state": verdict, "reason": reason, "calls": calls, "cycles": len(found) - 1, "fmax": last.fmax}
    return {**about, "energy": energy, "seconds": sum(seconds.values()), "failed": 0, "result": summary}


def _label(run: str, cycle: int) -> Document:
    about = {"_id": f"{cycle_id(run, cycle)}/00", "run": run, "cycle": cycle, "index": 0, "status": "ok", "attempts": 1}
    return {**about, "energy": -20.0, "seconds": 40.0, "cause": "", "reused_from": None, "directory": ""}


def _firework(name: str, run: str, number: int, at: datetime.datetime) -> Document:
    step, when = list(TASKS)[number % len(TASKS)], at.isoformat()
    spec = {RUN: run, CYCLE: number // len(TASKS), STEP: step, CAMPAIGN: name, "_tasks": [{"_fw_name": TASKS[step]}]}
    about = {"spec": spec, "name": f"{run} {step}", "state": "COMPLETED", "launches": [], "archived_launches": []}
    return {**about, "created_on": when, "updated_on": when}


def work_off(launchpad: LaunchPad, place: Path) -> str:
    """Submit a run of its own and launch its Fireworks here, one after the other; its id.

    Raises
    ------
    EnvironmentProblem
        Nothing was ready before it ended.
    """
    prepared = long_run(LONG, LONG_CYCLES, 1)
    submit_run(launchpad, prepared, place / prepared.run)
    worker = FWorker(name="benchmark", query={f"spec.{RUN}": prepared.run})
    with chdir(place):  # FireWorks goes into the directory of what it launches
        while Store(launchpad.db).result(prepared.run) is None:
            if not launch_rocket(launchpad, worker):
                raise EnvironmentProblem(f"{prepared.run} stopped before its end: nothing was ready")
    return prepared.run
