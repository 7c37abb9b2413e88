"""A database with something of everything that the dashboard shows, by real runs on EMT where that is quick."""

from __future__ import annotations

import dataclasses
import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase import Atoms
from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import rapidfire

from al_workflows.campaign.states import Limits
from al_workflows.records import LabelStatus, request_key
from al_workflows.results import run_id
from al_workflows.spec import RunSpec
from fw_specs.campaign_submit import submit_members
from fw_specs.campaign_turns import look_after
from fw_specs.keys import CAMPAIGNS, MEMBERS
from fw_specs.store import Store
from fw_specs.submit import submit
from tests.bands import hop, neb_spec
from tests.builders import label, run_spec, slab
from tests.campaign.members import gas, slab_member, small_campaign

SMALL, MANY = "small", "many"
MD = {"kind": "md", "steps": 60, "equilibration": 20, "stride": 5, "validation_frames": 4}
#: a cause that would be a script if a page did not write it as text
SCRIPT = "<script>document.title = 'broken into'</script>"


@dataclass(frozen=True)
class World:
    """Where it is, and the ids of its runs: of each kind, one with failed labels, one that waits, one that fizzled."""

    launchpad: LaunchPad
    file: Path
    relaxation: str
    path: str
    dynamics: str
    waiting: str
    fizzled: str
    directory: Path


def work(launchpad: LaunchPad, directory: Path) -> None:
    """Run all that is ready until nothing is, in this process."""
    here = Path.cwd()
    scratch = directory / "launchers"
    scratch.mkdir(exist_ok=True)
    try:
        rapidfire(launchpad, FWorker(), m_dir=str(scratch), sleep_time=0)
    finally:
        os.chdir(here)


def filled(launchpad: LaunchPad, file: Path, directory: Path) -> World:
    """Fill an empty database; the runs' directories are below ``directory``."""
    store = Store(launchpad.db)
    initial, final = hop(seed=0)
    ids = [
        _submit(launchpad, run_spec(name="relaxation", query={"kind": "parallel", "single_points": 3}), directory),
        _submit(launchpad, neb_spec(name="path"), directory, initial, final),
        _submit(launchpad, run_spec(name="dynamics", simulation=MD), directory, slab(1.0)),
    ]
    submit_members(launchpad, SMALL, small_campaign(), directory / SMALL, Limits(dft_calls=100))
    look_after(launchpad, SMALL)
    work(launchpad, directory)
    bad = _submit(launchpad, run_spec(name="fizzled"), directory, gas().start)
    (directory / bad / ".alflow-run").unlink()  # its steps refuse to run
    work(launchpad, directory)
    waiting = _submit(launchpad, run_spec(name="waiting"), directory, slab_member().start)
    _fail(store, ids[0])
    many(launchpad, 3000)
    return World(launchpad, file, ids[0], ids[1], ids[2], waiting, bad, directory)


def _submit(
    launchpad: LaunchPad, spec: RunSpec, directory: Path, start: Atoms | None = None, final: Atoms | None = None
) -> str:
    start = slab(2.4, seed=0) if start is None else start
    run = run_id(spec, start, final)
    assert submit(launchpad, spec, start, directory / run, final)
    return run


def _fail(store: Store, run: str) -> None:
    """Add labels that failed to a run's first cycles, with causes as DFT codes give them."""
    causes = {
        LabelStatus.SCF_NOT_CONVERGED: "SCF did not converge in 120 iterations (last change 3.1e-3 eV)",
        LabelStatus.CRASHED: f"the process ended with exit status 139; {SCRIPT}",
        LabelStatus.GEOMETRY_REJECTED: "atoms 8 and 3 are 0.61 Å apart, less than 0.6 of the sum of covalent radii",
    }
    first = store.labels(run)[0]
    for number, (status, cause) in enumerate(causes.items(), start=20):
        failed = label(first.atoms, 1, number, status, cause=cause)
        request = dataclasses.replace(failed.request, key=request_key(run, 1, number))
        store.put_label(run, dataclasses.replace(failed, request=request))


def many(launchpad: LaunchPad, number: int, name: str = MANY) -> None:
    """A campaign of so many members, half of which have ended; their runs are not in the database."""
    begun = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=20)
    members = [_member(name, place, number, begun) for place in range(number)]
    launchpad.db[MEMBERS].insert_many(members)
    limits = {"dft_calls": 20 * number, "at_once": 40, "at_least": 1, "waves": True}
    about = {"directory": "somewhere", "created": begun, "spent": sum(one["calls"] for one in members)}
    skipped = [{"key": "Xx-111", "why": "no lattice constant of Xx is known"}]
    launchpad.db[CAMPAIGNS].insert_one({"_id": name, "limits": limits, "skipped": skipped, **about})


def _member(name: str, place: int, number: int, begun: datetime.datetime) -> dict[str, Any]:
    metals, facets, adsorbates = ("Ag", "Au", "Cu", "Ni", "Pd", "Pt"), ("100", "110", "111"), ("C", "CO", "H", "N", "O")
    metal, facet, adsorbate = metals[place % 6], facets[place // 6 % 3], adsorbates[place // 18 % 5]
    site = f"hollow{place // 90}"
    key = f"{metal}-{facet}-{adsorbate}-{site}"
    ended = place < number // 2
    state = "WAITING" if not ended else "STALLED" if place % 50 == 7 else "CONVERGED"
    if number // 2 <= place < number // 2 + 30:
        state = "UNDER_WAY"
    calls = 3 + place * 7 % 9 if state != "WAITING" else 0
    found: dict[str, Any] = {
        "_id": f"{name}/{key}",
        "campaign": name,
        "key": key,
        "version": 1,
        "run": f"{name}-{key}-{place:08x}",
        "origin": f"{name}-{key}-{place:08x}",
        "order": place,
        "wave": 0,
        "group": f"{metal}|{adsorbate}",
        "kind": f"{metal}16{adsorbate}|{metal}|{facet}",
        "role": "adsorption",
        "tags": {"bulk": metal, "miller": facet, "adsorbate": adsorbate, "site": site},
        "references": [],
        "priority": 0,
        "target": 0.05,
        "state": state,
        "reason": "no progress in 5 cycles" if state == "STALLED" else "",
        "created": begun,
        "calls": calls,
        "before": 0,
        "failed": int(place % 40 == 3 and ended),
        "seconds": 60.0 * calls,
        "fmax": 0.01 + place % 40 / 1000 if calls else None,
        "energy": -50.0 - place % 17 / 10 if calls else None,
    }
    if state != "WAITING":
        found["begun"] = True
    if ended:
        found["ended"] = begun + datetime.timedelta(hours=19 * place / number * 2)
    return found
