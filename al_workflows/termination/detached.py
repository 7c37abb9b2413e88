"""Failed: whatever the model learns, what is asked about flies apart."""

from __future__ import annotations

from al_workflows.records import StopReason, Verdict, VerdictKind
from al_workflows.termination import Progress

DETACHED = "detached"
#: name in :attr:`al_workflows.records.Verdict.evidence`: cycles in a row
DETACHED_CYCLES = "detached_cycles"
#: such cycles in a row before the run fails: DFT has been asked about the way out in each of them
PATIENCE = 5


class Detached:
    """In several cycles in a row the simulation ended because a fragment left; until then the count and its cause.

    (Of a path :class:`~al_workflows.termination.barrier.DftBarrier` says it.)
    """

    def judge(self, progress: Progress) -> Verdict | None:
        """See :class:`~al_workflows.termination.Criterion`."""
        if progress.pool is None or progress.pool.stop_reason is not StopReason.DETACHED:
            return None
        before = progress.history[-1].verdict.evidence if progress.history else {}
        row = 1 + int(before.get(DETACHED_CYCLES, 0.0))
        reason = f"{progress.pool.stop_detail} ({row} cycle{'s' * (row > 1)} in a row)"
        evidence = {DETACHED_CYCLES: float(row), "dft_calls": float(progress.dft_calls)}
        if row < PATIENCE:
            return Verdict(VerdictKind.CONTINUE, DETACHED, reason, evidence)
        reason += "; look whether the surface binds what leaves, or ask for dynamics that are colder or shorter"
        return Verdict(VerdictKind.FAILED, DETACHED, reason, evidence)
