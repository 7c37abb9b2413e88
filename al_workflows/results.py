"""What a finished run is, and the files that it leaves."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from al_workflows.files import write_atomically
from al_workflows.force_errors import from_evidence
from al_workflows.path_result import band_images, barrier_summary
from al_workflows.records import Cycle, Label, Pool, Record, Verdict, atoms_to_dict
from al_workflows.spec import RunSpec
from al_workflows.structures import max_force
from al_workflows.uncertainty_errors import uncertainty_calibration

STEPS = ("train", "simulate", "query", "dft")
#: keys of a run file that decide no number: the structures themselves do, not their files' names
_NO_NUMBERS = frozenset({"name", "structure", "final_structure", "resources"})
#: keys that came later, where they are and at which default: at that they leave the id of a run as it was before
_LATER_KEYS = (("loop", {"kind": "offline"}), ("potential", "bagging", False))


def run_id(spec: RunSpec, start: Atoms, final: Atoms | None = None) -> str:
    """``<name>-<hash>``: the hash is over all that decides a run's numbers, so that a changed spec is another run."""
    ends = atoms_to_dict(start), None if final is None else atoms_to_dict(final)
    return f"{spec.name or spec.structure.stem}-{run_digest(spec.model_dump(mode='json'), *ends)}"


def run_digest(spec: dict[str, Any], start: dict[str, Any], final: dict[str, Any] | None) -> str:
    """What ends a run's id, from the run as it is stored (:func:`~al_workflows.records.atoms_to_dict`)."""
    content = {key: value for key, value in spec.items() if key not in _NO_NUMBERS}
    for *rooms, key, default in _LATER_KEYS:
        content = _without(content, rooms, key, default)
    content |= {"start": start} | ({} if final is None else {"final": final})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def _without(content: dict[str, Any], rooms: Sequence[str], key: str, default: Any) -> dict[str, Any]:
    """``content`` without the ``key`` in the room inside it, if that is at its ``default``."""
    if rooms:
        inside = content.get(rooms[0])
        return content | {rooms[0]: _without(inside, rooms[1:], key, default)} if isinstance(inside, dict) else content
    return {name: value for name, value in content.items() if name != key or value != default}


def answer_among(labels: Sequence[Label], verdict: Verdict | None) -> Label | None:
    """The label that ``verdict`` names, else the one of lowest energy; None if no single point succeeded.

    (Not the one of smallest forces: those are small far above a surface as well.)
    """
    for label in labels:
        if verdict is not None and label.key == verdict.label_key:
            return label
    found = [(label.energy, label) for label in labels if label.energy is not None]
    return min(found, key=lambda pair: pair[0])[1] if found else None


@dataclass(frozen=True, eq=False)
class RunResult(Record):
    """A run that has ended: its verdict, its cycles and its labels in the order of asking.

    ``kind`` is the simulation's; ``band`` is the last pool of a path, None for any other simulation; ``borrowed`` are
    the keys of other runs' labels that it has learned from.
    """

    run: str
    seed: int
    verdict: Verdict
    cycles: tuple[Cycle, ...]
    labels: tuple[Label, ...]
    kind: str = "relaxation"
    band: Pool | None = None
    borrowed: tuple[str, ...] = ()

    @property
    def answer(self) -> Label | None:
        """The label that answers the run's question; of a run that did not converge, the one of lowest energy."""
        return answer_among(self.labels, self.verdict)

    @property
    def dft_calls(self) -> int:
        """Distinct geometries computed, the first and the last included."""
        return sum(cycle.dft_calls for cycle in self.cycles)

    @property
    def reused(self) -> int:
        """Labels that were taken over from another run's single point, without a DFT call."""
        return sum(label.reused_from is not None for label in self.labels)

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time by step, s."""
        return {step: sum(cycle.seconds.get(step, 0.0) for cycle in self.cycles) for step in STEPS}

    def summary(self) -> dict[str, Any]:
        """The content of ``result.json``."""
        answer = self.answer
        fmax = max_force(answer.atoms, answer.forces) if answer is not None and answer.forces is not None else None
        return {
            "run": self.run,
            "verdict": self.verdict.kind.value,
            "criterion": self.verdict.criterion,
            "reason": self.verdict.reason,
            "answer": answer.key if answer is not None else None,
            "dft_calls": self.dft_calls,
            "reused": self.reused,
            "borrowed": len(self.borrowed),
            "borrowed_from": len({key.partition("/")[0] for key in self.borrowed}),
            "cycles": len(self.cycles) - 1,
            "energy_eV": answer.energy if answer is not None else None,
            "fmax_eV_per_A": fmax,
            **(barrier_summary(self.verdict) if self.kind == "neb" else {}),
            **from_evidence(self.verdict.evidence),
            "uncertainty_calibration": uncertainty_calibration(self.labels),
            "seconds": self.seconds,
            "seed": self.seed,
            "failures": [
                {"key": label.key, "status": label.status.value, "cause": label.cause, "directory": label.directory}
                for label in self.labels
                if not label.ok
            ],
        }


def write_result(result: RunResult, directory: Path) -> None:
    """Write ``result.json``, ``final.extxyz``, ``final.json`` and ``labels.extxyz`` into ``directory``.

    Each is written whole or not at all; a run without a single accepted label has ``result.json`` alone. A path has
    ``band.extxyz`` as well: its last band.

    Raises
    ------
    EnvironmentProblem
        The directory cannot be made or written.
    """
    if result.band is not None and len(result.band):
        write_atomically(directory / "band.extxyz", _text(band_images(result.band, result.labels), "extxyz"))
    labels = [_with_results(label) for label in result.labels if label.ok]
    if labels and result.answer is not None:
        write_atomically(directory / "labels.extxyz", _text(labels, "extxyz"))
        final = _with_results(result.answer)
        write_atomically(directory / "final.extxyz", _text([final], "extxyz"))
        write_atomically(directory / "final.json", _text(final, "json"))  # extxyz loses most kinds of constraints
    write_atomically(directory / "result.json", json.dumps(result.summary(), indent=2, ensure_ascii=False) + "\n")


def _text(images: Atoms | list[Atoms], form: str) -> str:
    text = io.StringIO()
    ase.io.write(text, images, format=form)
    return text.getvalue()


def _with_results(label: Label) -> Atoms:
    """The structure of an accepted label with energy, forces and where they come from."""
    atoms = label.atoms.copy()
    atoms.calc = SinglePointCalculator(atoms, energy=label.energy, forces=label.forces)
    atoms.info = {
        "key": label.key,
        "strategy": label.request.strategy,
        "reason": label.request.reason,
        "code": label.code,
        "dft_hash": label.dft_hash,
    }
    return atoms
