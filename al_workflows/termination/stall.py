"""Stalled: neither forces nor energy have become lower for a while."""

from __future__ import annotations

from collections.abc import Sequence

from al_workflows.records import Cycle, Verdict, VerdictKind
from al_workflows.termination import Progress

#: eV: a smaller gain in energy is no progress
ENERGY_GAIN = 1e-3


class Stall:
    """``cycles`` cycles in a row brought neither a lower DFT fmax nor an energy lower by 1 meV."""

    def __init__(self, cycles: int) -> None:
        self._cycles = cycles

    def judge(self, progress: Progress) -> Verdict | None:
        """See :class:`~al_workflows.termination.Criterion`."""
        if progress.history and progress.history[-1].verdict.label_key is not None:
            return None  # a structure with small forces is being looked at, which ends by itself
        rows = [(cycle.fmax, cycle.energy) for cycle in progress.history]
        rows.append((None, None) if progress.best is None else (progress.best[0], progress.best[1].energy))
        idle = idle_rows(rows)
        best_fmax = min((fmax for fmax, _ in rows if fmax is not None), default=float("inf"))
        if idle < self._cycles:
            return None
        return Verdict(
            VerdictKind.STALLED,
            criterion="stall",
            reason=f"{idle} cycles brought no lower DFT fmax than {best_fmax:.4f} eV/Å and no lower energy"
            + _failures(progress),
            evidence={"idle_cycles": float(idle), "best_fmax_eV_per_A": best_fmax},
        )


def idle_cycles(history: Sequence[Cycle]) -> int:
    """How many of the last cycles with a label brought neither a lower DFT fmax nor an energy lower by 1 meV."""
    return idle_rows([(cycle.fmax, cycle.energy) for cycle in history if cycle.fmax is not None])


def idle_rows(rows: Sequence[tuple[float | None, float | None]]) -> int:
    """The same of (fmax in eV/Å, energy in eV) by cycle; None where no single point of a cycle succeeded."""
    best_fmax, best_energy, last = float("inf"), float("inf"), 0
    for index, (fmax, energy) in enumerate(rows):
        if fmax is None or energy is None:
            continue
        if fmax < best_fmax or energy < best_energy - ENERGY_GAIN:
            last = index
        best_fmax, best_energy = min(best_fmax, fmax), min(best_energy, energy)
    return max(len(rows) - 1 - last, 0)


def _failures(progress: Progress) -> str:
    """A clause on the run's failed single points: DFT is kept away from where they are, perhaps from the answer."""
    failed = [label for label in progress.earlier + progress.labels if not label.ok]
    if not failed:
        return ""
    last = failed[-1]
    why = f"{last.status.value}: {last.cause} (see {last.directory})"
    return f"; {len(failed)} of the single points failed, the last by {why}"
