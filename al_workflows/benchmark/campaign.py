"""What a campaign costs beside its steps: many members in the database, and some worked off with a DFT that sleeps.

The members are oxygen atoms over fixed (111) slabs on EMT, until forces are below 0.15 eV/Å: three single points each,
nearly always. The DFT is EMT that sleeps before it answers, so that waiting for it costs no CPU, as on a cluster.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms

from al_workflows import offline
from al_workflows.benchmark.tables import Column, Document, Table
from al_workflows.campaign.member import Member, Role
from al_workflows.spec import AseSpec, DftSpec, RelaxationSpec, RunSpec
from al_workflows.threads import single_threaded

METALS = ("Cu", "Pt", "Ni", "Ag", "Pd", "Au")
SITES = ("fcc", "hcp")
#: members that are run in one process, for what their steps take there
SAMPLE = 4
#: members of a synthetic bulk
OF_A_BULK = 25


class SleepingEMT(EMT):  # type: ignore[misc]  # ase is untyped
    """EMT that answers after ``seconds``, spent asleep."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def calculate(self, *arguments: Any, **keywords: Any) -> None:
        """See ASE."""
        time.sleep(self._seconds)
        super().calculate(*arguments, **keywords)


def members(count: int, sleep: float, size: tuple[int, int, int] = (2, 2, 2)) -> list[Member]:
    """So many different members, on slabs of ``size``; DFT takes ``sleep`` s."""
    # not reused: one member's point is never another's
    dft = AseSpec(calculator=f"{__name__}.{SleepingEMT.__name__}", arguments={"seconds": sleep}, reuse=False)
    return [_member(number, dft, size) for number in range(count)]


def _member(number: int, dft: DftSpec, size: tuple[int, int, int]) -> Member:
    bulk, place = divmod(number, OF_A_BULK)
    metal, site = METALS[bulk % len(METALS)], SITES[place % len(SITES)]
    key = f"{metal}{bulk:04d}-111-O-{site}-{place:02d}"
    spec = RunSpec(
        name=key,
        seed=number,
        structure=Path("start.extxyz"),
        simulation=RelaxationSpec(fmax=0.15, confirm_minimum="never", leave_saddles=False),
        dft=dft,
    )
    tags = {"bulk": f"{metal}{bulk:04d}", "miller": "111", "adsorbate": "O", "site": site, "seed": str(place)}
    return Member(key, Role.ADSORPTION, spec, _start(metal, site, number, size), tags=tags)


def _start(metal: str, site: str, number: int, size: tuple[int, int, int]) -> Atoms:
    atoms = fcc111(metal, size, vacuum=6.0)
    add_adsorbate(atoms, "O", 1.3, site)
    atoms.pbc = (True, True, False)
    atoms.set_constraint(FixAtoms(range(len(atoms) - 1)))
    atoms.positions[-1] += np.random.default_rng(number).uniform(-0.1, 0.1, 3)
    return atoms


# --- what was measured ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CallRow:
    """One call, s; the database holds so many members."""

    what: str
    members: int
    calls: int
    wall: Annotated[float, Column("wall s, median", 3)]
    worst: Annotated[float, Column("the worst", 3)]
    cpu: Annotated[float, Column("CPU s of this process, median", 3)]


@dataclass(frozen=True)
class SizeRow:
    """What a collection takes, MB."""

    collection: str
    documents: int
    data: Annotated[float, Column("data (MB)", 2)]
    disk: Annotated[float, Column("on disk, compressed (MB)", 2)]
    indexes: Annotated[float, Column("indexes (MB)", 2)]


@dataclass(frozen=True)
class Worked:
    """A campaign that was worked off: s, unless said otherwise.

    ``wall`` from the first worker's start to the last member's end; ``recorded`` the steps' seconds as the workers
    recorded them, summed; ``server`` and ``workers_cpu`` are CPU.
    """

    members: int
    converged: int
    workers: int
    sleep: float
    calls: int
    most_calls: int
    fireworks: int
    wall: float
    recorded: float
    longest_recorded: float
    workers_cpu: float
    server: float
    parent_cpu: float


@dataclass(frozen=True)
class InProcess:
    """Members that were run in one process without a database: seconds in all, and DFT calls."""

    members: int
    seconds: float
    calls: int

    @property
    def per_call(self) -> float:
        """Of a DFT call with the train, simulate, query and check that belong to it."""
        return self.seconds / self.calls


@dataclass(frozen=True)
class EfficiencyRow:
    """The ideal wall time beside the measured one."""

    by: Annotated[str, Column("the steps' seconds are those")]
    total: Annotated[float, Column("all steps (s)", 1)]
    share: Annotated[float, Column("÷ workers (s)", 1)]
    longest: Annotated[float, Column("longest member (s)", 1)]
    ideal: Annotated[float, Column("ideal wall (s)", 1)]
    wall: Annotated[float, Column("wall (s)", 1)]
    efficiency: Annotated[float, Column("ideal ÷ wall (%)", 1)]


@single_threaded
def run_in_process(chosen: Sequence[Member]) -> InProcess:
    """Run members here, one after the other; one is run before without counting, for the imports."""
    first = members(1, 0.0)[0]
    with TemporaryDirectory(prefix="alflow-benchmark-") as scratch:
        offline.run(first.spec, first.start, Path(scratch, "warm-up"))
        begun, calls = time.perf_counter(), 0
        for member in chosen:
            calls += offline.run(member.spec, member.start, Path(scratch, member.run)).dft_calls
        return InProcess(len(chosen), time.perf_counter() - begun, calls)


def efficiency_rows(worked: Worked, here: InProcess) -> list[EfficiencyRow]:
    """By what the steps take in one process, and by what the workers recorded of them."""
    each = here.per_call
    return [
        _row("measured in one process, before", each * worked.calls, each * worked.most_calls, worked),
        _row("recorded by the workers, who shared the machine", worked.recorded, worked.longest_recorded, worked),
    ]


def _row(by: str, total: float, longest: float, worked: Worked) -> EfficiencyRow:
    share = total / worked.workers
    ideal = max(share, longest)
    return EfficiencyRow(by, total, share, longest, ideal, worked.wall, 100 * ideal / worked.wall)


def document(
    calls: Sequence[CallRow],
    sizes: Sequence[SizeRow],
    worked: Worked | None,
    here: InProcess | None,
    settings: Mapping[str, Any],
    command: str,
) -> Document:
    """The tables of ``alflow benchmark campaign``."""
    tables = []
    if calls:
        note = "`alflow …`: the whole command in a process of its own, imports included; its CPU is not counted here"
        tables += [Table("Many members", calls, (note,)), Table("What they take in the database", sizes)]
    if worked is not None and here is not None:
        note = "ideal: the larger of all steps ÷ workers and the longest member, whose steps wait for each other"
        seconds = (
            f"{here.members} members, {here.calls} calls: {here.per_call:.2f} s a call with all that belongs to it"
        )
        tables += [
            Table("Worked off", efficiency_rows(worked, here), (note, f"in one process: {seconds}")),
            Table("What that took", [worked], ("s, but for the counts; CPU of the workers with their single points",)),
        ]
    return Document("What a campaign costs", command, settings, tables)
