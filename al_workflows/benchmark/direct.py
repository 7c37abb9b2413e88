"""A run's question put straight to DFT, without a model: what the run is to be compared with."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.calculators.singlepoint import SinglePointCalculator

from al_workflows.benchmark.neb_peers import PATH_PEERS, path_by_peer
from al_workflows.benchmark.parent import Outcome
from al_workflows.benchmark.peers import PEERS, relax_by_peer
from al_workflows.dft.calculator import SinglePoints
from al_workflows.errors import AlWorkflowsError, InputError
from al_workflows.files import write_atomically
from al_workflows.path_result import HEIGHT, HEIGHT_BACK, REACTION
from al_workflows.preflight import PreparedRun
from al_workflows.records import Label, StopReason
from al_workflows.simulations.dynamics import STEPS_DONE, TEMPERATURE, Dynamics
from al_workflows.spec import MdSpec, NebSpec, RelaxationSpec
from al_workflows.structures import in_its_cell, read_structure, structure_key

#: names of the method for each kind of run, the default first
METHODS = {
    "relaxation": tuple(PEERS),
    "neb": tuple(PATH_PEERS),
    "md": ("dynamics",),
}
POINTS, FRAMES_FILE, BAND_FILE, SUMMARY_FILE = "points", "reference.extxyz", "band.extxyz", "reference.json"


@dataclass(frozen=True)
class DirectAnswer:
    """Whether the method ended as asked, its single points, its numbers by name; of a path its images."""

    method: str
    converged: bool
    outcome: str
    calls: int
    numbers: dict[str, Any]
    band: tuple[Atoms, ...] = ()

    def summary(self) -> dict[str, Any]:
        """The content of ``reference.json``."""
        return {"method": self.method, "outcome": self.outcome, "dft_calls": self.calls, **self.numbers}


def method_of(kind: str, name: str | None) -> str:
    """``name`` if runs of that kind can be answered so; the kind's default if None.

    Raises
    ------
    InputError
        They cannot.
    """
    methods = METHODS[kind]
    if name is None:
        return methods[0]
    if name not in methods:
        raise InputError(f"method {name!r} does not answer runs of kind {kind}; give one of {', '.join(methods)}")
    peer = PEERS.get(name)
    if peer is not None and peer.version is None:
        raise InputError(f"method {name!r} needs another package; `pip install {peer.requirement}`, or give another")
    return name


def start_of(path: Path, prepared: PreparedRun) -> Atoms:
    """What dynamics of ``prepared`` begin with: the run's structure with the positions of the last one in ``path``.

    Raises
    ------
    InputError
        The run is of another kind, the file cannot be read, or its atoms or cell are not the run's.
    """
    if not isinstance(prepared.spec.simulation, MdSpec):
        raise InputError(f"--start is {path}, but the run is of kind {prepared.spec.simulation.kind}; leave it out")
    found, start = read_structure(path), prepared.start.copy()
    same = np.array_equal(found.numbers, start.numbers) and np.allclose(found.cell.array, start.cell.array, atol=1e-3)
    if not same:
        raise InputError(
            f"{path} is {in_its_cell(found)}, but must have atoms (in their order) and cell of the run, "
            f"{in_its_cell(start)}"
        )
    start.positions[:] = found.positions
    return start


def ask(
    prepared: PreparedRun,
    directory: Path,
    method: str,
    *,
    steps: int = 100,
    max_calls: int = 400,
    start: Atoms | None = None,
    listener: Callable[[Label], None] = lambda _: None,
) -> DirectAnswer:
    """Answer ``prepared`` by ``method``; its single points go below ``directory`` and are not computed twice.

    Whatever was interrupted goes on where it stopped, as the method asks for the same geometries again, and one method
    takes over what another has computed. Writes
    ``reference.json``, ``reference.extxyz`` (all single points, of dynamics the frames in their order), and of a path
    ``band.extxyz``.

    Parameters
    ----------
    steps
        Of dynamics, one single point each.
    max_calls
        Single points of a relaxation or a band, after which it is given up.
    start
        What dynamics begin with, in place of the run's structure.
    listener
        Told of each single point.

    Raises
    ------
    AlWorkflowsError
        A single point of a band or of dynamics failed; the message names its cause. (A relaxation says so itself.)
    """
    points = SinglePoints(prepared.spec.dft, directory / POINTS, listener)
    try:
        answer = _answer(prepared, points, method, steps, max_calls, start)
    except CalculationFailed as error:
        raise AlWorkflowsError(
            f"{error} (in {directory / POINTS}); mend the cause, remove its label.json and run the command again"
        ) from error
    known = {structure_key(label.atoms): label for label in points.labels}
    write_atomically(directory / FRAMES_FILE, _extxyz(points.labels))
    if answer.band:
        write_atomically(directory / BAND_FILE, _extxyz([known[structure_key(image)] for image in answer.band]))
    write_atomically(directory / SUMMARY_FILE, json.dumps(answer.summary(), indent=2) + "\n")
    return answer


def _answer(
    prepared: PreparedRun, points: SinglePoints, method: str, steps: int, max_calls: int, start: Atoms | None
) -> DirectAnswer:
    match prepared.spec.simulation:
        case RelaxationSpec(fmax=fmax):
            return _relax(prepared, points, method, fmax, max_calls)
        case NebSpec():
            return _band(prepared, points, method, max_calls)
        case MdSpec() as spec:
            return _dynamics(spec, start or prepared.start, prepared.spec.seed, points, method, steps)
        case other:
            raise InputError(f"runs of kind {other.kind} have no answer by plain DFT here")


def _relax(prepared: PreparedRun, points: SinglePoints, method: str, fmax: float, max_calls: int) -> DirectAnswer:
    found = relax_by_peer(PEERS[method], prepared.start, points, fmax, max_calls, max_seconds=np.inf)
    numbers: dict[str, Any] = {}
    if found.end is not None:
        numbers = {"energy_eV": found.counted.energies[found.end], "fmax_eV_per_A": found.counted.fmax[found.end]}
    converged = found.outcome is Outcome.CONVERGED
    return DirectAnswer(method, converged, found.remark or found.outcome.value, found.counted.calls, numbers)


def _band(prepared: PreparedRun, points: SinglePoints, method: str, max_calls: int) -> DirectAnswer:
    assert prepared.final is not None  # a prepared path has one
    path = path_by_peer(PATH_PEERS[method], (prepared.start, prepared.final), points, max_calls)
    numbers: dict[str, Any] = {}
    if path.energies is not None:
        first, top, last = path.energies[0], path.energies.max(), path.energies[-1]
        numbers = {HEIGHT: top - first, HEIGHT_BACK: top - last, REACTION: last - first}
        numbers |= {"band_energies_eV": path.energies.tolist()}
    return DirectAnswer(
        method, path.outcome is Outcome.CONVERGED, path.outcome.value, path.counted.calls, numbers, path.images
    )


def _dynamics(spec: MdSpec, start: Atoms, seed: int, points: SinglePoints, method: str, steps: int) -> DirectAnswer:
    wanted = {"steps": steps, "equilibration": 0, "stride": 1, "start_from": "start", "max_uncertainty": None}
    pool = Dynamics(spec.model_copy(update=wanted), min_distance=0.0).run(
        start, points, (), np.random.default_rng([seed, *b"reference"])
    )
    numbers = {name: pool.measures[name] for name in (STEPS_DONE, TEMPERATURE) if name in pool.measures}
    whole = pool.stop_reason is StopReason.MAX_STEPS
    return DirectAnswer(method, whole, pool.stop_detail, len(points.labels), numbers)


def _extxyz(labels: Sequence[Label]) -> str:
    images = []
    for label in labels:
        if label.ok:
            images.append(label.atoms.copy())
            images[-1].info = {"key": label.key}
            images[-1].calc = SinglePointCalculator(images[-1], energy=label.energy, forces=label.forces)
    text = io.StringIO()
    ase.io.write(text, images, format="extxyz")
    return text.getvalue()
