"""The tables of the curvature study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from al_workflows.benchmark.curvature import PointRow, Study
from al_workflows.benchmark.tables import Column, Document, Table
from al_workflows.curvature import AMPLITUDE, TOLERANCE
from al_workflows.mode_check import PointKind


@dataclass(frozen=True)
class KindRow:
    """Structures of one kind: how often each word on "minimum or saddle" was right."""

    kind: Annotated[str, Column("by the parent's Hessian")]
    points: Annotated[int, Column("structures")]
    model: Annotated[int, Column("model right")]
    retrained: Annotated[int, Column("right after one displacement")]
    order: Annotated[int, Column("order right after one")]
    verdict: Annotated[int, Column("verdict right")]
    undecided: int
    false: int
    calls: Annotated[float, Column("extra calls, mean", 2)]


def document(study: Study, command: str, settings: Mapping[str, Any]) -> Document:
    """All tables of the study."""
    notes = [
        f"Negative: modes below -{TOLERANCE:g} eV/Å² of the parent's Hessian without masses; a displacement moves "
        f"one atom by {AMPLITUDE:g} Å, the others less.",
        "False: called a minimum with such a mode, or a saddle with no mode below zero. Flat: its lowest is between; "
        "either word is right.",
    ]
    summary = Table("Minimum or saddle, by kind", list(by_kind(study.points)), notes)
    return Document(
        "Curvature: verdicts against the parent's Hessian",
        command,
        settings,
        [summary, Table("By structure, eV/Å²", study.points), Table("By run", study.runs)],
    )


def by_kind(points: Sequence[PointRow]) -> Iterator[KindRow]:
    """A row for each kind of stationary point that there is, and one for all."""
    kinds = sorted({_kind(point) for point in points})
    for kind in [*kinds, "all"]:
        these = [point for point in points if kind in ("all", _kind(point))]
        if these:
            yield KindRow(
                kind=kind,
                points=len(these),
                model=sum(_right(point, point.model_curvature, point.model_negative) for point in these),
                retrained=sum(_right(point, point.retrained_curvature, point.retrained_negative) for point in these),
                order=sum(point.retrained_negative == point.true_negative for point in these),
                verdict=sum(not point.false and point.verdict != PointKind.UNDECIDED for point in these),
                undecided=sum(point.verdict == PointKind.UNDECIDED for point in these),
                false=sum(point.false for point in these),
                calls=sum(point.calls for point in these) / len(these),
            )


def _kind(point: PointRow) -> str:
    if point.true_negative:
        return f"saddle of order {point.true_negative}"
    return "minimum" if point.true_curvature >= 0 else "flat"


def _right(point: PointRow, curvature: float, negative: int) -> bool:
    """Whether minimum or saddle is told rightly by a Hessian with so many ``negative`` modes; of a flat one, always."""
    if curvature != curvature:  # there is none
        return False
    flat = point.true_negative == 0 and point.true_curvature < 0
    return flat or (negative > 0) == (point.true_negative > 0)
