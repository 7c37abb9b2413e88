"""The tables of the dynamics benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Any

from al_workflows.benchmark.md import ENOUGH, ENOUGH_OF_ELEMENT, MdTask, MdTrial
from al_workflows.benchmark.md_parent import FRAMES, STRIDE, worst_element
from al_workflows.benchmark.tables import Column, Document, Table
from al_workflows.force_errors import ALL


@dataclass(frozen=True)
class CallsRow:
    """DFT calls of one variant on one system over the seeds."""

    system: str
    temperature: Annotated[float, Column("K", 0)]
    variant: str
    converged: str
    enough: Annotated[float | None, Column("median calls to the accuracy", 1)]
    worst_enough: Annotated[float | None, Column("worst", 0)]
    calls: Annotated[float, Column("median calls to the verdict", 1)]
    worst: Annotated[float, Column("worst", 0)]
    false: Annotated[int, Column("said so and was not")]
    by_seed: Annotated[tuple[int, ...], Column("calls to the verdict by seed")]


@dataclass(frozen=True)
class ErrorsRow:
    """What the last models are worth on the independent trajectory, and on their own frames."""

    system: str
    temperature: Annotated[float, Column("K", 0)]
    variant: str
    force: Annotated[float, Column("median force MAE, eV/Å", 4)]
    worst: Annotated[float, Column("worst", 4)]
    element: Annotated[float, Column("worst of an element", 4)]
    own: Annotated[float | None, Column("median on own frames", 4)]
    energy: Annotated[float, Column("median energy MAE, eV", 4)]
    radial: Annotated[float, Column("median RDF difference", 3)]
    model_temperature: Annotated[float, Column("mean K, model", 0)]
    parent_temperature: Annotated[float, Column("mean K, parent", 0)]


@dataclass(frozen=True)
class CostRow:
    """Trajectories and time of one variant on one system."""

    system: str
    temperature: Annotated[float, Column("K", 0)]
    variant: str
    cycles: Annotated[float, Column("median cycles", 1)]
    early: Annotated[str, Column("trajectories that ended early")]
    train: Annotated[float, Column("training, CPU s a run", 1)]
    simulate: Annotated[float, Column("dynamics, CPU s a run", 1)]
    per_step: Annotated[float | None, Column("ms a step", 2)]


def document(tasks: Sequence[MdTask], trials: Sequence[MdTrial], command: str) -> Document:
    """Tables and all runs; ``command`` is what the user typed."""
    variants = {task.variant.name: task.variant.about for task in tasks}
    settings: dict[str, Any] = {
        "parent": "EMT",
        "accuracy": f"force MAE of free atoms {ENOUGH:g} eV/Å, of each element {ENOUGH_OF_ELEMENT:g}",
        "judged on": f"{FRAMES} frames, one in {STRIDE} fs, of the parent's own dynamics with velocities of their own",
        "seeds": sorted({task.seed for task in tasks}),
    } | {f"variant `{name}`": about for name, about in variants.items()}
    groups: dict[tuple[str, float, str], list[MdTrial]] = {}
    for trial in trials:
        groups.setdefault((trial.system, trial.temperature, trial.variant), []).append(trial)
    tables = [
        Table(
            "Calls",
            [_calls(*key, group) for key, group in groups.items()],
            (
                "calls to the accuracy: labels of the first model from which on all are accurate on the independent "
                "trajectory, which no run sees; ∞ where the last is not",
                "calls to the verdict: until the run itself says CONVERGED, twice on fresh frames of its own, or its "
                "budget is spent",
                "said so and was not: CONVERGED, but the last model is not accurate on the independent trajectory",
            ),
        ),
        Table(
            "Errors of the last model on the independent trajectory",
            [_errors(*key, group) for key, group in groups.items()],
            ("RDF difference: area between both total radial distribution functions over that below the parent's",),
        ),
        Table(
            "Trajectories and time",
            [_cost(*key, group) for key, group in groups.items()],
            ("ms a step: all of the simulation's time, equilibration and looks at the ensemble included",),
        ),
    ]
    return Document("Molecular dynamics: calls of the parent potential", command, settings, tables, {"runs": trials})


def _calls(system: str, temperature: float, variant: str, group: Sequence[MdTrial]) -> CallsRow:
    enough = [float("inf") if trial.calls_to_enough is None else trial.calls_to_enough for trial in group]
    calls = [trial.calls[-1] for trial in group]
    return CallsRow(
        system=system,
        temperature=temperature,
        variant=variant,
        converged=f"{sum(trial.converged for trial in group)}/{len(group)}",
        enough=float(median(enough)),
        worst_enough=float(max(enough)),
        calls=float(median(calls)),
        worst=float(max(calls)),
        false=sum(trial.converged and not trial.good for trial in group),
        by_seed=tuple(calls),
    )


def _errors(system: str, temperature: float, variant: str, group: Sequence[MdTrial]) -> ErrorsRow:
    last = [trial.errors[-1] for trial in group]
    own = [trial.own[ALL] for trial in group if ALL in trial.own]
    return ErrorsRow(
        system=system,
        temperature=temperature,
        variant=variant,
        force=median(errors[ALL] for errors in last),
        worst=max(errors[ALL] for errors in last),
        element=max(worst_element(errors) for errors in last),
        own=median(own) if own else None,
        energy=median(trial.energies[-1] for trial in group),
        radial=median(trial.radial for trial in group),
        model_temperature=median(trial.temperatures[0] for trial in group),
        parent_temperature=median(trial.temperatures[1] for trial in group),
    )


def _cost(system: str, temperature: float, variant: str, group: Sequence[MdTrial]) -> CostRow:
    stops = [stop for trial in group for stop in trial.stops]
    early = sorted({stop for stop in stops if stop != "max_steps"})
    named = ", ".join(f"{stop} {stops.count(stop)}" for stop in early)
    moved = sum(trial.moved for trial in group)
    spent = sum(trial.seconds["simulate"] for trial in group)
    return CostRow(
        system=system,
        temperature=temperature,
        variant=variant,
        cycles=median(len(trial.stops) for trial in group),
        early=f"{sum(stop != 'max_steps' for stop in stops)} of {len(stops)}" + (f" ({named})" if named else ""),
        train=median(trial.seconds["train"] for trial in group),
        simulate=median(trial.seconds["simulate"] for trial in group),
        per_step=1000 * spent / moved if moved else None,
    )
