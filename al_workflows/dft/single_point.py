"""The DFT single point: one structure, a few attempts, one label."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from al_workflows.dft.acceptance import Judged, geometry_gate, judge
from al_workflows.dft.backend import Computed, Rung, ScfNotConverged, distribution_version, evaluate, one_line
from al_workflows.dft.label_file import find_label, write_label
from al_workflows.dft.losses import claim_attempt, close_attempt, excuse
from al_workflows.dft.process import Failed, attempt
from al_workflows.dft.settings import backend_for, dft_hash, own_settings
from al_workflows.errors import EnvironmentProblem
from al_workflows.files import tells_full_disk
from al_workflows.records import Label, LabelStatus, Request
from al_workflows.spec import DftSpec, SinglePointSpec

logger = logging.getLogger(__name__)
#: another attempt may end differently
_WORTH_RETRYING = frozenset({LabelStatus.TIMED_OUT, LabelStatus.CRASHED, LabelStatus.UNREADABLE})


def single_point(request: Request, dft: DftSpec, directory: Path) -> Label:
    """Energy and raw forces of ``request.atoms``, or the reason why there are none.

    A point that has finished in ``directory`` is not computed again. A structure that passes the geometry gate is
    given to the code in a process of its own, in ``attempt_<n>`` below ``directory``. A crash, a time-out and unusable
    output are tried again as they were, an SCF cycle that did not converge with the next rung of the code's ladder; a
    structure that was rejected is not. The label is in ``directory/label.json`` when this returns.

    Parameters
    ----------
    request
        The structure, and why it is asked for.
    dft
        The code, its settings and limits.
    directory
        Where the files go; made if missing. Attempts that an earlier, interrupted call left there are kept and not
        counted.

    Returns
    -------
    Label
        ``energy`` (eV) is the one whose derivative the forces are, i.e. with smeared occupations the free energy.
        ``seconds`` is the wall time of all attempts. ``cause`` of an accepted one is empty, or says what it took to
        make SCF converge.

    Raises
    ------
    EnvironmentProblem
        The machine's fault, as a directory that cannot be written, or a stop from outside. No label is made, here and
        for any exception that a signal handler raises: run it again.
    InputError
        The settings cannot be carried out.
    """
    directory = directory.resolve()
    backend, settings_hash = backend_for(dft), dft_hash(dft)  # before anything is computed: they fail where data lacks
    found = find_label(request, dft, directory)
    if found is not None:
        logger.info("%s: taken from %s", request.key, directory)
        return found

    attempts, failures, seconds = 0, 0, 0.0
    rungs, tried = list(backend.ladder()[: dft.scf_retries]), list[Rung]()
    problem = geometry_gate(request.atoms, dft)
    judged = Judged(LabelStatus.GEOMETRY_REJECTED, one_line(problem or ""))
    while problem is None:
        attempts += 1
        place = claim_attempt(directory)
        start = time.monotonic()
        settings = own_settings(dft) | (tried[-1].changes if tried else {})
        with _excused_by_full_disk(place):
            answer = attempt(dft.kind, settings, request.atoms, place, dft.timeout)
        judged = _judged(answer, request, dft)
        # a code that computes an absurd force may have had a bad day; one that refuses the geometry will do so again
        absurd = isinstance(answer, Computed) and judged.status is not LabelStatus.OK
        elapsed = time.monotonic() - start
        with _excused_by_full_disk(place):
            close_attempt(place, judged.status, judged.cause, elapsed, note=tried[-1].note if tried else "")
        seconds += elapsed
        if judged.status is LabelStatus.SCF_NOT_CONVERGED and rungs:
            tried.append(rungs.pop(0))
        elif (absurd or judged.status in _WORTH_RETRYING) and failures + 1 < dft.max_attempts:
            failures += 1
        else:
            break
        logger.warning("%s: attempt %d: %s: %s (%s)", request.key, attempts, judged.status, judged.cause, place)
    label = _label(request, _noted(judged, tried), directory, seconds, attempts, backend.code(), settings_hash)
    write_label(label, dft, directory)
    return label


@contextmanager
def _excused_by_full_disk(place: Path) -> Iterator[None]:
    """An attempt that a full disk ended is no lost one, however long the disk stays full."""
    try:
        yield
    except EnvironmentProblem as problem:
        if tells_full_disk(str(problem)):
            excuse(place)
        raise


def single_point_in_process(
    request: Request,
    calculator: Any,
    limit: SinglePointSpec | None = None,
    directory: Path | None = None,
) -> Label:
    """The same gate and acceptance around an ASE calculator object, in this process: for benchmarks and scripts.

    One attempt without time limit, no files. ASE's CalculationFailed is a crash; any other exception of the calculator
    is the caller's to see.

    Parameters
    ----------
    request
        The structure.
    calculator
        An ASE calculator; keeps its state from point to point.
    limit
        ``min_distance`` and ``max_force``; the defaults if None.
    directory
        What the label names as its directory; the working directory if None.
    """
    from ase.calculators.calculator import CalculationFailed

    limit = limit or SinglePointSpec()
    code, settings_hash = _described(calculator)
    place = (directory or Path()).resolve()
    problem = geometry_gate(request.atoms, limit)
    if problem is not None:
        judged = Judged(LabelStatus.GEOMETRY_REJECTED, one_line(problem))
        return _label(request, judged, place, 0.0, 0, code, settings_hash)
    start = time.monotonic()
    answer: Computed | Failed
    try:
        answer = evaluate(request.atoms, calculator)
    except ScfNotConverged as error:
        answer = Failed(LabelStatus.SCF_NOT_CONVERGED, one_line(str(error)))
    except CalculationFailed as error:
        answer = Failed(LabelStatus.CRASHED, one_line(f"{type(error).__name__}: {error}"))
    seconds = time.monotonic() - start
    return _label(request, _judged(answer, request, limit), place, seconds, 1, code, settings_hash)


def _judged(answer: Computed | Failed, request: Request, limit: SinglePointSpec) -> Judged:
    if isinstance(answer, Failed):
        return Judged(answer.status, answer.cause)
    return judge(answer, request.atoms, limit)


def _noted(judged: Judged, tried: list[Rung]) -> Judged:
    """``judged`` with what was changed to make SCF converge, whether it did or not."""
    if not tried:
        return judged
    if judged.status is LabelStatus.OK:
        return replace(judged, cause=f"SCF converged only with {tried[-1].note}")
    return replace(judged, cause=one_line(f"{judged.cause} (tried too: {'; '.join(rung.note for rung in tried)})"))


def _label(
    request: Request, judged: Judged, directory: Path, seconds: float, attempts: int, code: str, settings_hash: str
) -> Label:
    return Label(
        request=request,
        status=judged.status,
        energy=judged.energy,
        forces=judged.forces,
        cause=judged.cause,
        directory=str(directory),
        seconds=seconds,
        attempts=attempts,
        code=code,
        dft_hash=settings_hash,
    )


def _described(calculator: Any) -> tuple[str, str]:
    """Name with version of a calculator object, and a hash of it with its parameters (objects by their type)."""
    kind = type(calculator)
    package = kind.__module__.partition(".")[0]
    version = distribution_version(package)
    code = f"{kind.__module__}.{kind.__qualname__}" + (f" ({package} {version})" if version else "")
    found = getattr(calculator, "parameters", None)
    parameters = dict(found) if isinstance(found, Mapping) else {}
    content = json.dumps({"code": code, "parameters": parameters}, sort_keys=True, default=_plain)
    return code, hashlib.sha256(content.encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else type(value).__qualname__
