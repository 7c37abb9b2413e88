"""Converged: what the model foretold of fresh frames of its own dynamics is what DFT says of them, twice in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from al_workflows.force_errors import ALL, ForceErrors, evidence
from al_workflows.md_spec import LEAST_FRAMES, AccuracySpec, MdSpec
from al_workflows.records import Cycle, Pool, StopReason, Verdict, VerdictKind
from al_workflows.simulations.dynamics import STEPS_DONE, VALIDATION_FRAMES
from al_workflows.spec import SimulationSpec
from al_workflows.termination import Progress

FORCE_ERROR = "force_error"
#: names in :attr:`al_workflows.records.Verdict.evidence`: good cycles in a row, and whether validation comes next
PASSES, VALIDATION_NEXT = "passes", "validation_next"


class ForceError:
    """The bound on the mean force error of a cycle's frames is below the limit, in all and for every element.

    The frames were predicted before they were trained on. A cycle passes only if its trajectory, which began with new
    velocities, ran to its end; ``spec.accuracy.passes`` of them in a row have converged, or are followed by a
    validation on more frames of one more trajectory. Without ``spec.accuracy`` the errors are told and the run goes on.
    An ``online`` trajectory goes on in the next cycle where it stopped to ask: what came before it still counts.
    """

    def __init__(self, spec: MdSpec, online: bool = False) -> None:
        self._spec, self._online = spec, online

    def judge(self, progress: Progress) -> Verdict | None:
        """See :class:`~al_workflows.termination.Criterion`."""
        if progress.pool is None:
            return None
        accuracy = self._spec.accuracy
        errors = ForceErrors.of(progress.labels)
        found = {"dft_calls": float(progress.dft_calls)} | progress.pool.measures
        if len(errors) == 0:
            return self._go_on("no frame of this cycle was answered by DFT", found, progress)
        found |= evidence(errors, accuracy.confidence if accuracy else 0.95)
        told = _told(errors, found)
        if progress.pool.stop_reason is not StopReason.MAX_STEPS:
            ended = "goes on from where it stopped" if self._online else "ended early"
            why = f"{told}, but the trajectory {ended}: {progress.pool.stop_detail}"
            return self._go_on(why, found, progress)
        if accuracy is None:
            return self._go_on(told, found, progress)
        missing = _missing(errors, accuracy)
        if missing:
            return self._go_on(f"{told}; {missing}", found, progress)
        validated = VALIDATION_FRAMES in progress.pool.measures
        passes = accuracy.passes if validated else passes_of(progress.history) + 1
        found[PASSES] = float(passes)
        if passes < accuracy.passes:
            why = f"{told}: good enough, {passes} of {accuracy.passes} times in a row; the next trajectory is a new one"
            return self._go_on(why, found, progress)
        if self._spec.validation_frames and not validated:
            found[VALIDATION_NEXT] = 1.0
            why = f"{told}: good enough; {self._spec.validation_frames} frames of one more trajectory are to confirm it"
            return self._go_on(why, found, progress)
        if validated:
            return _verdict(VerdictKind.CONVERGED, f"{told}: validated", found, progress)
        what = f"good enough on {passes} new trajectories in a row"
        return _verdict(VerdictKind.CONVERGED, f"{told}: {what}", found, progress)

    def _go_on(self, reason: str, found: dict[str, float], progress: Progress) -> Verdict:
        whole = progress.pool is not None and progress.pool.stop_reason is StopReason.MAX_STEPS
        before = progress.history[-1].verdict.evidence if self._online and not whole and progress.history else {}
        carried = {name: before[name] for name in (PASSES, VALIDATION_NEXT) if name in before}
        return _verdict(VerdictKind.CONTINUE, reason, {PASSES: 0.0} | carried | found, progress)


def passes_of(history: Sequence[Cycle]) -> int:
    """How many cycles in a row, up to the last, were good enough."""
    return int(history[-1].verdict.evidence.get(PASSES, 0.0)) if history else 0


def marked_for_validation(pool: Pool, spec: SimulationSpec, history: Sequence[Cycle]) -> Pool:
    """``pool`` with the number of frames to ask for, if it is the whole trajectory that the last cycle wanted."""
    if not isinstance(spec, MdSpec) or not history or VALIDATION_NEXT not in history[-1].verdict.evidence:
        return pool
    if pool.stop_reason is not StopReason.MAX_STEPS:
        return pool
    return replace(pool, measures=pool.measures | {VALIDATION_FRAMES: float(spec.validation_frames)})


def _verdict(kind: VerdictKind, reason: str, found: dict[str, float], progress: Progress) -> Verdict:
    answered = [label.key for label in progress.labels if label.ok]
    return Verdict(kind, FORCE_ERROR, reason, found, label_key=answered[-1] if answered else None)


def _told(errors: ForceErrors, found: dict[str, float]) -> str:
    means = errors.mean()
    elements = ", ".join(f"{element} {mean:.4f}" for element, mean in means.items() if element != ALL)
    steps = int(found.get(STEPS_DONE, 0))
    return (
        f"the force error on {len(errors)} new frames of {steps} steps is {means[ALL]:.4f} eV/Å ({elements}), the "
        f"energy error {errors.energies.mean():.4f} eV"
    )


def _missing(errors: ForceErrors, accuracy: AccuracySpec) -> str:
    """What keeps a whole trajectory from being good enough; empty if nothing does."""
    if len(errors) < LEAST_FRAMES:
        return f"too few to judge by ({LEAST_FRAMES} are the least)"
    for group, bound in errors.bound(accuracy.confidence).items():
        limit = accuracy.force_mae if group == ALL else accuracy.limit(group)
        if bound > limit:
            of = "" if group == ALL else f" of {group}"
            return f"the force error{of} may be {bound:.4f} eV/Å, which is above {limit:g}"
    return ""
