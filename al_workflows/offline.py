"""The loop in one process: no database, no workflow engine, the same steps and the same numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ase import Atoms

from al_workflows import steps
from al_workflows.potential import Potential
from al_workflows.records import Cycle, Label, Pool, Request, VerdictKind
from al_workflows.results import RunResult, run_id
from al_workflows.run_directory import RunDirectory
from al_workflows.simulations.displacement import asks_for_curvature
from al_workflows.spec import RunSpec
from al_workflows.step_checkpoint import CHECKPOINT_FILE, Checkpoint
from al_workflows.termination import Progress
from al_workflows.timing import Clock, timed

#: who answers a request; the directory is the single point's own
Labeller = Callable[[Request, Path], Label]
#: told of each cycle as it ends
Listener = Callable[[Cycle, Progress], None]


def run(
    spec: RunSpec,
    start: Atoms,
    directory: Path,
    labeller: Labeller | None = None,
    listener: Listener | None = None,
    clock: Clock = time.perf_counter,
    final: Atoms | None = None,
    borrowed: Sequence[Label] = (),
) -> RunResult:
    """Run active learning, offline or online, until a verdict, one cycle after the other.

    Parameters
    ----------
    spec
        The run; ``spec.structure`` is not read.
    start
        The starting structure with its constraints.
    directory
        Single points get directories below it, and the cycles' records and pools are kept there
        (:mod:`al_workflows.run_directory`). A single point that is already answered is not computed again, so a run
        that was interrupted is taken up by running it once more.
    labeller
        In place of the single points of ``spec.dft``: for a calculator that lives in this process.
    listener
        Called after each cycle.
    clock
        What the seconds of train, simulate and query are measured by: wall time, or ``time.process_time``.
    final
        Where a path ends, as :func:`al_workflows.path_ends.match_ends` gives it; None for any other simulation.
    borrowed
        Labels of other runs to learn from as well (:mod:`al_workflows.sharing`).
    """
    name = run_id(spec, start, final)
    answer: Labeller = labeller or (lambda request, where: steps.label(request, spec.dft, where))
    labels: tuple[Label, ...] = ()
    history: tuple[Cycle, ...] = ()
    potential: Potential | None = None
    pool: Pool | None = None
    band: Pool | None = None
    keep = RunDirectory(directory)
    keep.put_run(name, spec, start, final)
    while True:
        cycle = len(history)
        seconds: dict[str, float] = {}
        if cycle == 0:
            selection = steps.begin(spec, name, start, final, borrowed)
        else:
            with timed(seconds, "train", clock):
                kept = Checkpoint(directory / f"{cycle:04d}" / "train" / CHECKPOINT_FILE)
                potential = steps.train(spec, cycle, labels, potential, kept, borrowed)
                kept.remove()
            with timed(seconds, "simulate", clock):
                kept = Checkpoint(directory / f"{cycle:04d}" / "simulate" / CHECKPOINT_FILE)
                pool = steps.simulate(spec, cycle, start, potential, labels, history, final, kept, borrowed, pool)
            keep.put_pool(cycle, pool)
            kept.remove()
            band = band if final is None or asks_for_curvature(pool) else pool
            with timed(seconds, "query", clock):
                selection = steps.query(spec, name, cycle, pool, potential, labels)
        new = tuple(answer(request, directory / request.key.partition("/")[2]) for request in selection.requests)
        seconds["dft"] = sum(label.seconds for label in new)
        progress = Progress(cycle, selection, new, pool, labels, history)
        closed = steps.close_cycle(spec, progress, seconds)
        keep.put_cycle(name, closed, selection, new)
        labels, history = labels + new, (*history, closed)
        if listener is not None:
            listener(closed, progress)
        if closed.verdict.kind is not VerdictKind.CONTINUE:
            lent = tuple(label.key for label in borrowed)
            return RunResult(name, spec.seed, closed.verdict, history, labels, spec.simulation.kind, band, lent)
