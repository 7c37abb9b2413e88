"""A campaign's questions put straight to DFT, for those who can afford it: on a fast method, or for a few members."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from fireworks import LaunchPad
from pymongo.errors import OperationFailure

from al_workflows.benchmark.parent import Outcome
from al_workflows.benchmark.peers import PEERS, relax_by_peer
from al_workflows.campaign.compared import Compared, Direct, compare
from al_workflows.dft.calculator import SinglePoints
from al_workflows.errors import InputError
from al_workflows.files import write_atomically
from al_workflows.spec import EmtSpec, RelaxationSpec, RunSpec
from fw_specs.campaign_store import CampaignStore
from fw_specs.member_store import selection
from fw_specs.store import Store
from launchpad.campaigns import read_results
from launchpad.connection import UNAUTHORIZED

POINTS = "points"
#: told of a member's key and answer, whether that was kept from before, how many members are done, and of how many
Listener = Callable[[str, Direct, bool, int, int], None]


def compare_with(
    launchpad: LaunchPad,
    name: str,
    method: str,
    directory: Path,
    where: Mapping[str, str],
    max_calls: int,
    listener: Listener,
) -> list[Compared]:
    """Relax the campaign's members that fit ``where`` by ``method`` as well, from their starts, to their own targets.

    What has converged is kept below ``directory``: the same command goes on where it stopped. Barriers and dynamics
    are left out.

    Raises
    ------
    InputError
        There is no such campaign, or no relaxation in it that fits has begun.
    """
    results = read_results(launchpad, name)
    begun = [one for one in CampaignStore(launchpad.db).find(name, selection(where)) if one.get("begun")]
    store, found = Store(launchpad.db), dict[str, Direct]()
    for number, member in enumerate(begun, start=1):
        run = store.run(member["run"])
        if not isinstance(run.spec.simulation, RelaxationSpec):
            continue
        kept = directory / member["run"] / f"{method}.json"
        there = kept.is_file()
        if there:
            found[member["key"]] = Direct(**json.loads(kept.read_text()))
        else:
            parent = _parent(run.spec, directory / member["run"] / POINTS)
            trial = relax_by_peer(PEERS[method], run.start, parent, run.spec.simulation.fmax, max_calls, float("inf"))
            energy = None
            if trial.outcome is Outcome.CONVERGED and trial.end is not None:
                energy = float(trial.counted.energies[trial.end])
            outcome = trial.remark or trial.outcome.value
            found[member["key"]] = Direct(energy, trial.counted.calls, outcome)
            if energy is not None:  # else more calls, or a mended code, may end it
                write_atomically(kept, json.dumps(asdict(found[member["key"]])))
        listener(member["key"], found[member["key"]], there, number, len(begun))
    if not found:
        raise InputError(
            f"no relaxation of campaign {name} that fits has begun; `alflow campaign status {name}` tells more"
        )
    return compare(results.entries, found)


def keep_comparison(launchpad: LaunchPad, name: str, method: str, found: Sequence[Compared]) -> bool:
    """Store with the campaign what plain DFT took, for its pages; False where the user may only read."""
    done = [one for one in found if one.direct.energy is not None and one.entry.outcome.energy is not None]
    calls, direct = sum(one.entry.outcome.calls for one in done), sum(one.direct.calls for one in done)
    try:
        CampaignStore(launchpad.db).put_reference(name, method, len(done), calls, direct)
    except OperationFailure as error:
        if error.code != UNAUTHORIZED:
            raise
        return False
    return True


def _parent(spec: RunSpec, directory: Path) -> Calculator:
    """The member's DFT: in this process where that takes milliseconds."""
    return EMT() if isinstance(spec.dft, EmtSpec) else SinglePoints(spec.dft, directory, lambda _: None)
