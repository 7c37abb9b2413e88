"""Converged to a minimum: DFT's forces are small, and DFT has been asked whether the energy rises beside the structure.

What is asked, and what came of it, is read from the run's verdicts and labels: a verdict of this criterion that goes on
and names a label asks about that label, and the displacements of the cycles behind it are the answers; one that names
none found a saddle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from al_workflows.curvature import TOLERANCE
from al_workflows.free_directions import can_have_modes
from al_workflows.mode_check import UNSURE, ModeCheck, check_mode, checks_beside, judge
from al_workflows.records import Cycle, Label, StopReason, Verdict, VerdictKind
from al_workflows.simulations.displacement import ASKED_CURVATURE, MODEL_CURVATURE, MODEL_NEGATIVE
from al_workflows.spec import TerminationSpec
from al_workflows.structures import max_force
from al_workflows.termination import Progress
from al_workflows.termination.force import DftForce

#: the criterion's name in verdicts, and the strategy's in requests
CURVATURE = "curvature"
#: in the evidence: the lowest curvature that DFT found beside the structure
LOWEST_CURVATURE = "lowest_curvature_eV_per_A2"
#: a structure is displaced so often at most; then it stays undecided, which ends the run as stalled if it was to be
#: confirmed in any case
MAX_DISPLACEMENTS, MAX_IF_UNSURE = 6, 3


@dataclass(frozen=True, eq=False)
class Question:
    """A structure of small DFT forces that is being looked at.

    ``first`` is the cycle that labelled it; ``displaced`` are the labels beside it so far, failed ones included;
    ``tries`` counts the cycles spent on it, in some of which no single point was made. ``surprised`` says that the
    model held the last direction for negative, and DFT finds it clearly positive.
    """

    point: Label
    first: int
    displaced: tuple[Label, ...]
    tries: int
    surprised: bool

    @property
    def answered(self) -> list[Label]:
        """The labels beside it that were accepted."""
        return [label for label in self.displaced if label.ok]


def questions(history: Sequence[Cycle], labels: Sequence[Label]) -> list[Question]:
    """All structures that the run has asked about, in order."""
    asking = [cycle for cycle in history if _asks(cycle.verdict)]
    found = []
    for key, cycles in groupby(asking, key=lambda cycle: cycle.verdict.label_key):
        asked = [cycle.index for cycle in cycles]
        (point,) = (label for label in labels if label.key == key)
        beside = [label for label in labels if label.request.strategy == CURVATURE and label.cycle - 1 in asked]
        surprised = bool(beside) and _surprised(point, beside[-1], history)
        found.append(Question(point, asked[0], tuple(beside), len(asked) - 1, surprised))
    return found


def _surprised(point: Label, moved: Label, history: Sequence[Cycle]) -> bool:
    if not moved.ok or moved.cycle >= len(history):
        return False
    said = history[moved.cycle].verdict.evidence.get(ASKED_CURVATURE, 0.0)
    return said < -TOLERANCE and check_mode(point, moved).curvature > UNSURE


def open_question(history: Sequence[Cycle], labels: Sequence[Label]) -> Question | None:
    """What the cycle behind ``history`` is to ask about; None if it is to simulate as usual."""
    return questions(history, labels)[-1] if history and _asks(history[-1].verdict) else None


def saddle_at(label: Label, history: Sequence[Cycle], labels: Sequence[Label]) -> Question | None:
    """The question that DFT answered by a saddle, of which ``label`` is the point or one displaced from it."""
    for question in questions(history, labels):
        closed = question.first + question.tries + 1
        there = label.key == question.point.key or label in question.displaced
        if there and len(history) > closed and _found(history[closed].verdict):
            return question
    return None


def saddle_was_found(history: Sequence[Cycle]) -> bool:
    """Whether the run has been on a saddle: from then on it must not begin at the start again."""
    return any(_found(cycle.verdict) for cycle in history)


class ConfirmedMinimum:
    """The target ``fmax`` (eV/Å) is met, and no direction is found in which DFT's energy curves downwards.

    One displacement along the model's softest mode is asked for; the model is trained on the answer, and if it then is
    not sure of another direction, DFT is asked about that one as well, and last about the other side of what was near
    zero on one. With ``if_unsure`` DFT is asked only about modes of whose sign the model, trained on the structure's
    label, is not sure, and a structure about which DFT cannot be asked, or not often enough, has converged by its
    forces.
    """

    def __init__(self, fmax: float, limits: TerminationSpec, if_unsure: bool) -> None:
        self._fmax, self._limits, self._if_unsure = fmax, limits, if_unsure
        self._force = DftForce(fmax)

    def judge(self, progress: Progress) -> Verdict | None:
        """See :class:`~al_workflows.termination.Criterion`; goes on with a reason while a structure is looked at."""
        question = open_question(progress.history, progress.earlier)
        if question is not None:
            return self._answer(question, progress)
        small = self._force.judge(progress)
        if small is None:
            return None
        if self._if_unsure:
            if not self._can_ask(progress):
                return small
            reason = f"{small.reason}; the model learns from it, and is asked whether that is a minimum"
            return Verdict(VerdictKind.CONTINUE, CURVATURE, reason, small.evidence, small.label_key)
        reason = f"{small.reason}; whether that is a minimum, DFT will tell beside it, along the model's softest mode"
        return Verdict(VerdictKind.CONTINUE, CURVATURE, reason, small.evidence, small.label_key)

    def _can_ask(self, progress: Progress) -> bool:
        has_modes = progress.best is not None and can_have_modes(progress.best[1].atoms)
        return has_modes and self._may_go_on(progress)

    def _may_go_on(self, progress: Progress) -> bool:
        limits = self._limits
        return progress.index < limits.max_cycles and progress.dft_calls < limits.max_dft_calls

    def _answer(self, question: Question, progress: Progress) -> Verdict:
        point, pool = question.point, progress.pool
        answered = [*question.answered, *(label for label in progress.labels if label.ok)]
        checks = [check for _, check in checks_beside(point, answered)]
        closed = pool is not None and pool.stop_reason is StopReason.MODES_CHECKED
        order = int(pool.measures.get(MODEL_NEGATIVE, 0)) if pool is not None else 0
        evidence = self._evidence(point, checks, progress)
        if any(check.negative() for check in checks):
            reason = (
                f"{point.key} is no minimum: {judge(order, not closed, checks).reason}; "
                "the next relaxation starts beside it"
            )
            return Verdict(VerdictKind.CONTINUE, CURVATURE, reason, evidence)
        small = (
            f"the DFT forces of {point.key} are at most {evidence['fmax_eV_per_A']:.4f} eV/Å (target {self._fmax:g})"
        )
        if closed:
            found = judge(order, False, checks).reason if checks else _unasked(evidence)
            return Verdict(VerdictKind.CONVERGED, CURVATURE, f"{small}; {found}", evidence, point.key)
        asked = question.tries + 1
        if asked >= (MAX_IF_UNSURE if self._if_unsure else MAX_DISPLACEMENTS):
            found = judge(max(order, 1), True, checks).reason
            reason = f"{small}, but {asked} displacements did not tell whether it is a minimum: {found}"
            kind = VerdictKind.CONVERGED if self._if_unsure else VerdictKind.STALLED
            return Verdict(kind, CURVATURE, reason, evidence, point.key)
        if self._if_unsure and not self._may_go_on(progress):
            reason = f"{small}; whether it is a minimum is open: no cycle or DFT call is left to ask"
            return Verdict(VerdictKind.CONVERGED, CURVATURE, reason, evidence, point.key)
        if any(label.ok for label in progress.labels):
            reason = (
                f"the lowest curvature that DFT finds beside {point.key} is {evidence[LOWEST_CURVATURE]:.2f} eV/Å²; "
                "the model learns from it, and is asked for other directions"
            )
        else:
            reason = f"DFT has no answer beside {point.key}; it is displaced otherwise"
        return Verdict(VerdictKind.CONTINUE, CURVATURE, reason, evidence, point.key)

    def _evidence(self, point: Label, checks: Sequence[ModeCheck], progress: Progress) -> dict[str, float]:
        found = {"target_eV_per_A": self._fmax, "dft_calls": float(progress.dft_calls)}
        if point.forces is not None:
            found["fmax_eV_per_A"] = max_force(point.atoms, point.forces)
        if checks:
            found[LOWEST_CURVATURE] = min(check.curvature for check in checks)
        return found | (progress.pool.measures if progress.pool is not None else {})


def _unasked(evidence: dict[str, float]) -> str:
    """Why no single point was needed."""
    softest = evidence.get(MODEL_CURVATURE)
    if softest is None:
        return "nothing is free to move but the whole"
    return f"that it is a minimum is the model's word, which is sure of its softest mode ({softest:.2f} eV/Å²)"


def _asks(verdict: Verdict) -> bool:
    return verdict.kind is VerdictKind.CONTINUE and verdict.criterion == CURVATURE and verdict.label_key is not None


def _found(verdict: Verdict) -> bool:
    return verdict.kind is VerdictKind.CONTINUE and verdict.criterion == CURVATURE and verdict.label_key is None
