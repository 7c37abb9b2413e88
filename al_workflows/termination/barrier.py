"""Converged to a barrier: DFT agrees at the saddle and finds both ends relaxed; or there is none, with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from al_workflows.band import MINIMA, SADDLE_MODES, saddle_index
from al_workflows.mode_check import checks_beside
from al_workflows.path_ends import NAMES
from al_workflows.path_result import (
    END_FMAX,
    HEIGHT,
    HEIGHT_BACK,
    REACTION,
    SADDLE_ERROR,
    SADDLE_FMAX,
    label_at,
)
from al_workflows.records import Label, Pool, StopReason, Verdict, VerdictKind
from al_workflows.spec import NebSpec
from al_workflows.structures import max_force
from al_workflows.termination import Progress
from al_workflows.termination.curvature import (
    CURVATURE,
    LOWEST_CURVATURE,
    MAX_DISPLACEMENTS,
    Question,
    open_question,
)

#: the criterion's names in verdicts: of a path with a barrier, and of one that is none
BARRIER, NO_PATH = "barrier", "path"
#: ends of a simulation that are no band to be judged, and what a user can do where they last
_BROKEN = {
    StopReason.ENDS_MERGED: "give ends that relax into different minima",
    StopReason.SADDLE_AT_END: "give a minimum in its place, from a relaxation with `confirm_minimum: always`",
    StopReason.BAND_TANGLED: "take more images, or a structure on the way as an end of its own",
    StopReason.DETACHED: "look whether the ends bind what leaves",
    StopReason.TOO_CLOSE: "look at both structures and their order of atoms",
    StopReason.NOT_FINITE: "look at the labels, or take another potential",
    StopReason.EXPLODED: "look at the labels, or lower `simulation.trust_radius`",
}
#: such cycles in a row before the run fails
PATIENCE = 5
#: the same of an end that the model holds for a saddle, and of ends that merge where DFT finds them relaxed: what is
#: asked for in between teaches the model better if it is wrong
SADDLE_PATIENCE, MERGED_PATIENCE = 3, 3


@dataclass(frozen=True, eq=False)
class Judged:
    """A band with what DFT says of its saddle and ends: accepted labels of those very structures, None without one."""

    spec: NebSpec
    pool: Pool
    saddle: Label | None
    ends: tuple[Label | None, Label | None]

    @classmethod
    def of(cls, spec: NebSpec, pool: Pool, labels: Sequence[Label]) -> Judged:
        """``pool``, which has frames, beside all labels of the run."""
        found = [label_at(pool.frame(index), labels) for index in (saddle_index(pool.energies), 0, -1)]
        return cls(spec, pool, found[0], (found[1], found[2]))

    @property
    def error(self) -> float | None:
        """The model's energy at the saddle less DFT's, eV."""
        if self.saddle is None or self.saddle.energy is None:
            return None
        return float(self.pool.energies[saddle_index(self.pool.energies)]) - self.saddle.energy

    def evidence(self) -> dict[str, float]:
        """All numbers there are; those of a barrier rest on DFT energies alone."""
        initial, final = (None if end is None else end.energy for end in self.ends)
        top = None if self.saddle is None else self.saddle.energy
        fmax = [_fmax(end) for end in self.ends]
        found = {
            SADDLE_ERROR: self.error,
            SADDLE_FMAX: _fmax(self.saddle),
            END_FMAX: None if None in fmax else max(value for value in fmax if value is not None),
            REACTION: None if initial is None or final is None else final - initial,
            HEIGHT: None if initial is None or top is None else top - initial,
            HEIGHT_BACK: None if final is None or top is None else top - final,
        }
        return {name: value for name, value in found.items() if value is not None} | self.pool.measures

    def missing(self) -> list[str]:
        """What keeps the band from being confirmed, in words with numbers."""
        spec, missing = self.spec, []
        for name, end in zip(NAMES, self.ends, strict=True):
            fmax = _fmax(end)
            if fmax is None:
                missing.append(f"the {name} end has no DFT label")
            elif fmax > spec.end_fmax:
                missing.append(f"the DFT forces of the {name} end are up to {fmax:.3f} eV/Å (target {spec.end_fmax:g})")
        error, force = self.error, _fmax(self.saddle)
        if error is None:
            missing.append("the saddle has no DFT label")
        elif abs(error) > spec.saddle_tolerance:
            limit = f"tolerance {spec.saddle_tolerance:g}"
            missing.append(f"the model's energy at the saddle is {error:+.4f} eV off DFT's ({limit})")
        if force is not None and spec.saddle_fmax is not None and force > spec.saddle_fmax:
            missing.append(f"the DFT forces at the saddle are up to {force:.3f} eV/Å (target {spec.saddle_fmax:g})")
        return missing


class DftBarrier:
    """DFT's energy at the model's saddle is the model's, and DFT's forces at both ends are small.

    A path without a barrier is an answer, too, once DFT has confirmed its ends and its highest image. What is no path
    (ends that relax into one, an end that is a saddle, images that cross, a fragment that leaves) fails the run when
    DFT's labels have not mended it for some cycles.
    """

    def __init__(self, spec: NebSpec) -> None:
        self._spec = spec

    def judge(self, progress: Progress) -> Verdict | None:
        """See :class:`~al_workflows.termination.Criterion`; goes on with a reason that says what is missing."""
        question = open_question(progress.history, progress.earlier)
        if question is not None:
            return self._beside_saddle(question, progress)
        pool = progress.pool
        labels = progress.earlier + progress.labels
        calls = {"dft_calls": float(progress.dft_calls)}
        if pool is None:
            fmax = [f"{_fmax(label) or float('nan'):.3f}" for label in labels if label.ok]
            found = f"up to {' and '.join(fmax)} eV/Å" if fmax else "not known"
            reason = f"the DFT forces of the given ends are {found} (target {self._spec.end_fmax:g})"
            return Verdict(VerdictKind.CONTINUE, BARRIER, reason, calls)
        if len(pool) == 0:
            return self._broken(progress, pool, calls, relaxed=False)
        judged = Judged.of(self._spec, pool, labels)
        evidence = judged.evidence() | calls
        missing = judged.missing()
        if pool.stop_reason in _BROKEN:
            forces = [_fmax(end) for end in judged.ends]
            relaxed = all(force is not None and force <= self._spec.end_fmax for force in forces)
            return self._broken(progress, pool, evidence, relaxed)
        if pool.stop_reason not in (StopReason.CONVERGED, StopReason.NO_BARRIER):
            missing.append(f"the model's band is not relaxed ({pool.stop_detail})")
        barrier = pool.stop_reason is StopReason.CONVERGED
        height = min(evidence.get(HEIGHT, 0.0), evidence.get(HEIGHT_BACK, 0.0))
        if barrier and not missing and height <= 0.0:
            missing.append("DFT finds the saddle no higher than an end")
        if missing:
            return Verdict(VerdictKind.CONTINUE, BARRIER, "; ".join(missing), _without_barrier(evidence))
        assert judged.saddle is not None, "a saddle without label is missing"
        if not barrier:
            reason = f"there is no barrier: by DFT both ends are relaxed, {evidence[REACTION]:+.4f} eV apart, and "
            reason += f"{pool.stop_detail}; DFT agrees at the highest image to {abs(evidence[SADDLE_ERROR]):.4f} eV"
            return Verdict(VerdictKind.CONVERGED, NO_PATH, reason, _without_barrier(evidence), judged.saddle.key)
        reason = self._reason(evidence)
        if self._spec.check_mode:
            reason += "; whether it is a saddle, DFT will tell beside it, along the model's lowest mode"
            return Verdict(VerdictKind.CONTINUE, CURVATURE, reason, evidence, judged.saddle.key)
        return Verdict(VerdictKind.CONVERGED, BARRIER, reason, evidence, judged.saddle.key)

    def _reason(self, evidence: dict[str, float]) -> str:
        reason = (
            f"the barrier is {evidence[HEIGHT]:.4f} eV, back {evidence[HEIGHT_BACK]:.4f} eV, all by DFT: at the saddle "
            f"the model is {evidence[SADDLE_ERROR]:+.4f} eV off DFT (tolerance {self._spec.saddle_tolerance:g}) and "
            f"the DFT forces are at most {evidence[SADDLE_FMAX]:.4f} eV/Å; at the ends {evidence[END_FMAX]:.4f} eV/Å "
            f"(target {self._spec.end_fmax:g})"
        )
        modes = evidence.get(SADDLE_MODES)
        if modes is not None:
            reason += f"; the saddle has {modes:.0f} negative mode{'s' * (modes != 1)} by the model's word"
            reason += ", so that a lower path may lie beside it" if modes > 1 else ""
        minima = evidence.get(MINIMA, 0.0)
        if minima:
            several = f"{minima:.0f} minima" if minima > 1 else "a minimum"
            reason += f"; the model's band passes {several} between the ends: the barrier is that of its highest saddle"
        return reason

    def _beside_saddle(self, question: Question, progress: Progress) -> Verdict:
        """What DFT says of a structure displaced from the confirmed saddle: converged where the energy falls."""
        point, evidence = question.point, progress.history[question.first].verdict.evidence
        answered = [*question.answered, *(label for label in progress.labels if label.ok)]
        checks = [check for _, check in checks_beside(point, answered)]
        evidence = evidence | {"dft_calls": float(progress.dft_calls)}
        if checks:
            lowest = min(check.curvature for check in checks)
            evidence |= {LOWEST_CURVATURE: lowest}
            if any(check.negative() for check in checks):
                reason = f"{self._reason(evidence)}; DFT finds a curvature of {lowest:.2f} eV/Å² there"
                return Verdict(VerdictKind.CONVERGED, BARRIER, reason, evidence, point.key)
        said = f"the lowest is {evidence[LOWEST_CURVATURE]:.2f} eV/Å²" if checks else "DFT has no answer"
        reason = f"DFT has found no negative curvature beside the saddle {point.key} yet ({said})"
        closed = progress.pool is not None and progress.pool.stop_reason is StopReason.MODES_CHECKED
        if closed or question.tries + 1 >= MAX_DISPLACEMENTS:
            return Verdict(VerdictKind.STALLED, BARRIER, reason, _without_barrier(evidence), point.key)
        return Verdict(VerdictKind.CONTINUE, CURVATURE, reason, evidence, point.key)

    def _broken(self, progress: Progress, pool: Pool, evidence: dict[str, float], relaxed: bool) -> Verdict:
        """The verdict on what is no path, which fails the run when it has lasted; ``relaxed``: both ends, by DFT."""
        counter = f"{pool.stop_reason.value}_cycles"
        before = progress.history[-1].verdict if progress.history else None
        row = 1 + int(before.evidence.get(counter, 0.0)) if before is not None and before.criterion == NO_PATH else 1
        patience = SADDLE_PATIENCE if pool.stop_reason is StopReason.SADDLE_AT_END else PATIENCE
        if pool.stop_reason is StopReason.ENDS_MERGED and relaxed:
            patience = MERGED_PATIENCE
        reason = f"there is no path to tell a barrier of: {pool.stop_detail} ({row} cycle{'s' * (row > 1)} in a row)"
        reason += "; DFT finds both ends relaxed" if relaxed else ""
        kind = VerdictKind.FAILED if row >= patience else VerdictKind.CONTINUE
        if kind is VerdictKind.FAILED and pool.stop_reason in _BROKEN:
            reason += f"; {_BROKEN[pool.stop_reason]}"
        return Verdict(kind, NO_PATH, reason, _without_barrier(evidence) | {counter: float(row)})


def _fmax(label: Label | None) -> float | None:
    return None if label is None or label.forces is None else max_force(label.atoms, label.forces)


def _without_barrier(evidence: dict[str, float]) -> dict[str, float]:
    """Evidence that claims no barrier: what is not confirmed is not told as a number."""
    return {name: value for name, value in evidence.items() if name not in (HEIGHT, HEIGHT_BACK)}
