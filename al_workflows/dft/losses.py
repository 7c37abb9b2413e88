"""Attempts that ended without an outcome, because whoever watched them was killed: counted, and in the end given up."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from al_workflows.dft.label_file import LABEL_FILE, find_label, write_label
from al_workflows.dft.settings import backend_for, dft_hash
from al_workflows.errors import EnvironmentProblem
from al_workflows.files import tells_full_disk, write_atomically
from al_workflows.records import Label, LabelStatus, Request
from al_workflows.spec import DftSpec

OUTCOME_FILE = "outcome.json"


def claim_attempt(directory: Path) -> Path:
    """The first ``attempt_<n>`` below ``directory`` that nobody has: making it is what claims it."""
    number = 1
    while True:
        place = directory / f"attempt_{number}"
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise EnvironmentProblem(
                f"directory {place} cannot be made ({error.strerror}); give a writable directory with free space"
            ) from error
        else:
            return place


def close_attempt(place: Path, status: LabelStatus, cause: str, seconds: float, note: str = "") -> None:
    """Note in ``place`` that its attempt has ended, and how; without this file it counts as lost.

    ``note`` says which settings were not those of the run file.
    """
    content = {"status": status.value, "cause": cause, "seconds": seconds} | ({"note": note} if note else {})
    write_atomically(place / OUTCOME_FILE, json.dumps(content), durable=False)


def lost_attempts(directory: Path) -> list[Path]:
    """The attempts below ``directory`` that never ended, one that is running now included."""
    found = (place for place in directory.glob("attempt_*") if not (place / OUTCOME_FILE).exists())
    return sorted(found, key=lambda place: (len(place.name), place.name))


def forgive(directory: Path) -> None:
    """Note of the attempts below ``directory`` that they were stopped on purpose: they no longer count as lost."""
    for place in lost_attempts(directory):
        excuse(place)


def excuse(place: Path) -> None:
    """Let an attempt that ended by no fault of its own not count as lost; where no note fits, it is removed."""
    try:
        write_atomically(place / OUTCOME_FILE, json.dumps({"status": "interrupted"}), durable=False)
    except EnvironmentProblem as problem:
        if not tells_full_disk(str(problem)):
            raise
        shutil.rmtree(place, ignore_errors=True)


def abandoned(request: Request, dft: DftSpec, directory: Path, max_losses: int) -> Label | None:
    """A ``crashed`` label for a point that was lost ``max_losses`` times or more; None for any other.

    To be asked before :func:`~al_workflows.dft.single_point.single_point`, in a process that may itself be lost. The
    label is written to ``directory`` like any other. None too where a label is there already.

    Raises
    ------
    EnvironmentProblem
        The label cannot be written.
    """
    directory = directory.resolve()
    lost = lost_attempts(directory)
    if len(lost) < max_losses:
        return None
    if find_label(request, dft, directory) is not None:
        return None
    label = Label(
        request=request,
        status=LabelStatus.CRASHED,
        energy=None,
        forces=None,
        cause=f"lost {len(lost)} times before it ended (killed, node or disk gone), last in {lost[-1].name}; "
        f"remove {LABEL_FILE} and the attempts to try again",
        directory=str(directory),
        seconds=0.0,
        attempts=len(lost),
        code=backend_for(dft).code(),
        dft_hash=dft_hash(dft),
    )
    write_label(label, dft, directory)
    return label
