"""What the page of a single point shows: the request, the answer if there is one, and what led to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from fireworks import LaunchPad

from al_workflows.errors import InputError
from al_workflows.force_errors import ALL, frame_errors
from al_workflows.history import RunHistory
from al_workflows.potential.values import TrainingMetrics
from al_workflows.records import FloatArray, Label, Request, request_key
from al_workflows.structures import free_atoms, max_force
from fw_specs.keys import CYCLE, DFT, MODELS, RUN, STEP, cycle_id
from launchpad.dashboard import remedies
from launchpad.dashboard.data.log_tail import Tail, read_tail
from launchpad.dashboard.data.run_fireworks import Box, read_boxes


@dataclass(frozen=True)
class Compared:
    """A quantity by the model and by DFT; ``difference`` is model minus DFT."""

    name: str
    unit: str
    model: float | None
    dft: float | None
    difference: float | None


@dataclass(frozen=True)
class AtomRow:
    """An atom: Å, and eV/Å [3] each."""

    index: int
    symbol: str
    fixed: bool
    position: Sequence[float]
    dft: Sequence[float] | None
    model: Sequence[float] | None


@dataclass(frozen=True)
class LabelView:
    """A single point; ``label`` is None until DFT has answered, ``box`` its Firework, ``model`` that which asked."""

    run: str
    cycle: int
    index: int
    request: Request
    label: Label | None
    box: Box | None
    model: TrainingMetrics | None
    settings: str
    before: tuple[int, int] | None
    after: tuple[int, int] | None
    directory: Path

    @property
    def status(self) -> str:
        """How it ended, or what its Firework does."""
        if self.label is not None:
            return self.label.status.value
        return self.box.state if self.box is not None else "WAITING"

    @property
    def remedy(self) -> str:
        """What to do if it failed."""
        if self.label is None or self.label.ok:
            return ""
        return remedies.remedy(remedies.POINTS, f"{self.label.status.value} {self.label.cause}")

    @property
    def compared(self) -> list[Compared]:
        """What the model predicted against what DFT said."""
        return compare(self.request, self.label)

    @property
    def forces(self) -> tuple[FloatArray | None, FloatArray | None]:
        """DFT's and the model's, eV/Å, [N, 3]."""
        return (self.label.forces if self.label is not None else None), self.request.predicted_forces

    @property
    def atoms(self) -> list[AtomRow]:
        """A row for each atom."""
        (dft, model), free = self.forces, free_atoms(self.request.atoms)
        return [
            AtomRow(
                index,
                atom.symbol,
                not free[index],
                atom.position.tolist(),
                None if dft is None else dft[index].tolist(),
                None if model is None else model[index].tolist(),
            )
            for index, atom in enumerate(self.request.atoms)
        ]

    def tail(self) -> Tail:
        """The end of the code's output."""
        return read_tail(self.run, self.directory, self.request.key)


def read_label(launchpad: LaunchPad, history: RunHistory, directory: Path, cycle: int, index: int) -> LabelView:
    """The single point of that place in the run.

    Raises
    ------
    InputError
        The run has asked for none such.
    """
    run, key = history.run, request_key(history.run, cycle, index)
    labels = {(label.cycle, label.index): label for label in history.labels}
    boxes = {(box.cycle, box.index or 0): box for box in read_boxes(launchpad, run, history.spans) if box.step == DFT}
    places = sorted({*labels, *boxes})
    label = labels.get((cycle, index))
    request = label.request if label is not None else _asked(launchpad, run, cycle, key)
    if request is None:
        raise InputError(
            f"run {run} has asked for no single point {index} in cycle {cycle}; its page lists those that it has"
        )
    here = places.index((cycle, index)) if (cycle, index) in places else None
    return LabelView(
        run=run,
        cycle=cycle,
        index=index,
        request=request,
        label=label,
        box=boxes.get((cycle, index)),
        model=_model(launchpad, run, cycle),
        settings=str(yaml.safe_dump(history.spec.dft.model_dump(mode="json"), sort_keys=False, allow_unicode=True)),
        before=places[here - 1] if here else None,
        after=places[here + 1] if here is not None and here + 1 < len(places) else None,
        directory=directory,
    )


def compare(request: Request, label: Label | None) -> list[Compared]:
    """Energy and forces by the model and by DFT; empty where no model had been trained."""
    if request.predicted_energy is None or request.predicted_forces is None:
        return []
    model, atoms = request.predicted_forces, request.atoms
    energy, forces = (label.energy, label.forces) if label is not None else (None, None)
    by_model, by_dft = max_force(atoms, model), None if forces is None else max_force(atoms, forces)
    found = [
        Compared("energy", "eV", request.predicted_energy, energy, _less(request.predicted_energy, energy)),
        Compared("largest force on a free atom", "eV/Å", by_model, by_dft, _less(by_model, by_dft)),
    ]
    if forces is not None and free_atoms(atoms).any():
        errors = frame_errors(atoms, model - forces)
        groups = [ALL, *(group for group in errors if group != ALL and len(errors) > 2)]
        found += [
            Compared(f"force MAE{'' if group == ALL else f' of {group}'}", "eV/Å", None, None, errors[group])
            for group in groups
        ]
        largest = float(np.linalg.norm((model - forces)[free_atoms(atoms)], axis=1).max(initial=0.0))
        found.append(Compared("largest force error of a free atom", "eV/Å", None, None, largest))
    return found


def _less(one: float, other: float | None) -> float | None:
    return None if other is None else one - other


def _model(launchpad: LaunchPad, run: str, cycle: int) -> TrainingMetrics | None:
    found = launchpad.db[MODELS].find_one({"_id": cycle_id(run, cycle)}, {"metrics": 1})
    return TrainingMetrics.from_dict(found["metrics"]) if found and "metrics" in found else None


def _asked(launchpad: LaunchPad, run: str, cycle: int, key: str) -> Request | None:
    """The request as the single point's Firework carries it."""
    where = {f"spec.{RUN}": run, f"spec.{CYCLE}": cycle, f"spec.{STEP}": DFT, "spec._tasks.request.key": key}
    found: Mapping[str, Any] | None = launchpad.fireworks.find_one(where, {"spec._tasks": 1})
    return None if found is None else Request.from_dict(found["spec"]["_tasks"][0]["request"])
