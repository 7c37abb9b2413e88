"""Converged: DFT itself finds no larger force than the target."""

from __future__ import annotations

from al_workflows.records import Verdict, VerdictKind
from al_workflows.termination import Progress


class DftForce:
    """The largest DFT force on a free atom of a structure that this cycle labelled is at most ``fmax`` (eV/Å)."""

    def __init__(self, fmax: float) -> None:
        self._fmax = fmax

    def judge(self, progress: Progress) -> Verdict | None:
        """See :class:`~al_workflows.termination.Criterion`."""
        if progress.best is None or progress.best[0] > self._fmax:
            return None
        fmax, label = progress.best
        return Verdict(
            VerdictKind.CONVERGED,
            criterion="dft_force",
            reason=f"the DFT forces of {label.key} are at most {fmax:.4f} eV/Å (target {self._fmax:g})",
            evidence={"fmax_eV_per_A": fmax, "target_eV_per_A": self._fmax, "dft_calls": float(progress.dft_calls)},
            label_key=label.key,
        )
