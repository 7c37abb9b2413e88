"""Is it a minimum? What the model says, what it says after a DFT displacement, and what the parent's Hessian says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT

from al_workflows import offline, steps
from al_workflows.benchmark.jobs import as_they_finish
from al_workflows.benchmark.sites import Site, draw_sites
from al_workflows.benchmark.systems import REPORTED_DRAW
from al_workflows.benchmark.tables import Column
from al_workflows.curvature import modes
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.mode_check import PointKind, checks_beside
from al_workflows.potential import PotentialCalculator
from al_workflows.records import Label, Pool, Record, Request, VerdictKind
from al_workflows.results import RunResult
from al_workflows.run_directory import read_run_directory
from al_workflows.simulations.displacement import MODEL_CURVATURE, MODEL_NEGATIVE, modes_at
from al_workflows.spec import RunSpec
from al_workflows.spec_file import parse_spec
from al_workflows.termination.curvature import Question, questions
from al_workflows.threads import single_threaded

#: how many starts of the reported draw
SITES = 18


@dataclass(frozen=True)
class PointRow(Record):
    """One structure with small DFT forces that a run asked about; curvatures are the lowest, in eV/Å².

    ``place`` counts the run's questions from 0; ``labels`` are those that the model had learned from when it asked.
    ``*_negative`` counts modes below -:data:`~al_workflows.curvature.TOLERANCE`: ``true_*`` of the parent's Hessian,
    ``model_*`` of the model's before DFT was asked, ``retrained_*`` after the first displacement (NaN and -1 where that
    failed). ``dft_curvature`` is the lowest that DFT found, ``calls`` the displacements that were made. ``false`` is a
    verdict that the parent's Hessian contradicts: a minimum with a mode below minus the tolerance, or a saddle without
    a mode below zero.
    """

    system: str
    seed: int
    place: Annotated[int, Column("question")]
    labels: int
    true_negative: Annotated[int, Column("negative")]
    true_curvature: Annotated[float, Column("lowest", 2)]
    model_negative: Annotated[int, Column("model: negative")]
    model_curvature: Annotated[float, Column("lowest", 2)]
    retrained_negative: Annotated[int, Column("after one: negative")]
    retrained_curvature: Annotated[float, Column("lowest", 2)]
    dft_curvature: Annotated[float | None, Column("DFT along the mode", 2)]
    verdict: str
    calls: Annotated[int, Column("extra calls")]
    false: bool


@dataclass(frozen=True)
class RunRow(Record):
    """One run with ``confirm_minimum``: how it ended, and the parent's Hessian at its answer.

    ``calls`` are all DFT calls; ``unconfirmed`` those until the first structure with small forces, where a run without
    ``confirm_minimum`` ends (None: there was none); ``questions`` structures that were asked about and ``displaced``
    the single points for that; ``gain`` (eV) is how much lower the answer is than that first structure.
    """

    system: str
    seed: int
    verdict: str
    negative: Annotated[int, Column("negative modes of the answer")]
    curvature: Annotated[float, Column("lowest, eV/Å²", 2)]
    questions: int
    unconfirmed: Annotated[int | None, Column("calls to small forces")]
    displaced: Annotated[int, Column("displacements")]
    calls: Annotated[int, Column("calls in all")]
    gain: Annotated[float | None, Column("energy gained, eV", 3)]


@dataclass(frozen=True)
class Study(Record):
    """The rows of some runs, each run's questions in order."""

    points: tuple[PointRow, ...]
    runs: tuple[RunRow, ...]


#: told of the rows of each run as it ends
Listener = Callable[[Study], None]


def curvature_study(
    seeds: int = 1,
    sites: Sequence[Site] | None = None,
    fmax: float = 0.03,
    jobs: int = 1,
    changes: Mapping[str, Any] | None = None,
    parent: Callable[[], Calculator] = EMT,
    listener: Listener | None = None,
) -> Study:
    """Relax from symmetric starts with ``confirm_minimum``, and judge all that the runs asked about.

    Relaxations stay on the saddles of the model, so that a run comes upon as many stationary points as it can.

    Parameters
    ----------
    seeds
        The runs of a start have the seeds 0 to ``seeds - 1``.
    sites
        The starts; by default the first :data:`SITES` of the reported draw.
    fmax
        Target of the DFT forces, eV/Å.
    jobs
        Processes.
    changes
        Other top-level keys of the runs, as in a run file: ``{"potential": …}``.
    parent
        Makes the calculator in the place of DFT; with several processes, of a module's top level.
    listener
        Called with the rows of each run as it ends.
    """
    chosen = draw_sites(REPORTED_DRAW, SITES) if sites is None else sites
    items = [(site, seed) for site, seed in product(chosen, range(seeds))]
    found: dict[int, Study] = {}
    for index, study in as_they_finish(partial(_study, fmax=fmax, changes=changes or {}, parent=parent), items, jobs):
        found[index] = study
        if listener is not None:
            listener(study)
    in_order = [found[index] for index in sorted(found)]
    return Study(
        tuple(row for study in in_order for row in study.points), tuple(row for study in in_order for row in study.runs)
    )


@single_threaded
def _study(item: tuple[Site, int], fmax: float, changes: Mapping[str, Any], parent: Callable[[], Calculator]) -> Study:
    site, seed = item
    simulation = {"kind": "relaxation", "fmax": fmax, "confirm_minimum": "always"}
    simulation |= {"leave_saddles": False, "also_from_start": False}
    spec = parse_spec(
        {
            "name": site.name,
            "seed": seed,
            "structure": f"{site.name}.extxyz",
            "simulation": simulation,
            "dft": {"kind": "emt"},  # not asked: the labeller answers
            **changes,
        }
    )
    calculator = parent()

    def answer(request: Request, directory: Path) -> Label:
        return single_point_in_process(request, calculator, limit=spec.dft, directory=directory)

    with TemporaryDirectory() as directory:
        result = offline.run(spec, site.start(), Path(directory), answer)
        pools = read_run_directory(Path(directory)).pools
    asked = questions(result.cycles, result.labels)
    points = (
        _point(site, place, spec, result, question, pools[question.first + 1], calculator)
        for place, question in enumerate(asked)
    )
    return Study(tuple(points), tuple(_runs(site, result, asked, calculator)))


def _point(
    site: Site, place: int, spec: RunSpec, result: RunResult, question: Question, pool: Pool, parent: Calculator
) -> PointRow:
    point, cycle = question.point, question.first
    true = modes(point.atoms, parent)
    learned = [label for label in result.labels if label.cycle <= cycle + 1]
    model = PotentialCalculator(steps.train(spec, cycle + 2, learned))
    beside = [label for label in question.answered if label.cycle == cycle + 1]
    retrained = modes_at(point, beside, model)
    kind = _kind(result, question)
    false = kind is PointKind.MINIMUM and true.negative() > 0
    false = false or (kind is PointKind.SADDLE and bool(true.curvatures[0] >= 0))
    return PointRow(
        system=site.name,
        seed=spec.seed,
        place=place,
        labels=sum(label.cycle <= cycle for label in result.labels),
        true_negative=true.negative(),
        true_curvature=float(true.curvatures[0]),
        model_negative=int(pool.measures[MODEL_NEGATIVE]),
        model_curvature=pool.measures[MODEL_CURVATURE],
        retrained_negative=retrained.negative() if beside else -1,
        retrained_curvature=float(retrained.curvatures[0]) if beside else float("nan"),
        dft_curvature=min((check.curvature for _, check in checks_beside(point, question.answered)), default=None),
        verdict=kind.value,
        calls=sum(label.attempts > 0 for label in question.displaced),
        false=false,
    )


def _kind(result: RunResult, question: Question) -> PointKind:
    """What the run took the structure for."""
    closing = result.cycles[question.first + question.tries + 1].verdict
    if closing.kind is VerdictKind.CONTINUE:
        return PointKind.SADDLE
    return PointKind.MINIMUM if closing.kind is VerdictKind.CONVERGED else PointKind.UNDECIDED


def _runs(site: Site, result: RunResult, asked: Sequence[Question], parent: Calculator) -> Iterator[RunRow]:
    answer = result.answer
    if answer is None or answer.energy is None:  # not even the start was computed
        return
    true = modes(answer.atoms, parent)
    first = asked[0].point if asked else None
    yield RunRow(
        system=site.name,
        seed=result.seed,
        verdict=result.verdict.kind.value,
        negative=true.negative(),
        curvature=float(true.curvatures[0]),
        questions=len(asked),
        unconfirmed=sum(label.cycle <= first.cycle for label in result.labels) if first is not None else None,
        displaced=sum(len(question.displaced) for question in asked),
        calls=result.dft_calls,
        gain=first.energy - answer.energy if first is not None and first.energy is not None else None,
    )
