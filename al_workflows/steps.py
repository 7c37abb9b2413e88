"""The method: train, simulate, query, label, check. Plain functions from values to values.

The in-process loop (:mod:`al_workflows.offline`) and the Firetasks call these and nothing else, so that both give
the same numbers for the same seed. Shuaibi et al., Mach. Learn.: Sci. Technol. 2 (2021) 025007 (offline active
learning), with the additions that the README names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from al_workflows.bonds import left_behind
from al_workflows.dft.single_point import single_point
from al_workflows.errors import InputError
from al_workflows.online import began, place_to_go_on, stopped_to_ask
from al_workflows.path_ends import NAMES, ends_so_far
from al_workflows.potential import Image, Potential, PotentialCalculator, dump, train_potential
from al_workflows.queries import Query
from al_workflows.queries.displaced import Displaced
from al_workflows.queries.random import Random
from al_workflows.queries.stopped import Stopped
from al_workflows.records import (
    Cycle,
    FloatArray,
    Label,
    Pool,
    Request,
    Selection,
    Verdict,
    VerdictKind,
    atoms_to_dict,
    request_key,
)
from al_workflows.registry import criteria_of, query_of, simulation_of
from al_workflows.selection import admit
from al_workflows.sharing import begins_with, known_structures, of_one_kind
from al_workflows.simulations.displacement import Displacement, asks_for_curvature
from al_workflows.simulations.dynamics import VALIDATION_FRAMES
from al_workflows.spec import DftSpec, NebSpec, RunSpec
from al_workflows.start import simulation_start
from al_workflows.step_checkpoint import NOWHERE, Checkpoint
from al_workflows.termination import Progress
from al_workflows.termination.curvature import CURVATURE, open_question
from al_workflows.termination.force_error import marked_for_validation
from al_workflows.threads import single_threaded
from al_workflows.trust import kicked, trust_radius


def begin(
    spec: RunSpec, run: str, start: Atoms, final: Atoms | None = None, borrowed: Sequence[Label] = ()
) -> Selection:
    """Cycle 0: the start, or nothing where labels ``borrowed`` from other runs are enough for a model to begin with."""
    return Selection(()) if begins_with(spec, start, borrowed) else ask_for_start(run, start, final)


def ask_for_start(run: str, start: Atoms, final: Atoms | None = None) -> Selection:
    """The starting structure, or both ends of a path, before there is any model."""
    if final is None:
        return Selection((Request(request_key(run, 0, 0), start, strategy="start", reason="the starting structure"),))
    ends = zip(NAMES, (start, final), strict=True)
    return Selection(
        tuple(
            Request(request_key(run, 0, index), end, strategy="start", reason=f"the {name} structure")
            for index, (name, end) in enumerate(ends)
        )
    )


@single_threaded
def train(
    spec: RunSpec,
    cycle: int,
    labels: Sequence[Label],
    previous: Potential | None = None,
    checkpoint: Checkpoint = NOWHERE,
    borrowed: Sequence[Label] = (),
    lender: Potential | None = None,
) -> Potential:
    """The potential of ``cycle``, from all labels so far that DFT answered, and those ``borrowed`` from other runs.

    ``checkpoint`` is where a long training goes on after a kill, to the same potential. ``lender`` is another run's
    potential, whose weights a warm start begins with where there is no ``previous`` one.

    Raises
    ------
    InputError
        The labels are of different DFT settings or code versions.
    """
    labels = [*of_one_kind(borrowed, labels), *labels]
    refuse_mixture(labels)
    images = [
        Image(label.atoms, label.energy, label.forces)
        for label in labels
        if label.energy is not None and label.forces is not None
    ]
    kept = checkpoint.of(
        "train",
        [spec.seed, cycle],
        spec.potential.model_dump(mode="json"),
        lambda: [[atoms_to_dict(label.atoms), label.energy, _listed(label.forces)] for label in labels],
        lambda: None if previous is None else dump(previous),
        lambda: None if lender is None else dump(lender),
    )
    return train_potential(
        images, spec.potential, seed=(spec.seed, cycle), previous=previous, checkpoint=kept, lender=lender
    )


@single_threaded
def simulate(
    spec: RunSpec,
    cycle: int,
    start: Atoms,
    potential: Potential,
    labels: Sequence[Label],
    history: Sequence[Cycle],
    final: Atoms | None = None,
    checkpoint: Checkpoint = NOWHERE,
    borrowed: Sequence[Label] = (),
    before: Pool | None = None,
) -> Pool:
    """The simulation on the model; its frames are the pool for the query. ``final`` is where a path ends.

    ``checkpoint`` is where molecular dynamics go on after a kill, to the same pool. With ``borrowed`` labels a
    relaxation may leave the trust radius where the model is sure enough. ``before`` is the last cycle's pool, which an
    online simulation goes on from (:mod:`al_workflows.online`).
    """
    calculator = PotentialCalculator(potential)
    question = open_question(history, labels)
    if question is not None:
        if_unsure = spec.confirm_minimum == "if_unsure"
        informed = any(of_one_kind(borrowed, labels))
        displacement = Displacement(
            question.point, question.answered, question.tries, question.surprised, if_unsure, informed
        )
        return displacement.run(calculator)
    borrowed = of_one_kind(borrowed, labels)
    known = known_structures(start, labels, borrowed)
    ends, place = None, None
    if isinstance(spec.simulation, NebSpec):
        ends = ends_so_far(spec.simulation, start, final or start, labels)
    else:
        place = place_to_go_on(spec, before, labels, history, potential, _rng(spec, cycle, "go on"))
        start = place.atoms if place is not None else simulation_start(spec, start, labels, history, calculator)
        if spec.target_fmax is not None:
            start = kicked(start, history, _rng(spec, cycle, "kick"))
    kept = checkpoint.of(
        "simulate",
        [spec.seed, cycle],
        spec.simulation.model_dump(mode="json"),
        spec.dft.min_distance,
        atoms_to_dict(start),
        lambda: [atoms_to_dict(atoms) for atoms in known],
        lambda: dump(potential),
        *([] if place is None else [place.key]),
    )
    radius, state = trust_radius(spec.simulation, history), None if place is None else place.state
    simulation = simulation_of(spec, radius, ends, kept, informed=bool(borrowed), goes_on=state)
    pool = simulation.run(start, calculator, known, _rng(spec, cycle, "simulate"))
    return began(marked_for_validation(pool, spec.simulation, history), place)


@single_threaded
def query(spec: RunSpec, run: str, cycle: int, pool: Pool, potential: Potential, labels: Sequence[Label]) -> Selection:
    """The frames that DFT is asked for: as the strategy ranks them, without duplicates and without hopeless ones."""
    strategy, name = _strategy(spec, pool)
    known = [label.atoms for label in labels if label.ok]
    left = spec.termination.max_dft_calls - sum(label.attempts > 0 for label in labels)
    if len(pool) == 0:  # the simulation ended before its first frame
        return Selection(())
    ranking = strategy.rank(pool, potential, known, _rng(spec, cycle, "query"))
    keys = [request_key(run, cycle, index) for index in range(min(strategy.batch, left))]
    return admit(ranking, pool, labels, keys, strategy=name, min_distance=spec.dft.min_distance)


def label(request: Request, dft: DftSpec, directory: Path) -> Label:
    """One DFT single point in its own directory and process; a failure is a label with its cause."""
    return single_point(request, dft, directory)


def check(spec: RunSpec, progress: Progress) -> Verdict:
    """Whether the run ends after this cycle; ``CONVERGED`` rests on DFT numbers alone.

    The first criterion that ends the run does; else the first that has a reason to go on gives it, with the evidence of
    all that have one.
    """
    verdict = _judged(spec, progress)
    if progress.pool is None or not progress.pool.began:
        return verdict
    criterion = "online" if verdict.criterion == "none" else verdict.criterion
    return replace(verdict, criterion=criterion, reason=f"{verdict.reason}; before: {progress.pool.began}")


def _judged(spec: RunSpec, progress: Progress) -> Verdict:
    going_on: Verdict | None = None
    for criterion in criteria_of(spec):
        verdict = criterion.judge(progress)
        if verdict is None:
            continue
        if verdict.kind is VerdictKind.CONTINUE:
            going_on = going_on or verdict
            going_on = replace(going_on, evidence=verdict.evidence | going_on.evidence)
        elif verdict.kind is VerdictKind.CONVERGED:
            return _with_remark(verdict, progress)
        elif going_on is not None and verdict.label_key is None:
            # ended in the middle of a question about a structure, which is the best answer that there is
            return replace(
                verdict,
                label_key=going_on.label_key,
                reason=f"{verdict.reason}; {going_on.reason}",
                evidence=going_on.evidence | verdict.evidence,
            )
        else:
            return verdict
    if going_on is not None:
        return going_on
    best = f"the smallest DFT fmax of this cycle is {progress.best[0]:.4f} eV/Å" if progress.best else "no new label"
    return Verdict(VerdictKind.CONTINUE, criterion="none", reason=best)


def _with_remark(verdict: Verdict, progress: Progress) -> Verdict:
    """``verdict``, which says as well if its structure is in more pieces than the start was."""
    labels = [label for label in progress.earlier + progress.labels if label.ok]
    for label in labels:
        remark = left_behind(label.atoms, labels[0].atoms) if label.key == verdict.label_key else ""
        if remark:
            return replace(verdict, reason=f"{verdict.reason}; {remark}")
    return verdict


def close_cycle(spec: RunSpec, progress: Progress, seconds: dict[str, float]) -> Cycle:
    """What the cycle leaves in the run's history: the check's verdict and the numbers it rests on.

    Raises
    ------
    InputError
        The labels are of different DFT settings or code versions.
    """
    refuse_mixture([*progress.earlier, *progress.labels])
    fmax, best = progress.best if progress.best is not None else (None, None)
    return Cycle(
        index=progress.index,
        verdict=check(spec, progress),
        dft_calls=sum(label.attempts > 0 for label in progress.labels),
        fmax=fmax,
        energy=best.energy if best is not None else None,
        trust_radius=trust_radius(spec.simulation, progress.history) if _moves(progress) else None,
        seconds=seconds,
    )


def refuse_mixture(labels: Sequence[Label]) -> None:
    """Raise an :class:`InputError` if accepted labels come from different settings or versions of DFT."""
    kinds = {label.dft_hash: label for label in labels if label.ok}
    if len(kinds) > 1:
        one, other, *_ = kinds.values()
        raise InputError(
            f"{one.key} was computed with {one.code} and {other.key} with {other.code}, or with other settings, but "
            "all labels of a run must be of one kind; run every worker with one installation, and the run anew"
        )


def _strategy(spec: RunSpec, pool: Pool) -> tuple[Query, str]:
    """Who asks for structures of ``pool``, and the name that the requests bear."""
    if asks_for_curvature(pool):
        return Displaced(), CURVATURE
    if VALIDATION_FRAMES in pool.measures:
        return Random(int(pool.measures[VALIDATION_FRAMES]), final=False), "validation"
    if stopped_to_ask(spec, pool):
        return Stopped(), "online"
    return query_of(spec), spec.query.kind


def _listed(array: FloatArray | None) -> list[Any] | None:
    return None if array is None else array.tolist()


def _moves(progress: Progress) -> bool:
    """Whether the cycle's simulation was one that keeps to a trust radius."""
    return progress.index > 0 and not (progress.pool is not None and asks_for_curvature(progress.pool))


def _rng(spec: RunSpec, cycle: int, step: str) -> np.random.Generator:
    """Each step of each cycle draws from a stream of its own, so that repeating one changes no other."""
    return np.random.default_rng([spec.seed, cycle, *step.encode()])
