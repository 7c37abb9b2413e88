"""Budget spent: as many cycles or DFT calls as were allowed."""

from __future__ import annotations

from al_workflows.records import Verdict, VerdictKind
from al_workflows.termination import Progress


class Budget:
    """At most ``max_dft_calls`` geometries computed and ``max_cycles`` cycles after the start's."""

    def __init__(self, max_cycles: int, max_dft_calls: int) -> None:
        self._max_cycles = max_cycles
        self._max_dft_calls = max_dft_calls

    def judge(self, progress: Progress) -> Verdict | None:
        """See :class:`~al_workflows.termination.Criterion`."""
        evidence = {"cycles": float(progress.index), "dft_calls": float(progress.dft_calls)}
        if progress.dft_calls >= self._max_dft_calls:
            reason = f"{progress.dft_calls} DFT calls were made (allowed: {self._max_dft_calls})"
        elif progress.index >= self._max_cycles:
            reason = f"{progress.index} cycles were run (allowed: {self._max_cycles})"
        else:
            return None
        return Verdict(VerdictKind.BUDGET_SPENT, criterion="budget", reason=reason, evidence=evidence)
