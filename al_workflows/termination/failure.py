"""Failed: DFT gives nothing to learn from."""

from __future__ import annotations

from al_workflows.records import Verdict, VerdictKind
from al_workflows.termination import Progress


class DftFailure:
    """The start failed, or every single point of ``max_failed_cycles`` cycles in a row did."""

    def __init__(self, max_failed_cycles: int) -> None:
        self._limit = max_failed_cycles

    def judge(self, progress: Progress) -> Verdict | None:
        """See :class:`~al_workflows.termination.Criterion`."""
        failed = [label for label in progress.labels if not label.ok]
        if not failed or len(failed) < len(progress.labels):
            return None
        last = failed[-1]
        what = f"{last.status.value}: {last.cause} (see {last.directory})"
        if progress.index == 0:
            return self._verdict(f"DFT failed on the starting structure, {what}", progress, 1)
        row = 1
        for cycle in reversed(progress.history):
            labels = [label for label in progress.earlier if label.cycle == cycle.index]
            if not labels or any(label.ok for label in labels):
                break
            row += 1
        if row < self._limit:
            return None
        return self._verdict(f"every single point of {row} cycles in a row failed, the last by {what}", progress, row)

    def _verdict(self, reason: str, progress: Progress, row: int) -> Verdict:
        evidence = {"failed_cycles": float(row), "dft_calls": float(progress.dft_calls)}
        return Verdict(VerdictKind.FAILED, criterion="dft_failure", reason=reason, evidence=evidence)
