"""Is it a minimum? What the model says, what it says after a DFT displacement, and what the parent's Hessian says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT

from al_workflows import offline, steps
from al_workflows.benchmark.sites import Site, draw_sites
from al_workflows.benchmark.systems import REPORTED_DRAW
from al_workflows.curvature import PointKind, check_mode, modes, secant_correction
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.free_directions import free_directions
from al_workflows.potential import PotentialCalculator
from al_workflows.records import Label, Pool, Request, VerdictKind
from al_workflows.results import RunResult
from al_workflows.run_directory import read_run_directory
from al_workflows.simulations.displacement import MODEL_CURVATURE, MODEL_NEGATIVE
from al_workflows.spec import RunSpec
from al_workflows.spec_file import parse_spec
from al_workflows.termination.curvature import Question, questions

#: told of each run's rows as they come
Listener = Callable[[Sequence["CurvatureRow"]], None]


@dataclass(frozen=True)
class CurvatureRow:
    """One structure with small DFT forces, and whether it is a minimum; curvatures are the lowest, in eV/Å².

    ``labels`` is how many single points the model had learned from when it was asked. ``*_negative`` counts modes below
    -:data:`~al_workflows.curvature.TOLERANCE`; ``true_*`` are of the parent's Hessian, ``model_*`` of the model's,
    ``retrained_*`` of the model's after the first displacement; ``dft_curvature`` is the lowest that displacements
    found, ``calls`` their number. ``false`` is a verdict that the parent's Hessian contradicts: a minimum with a mode
    below minus the tolerance, or a saddle without a negative mode.
    """

    system: str
    seed: int
    place: int
    labels: int
    true_negative: int
    true_curvature: float
    model_negative: int
    model_curvature: float
    dft_curvature: float | None
    retrained_negative: int
    retrained_curvature: float
    verdict: str
    calls: int
    false: bool


def curvature_study(
    seeds: int = 1,
    sites: Sequence[Site] | None = None,
    fmax: float = 0.03,
    parent: Callable[[], Calculator] = EMT,
    listener: Listener | None = None,
) -> list[CurvatureRow]:
    """Relax from symmetric starts with ``confirm_minimum`` and judge every structure that a run asked about.

    Parameters
    ----------
    seeds
        The runs of a start have the seeds 0 to ``seeds - 1``.
    sites
        The starts; by default 18 of the reported draw.
    fmax
        Target of the DFT forces, eV/Å.
    parent
        Makes the calculator in the place of DFT.
    listener
        Called with the rows of each run as it ends.
    """
    rows: list[CurvatureRow] = []
    for site in sites if sites is not None else draw_sites(REPORTED_DRAW, 18):
        for seed in range(seeds):
            found = list(_run(site, seed, fmax, parent))
            rows += found
            if listener is not None:
                listener(found)
    return rows


def _run(site: Site, seed: int, fmax: float, parent: Callable[[], Calculator]) -> Iterator[CurvatureRow]:
    spec = parse_spec(
        {
            "name": site.name,
            "seed": seed,
            "structure": f"{site.name}.extxyz",
            "simulation": {"kind": "relaxation", "fmax": fmax, "confirm_minimum": True},
            "dft": {"kind": "emt"},  # not asked: the labeller answers
        }
    )
    calculator = parent()

    def answer(request: Request, directory: Path) -> Label:
        return single_point_in_process(request, calculator, limit=spec.dft, directory=directory)

    with TemporaryDirectory() as directory:
        result = offline.run(spec, site.start(), Path(directory), answer)
        pools = read_run_directory(Path(directory)).pools
    for place, question in enumerate(questions(result.cycles, result.labels)):
        yield _row(site, place, spec, result, question, pools[question.first + 1], parent())


def _kind(result: RunResult, question: Question) -> PointKind:
    """What the run took the structure for."""
    closing = result.cycles[question.first + question.tries + 1].verdict
    if closing.kind is VerdictKind.CONTINUE:
        return PointKind.SADDLE
    return PointKind.MINIMUM if closing.kind is VerdictKind.CONVERGED else PointKind.UNDECIDED


def _row(
    site: Site, place: int, spec: RunSpec, result: RunResult, question: Question, pool: Pool, parent: Calculator
) -> CurvatureRow:
    point, cycle = question.point, question.first
    before = [label for label in result.labels if label.cycle <= cycle]
    true = modes(point.atoms, parent)
    learned = [label for label in result.labels if label.cycle <= cycle + 1]
    model = PotentialCalculator(steps.train(spec, cycle + 2, learned))
    beside = [label for label in question.answered if label.cycle == cycle + 1]
    correction = secant_correction(point, beside, model, free_directions(point.atoms))
    retrained = modes(point.atoms, model, correction=correction)
    checks = [check_mode(point, label).curvature for label in question.answered]
    kind = _kind(result, question)
    false = kind is PointKind.MINIMUM and true.negative() > 0
    false = false or (kind is PointKind.SADDLE and bool(true.curvatures[0] >= 0))
    return CurvatureRow(
        system=site.name,
        seed=spec.seed,
        place=place,
        labels=len(before),
        true_negative=true.negative(),
        true_curvature=float(true.curvatures[0]),
        model_negative=int(pool.measures[MODEL_NEGATIVE]),
        model_curvature=pool.measures[MODEL_CURVATURE],
        dft_curvature=min(checks, default=None),
        retrained_negative=retrained.negative(),
        retrained_curvature=float(retrained.curvatures[0]),
        verdict=kind.value,
        calls=len(question.displaced),
        false=false,
    )
