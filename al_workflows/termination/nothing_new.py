"""Stalled: nothing has been learned for a while."""

from __future__ import annotations

from itertools import takewhile

from al_workflows.records import Verdict, VerdictKind
from al_workflows.termination import Progress


class NothingNew:
    """``cycles`` cycles in a row brought no label: every frame was refused, or there was none."""

    def __init__(self, cycles: int) -> None:
        self._cycles = cycles

    def judge(self, progress: Progress) -> Verdict | None:
        """See :class:`~al_workflows.termination.Criterion`."""
        if progress.best is not None:
            return None
        idle = 1 + sum(1 for _ in takewhile(lambda cycle: cycle.fmax is None, reversed(progress.history)))
        if idle < self._cycles:
            return None
        why = f"; the last simulation ended because {progress.pool.stop_detail}" if progress.pool is not None else ""
        rejected = progress.selection.rejected
        refused = f"; a frame was refused: {rejected[-1].reason}" if rejected else ""
        return Verdict(
            VerdictKind.STALLED,
            criterion="nothing_new",
            reason=f"{idle} cycles in a row brought no label{why}{refused}",
            evidence={"idle_cycles": float(idle), "dft_calls": float(progress.dft_calls)},
        )
