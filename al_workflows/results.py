"""What a finished run is, and the files that it leaves."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import ase.io
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from al_workflows.errors import EnvironmentProblem
from al_workflows.records import Cycle, Label, Record, Verdict, atoms_to_dict
from al_workflows.spec import RunSpec
from al_workflows.structures import max_force

STEPS = ("train", "simulate", "query", "dft")


def run_id(spec: RunSpec, start: Atoms) -> str:
    """``<name>-<hash>``: the hash is over all that decides a run's numbers, so that a changed spec is another run."""
    content = spec.model_dump(mode="json", exclude={"name", "structure", "resources"}) | {"start": atoms_to_dict(start)}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{spec.name or spec.structure.stem}-{digest[:8]}"


@dataclass(frozen=True, eq=False)
class RunResult(Record):
    """A run that has ended: its verdict, its cycles and its labels in the order of asking."""

    run: str
    seed: int
    verdict: Verdict
    cycles: tuple[Cycle, ...]
    labels: tuple[Label, ...]

    @property
    def answer(self) -> Label | None:
        """The label that answers the run's question, else the one nearest to it (smallest DFT fmax)."""
        for label in self.labels:
            if label.key == self.verdict.label_key:
                return label
        found = [(max_force(label.atoms, label.forces), label) for label in self.labels if label.forces is not None]
        return min(found, key=lambda pair: pair[0])[1] if found else None

    @property
    def dft_calls(self) -> int:
        """Distinct geometries computed, the first and the last included."""
        return sum(cycle.dft_calls for cycle in self.cycles)

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
            "dft_calls": self.dft_calls,
            "cycles": len(self.cycles) - 1,
            "energy_eV": answer.energy if answer is not None else None,
            "fmax_eV_per_A": fmax,
            "seconds": self.seconds,
            "seed": self.seed,
            "failures": [
                {"key": label.key, "status": label.status.value, "cause": label.cause, "directory": label.directory}
                for label in self.labels
                if not label.ok
            ],
        }


def write_result(result: RunResult, directory: Path) -> None:
    """Write ``result.json``, ``final.extxyz`` and ``labels.extxyz`` into ``directory``, each whole or not at all.

    Raises
    ------
    EnvironmentProblem
        The directory cannot be made or written.
    """
    labels = [_with_results(label) for label in result.labels if label.ok]
    answer = result.answer
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if labels and answer is not None:
            write_whole(directory / "labels.extxyz", lambda file: ase.io.write(file, labels, format="extxyz"))
            final = _with_results(answer)
            write_whole(directory / "final.extxyz", lambda file: ase.io.write(file, final, format="extxyz"))
        text = json.dumps(result.summary(), indent=2) + "\n"
        write_whole(directory / "result.json", lambda file: file.write(text))
    except OSError as error:
        reason = error.strerror or str(error)
        raise EnvironmentProblem(
            f"results cannot be written to {directory}: {reason}; name another with --output"
        ) from error


def write_whole(path: Path, write: Callable[[IO[str]], object]) -> None:
    """Fill ``path`` by ``write``; whoever reads it sees the old file or the whole new one.

    Raises
    ------
    OSError
        As the file system says; no part of the new file is left.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            write(file)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


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
