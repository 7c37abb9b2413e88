"""``label.json``: a finished point on disk, complete or not there."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from al_workflows.dft.settings import dft_hash, limits
from al_workflows.errors import EnvironmentProblem
from al_workflows.files import write_atomically
from al_workflows.records import Label, Request
from al_workflows.spec import DftSpec, SinglePointSpec
from al_workflows.structures import structure_key

LABEL_FILE = "label.json"
logger = logging.getLogger(__name__)


def write_label(label: Label, dft: SinglePointSpec, directory: Path) -> None:
    """Write ``label`` so that a reader, after whatever crash, finds all of it or the file as it was.

    The limits of ``dft`` (time, attempts, gates) go with it: they tell whether a failure would still be one.

    Raises
    ------
    EnvironmentProblem
        The file cannot be written.
    """
    content = {**label.to_dict(), "structure_key": structure_key(label.atoms), "limits": limits(dft)}
    write_atomically(directory / LABEL_FILE, json.dumps(content))


def read_label(directory: Path) -> Label | None:
    """The label in ``directory``; None where there is none or only a damaged one."""
    content = _content(directory)
    return None if content is None else _label(content, directory)


def find_label(request: Request, dft: DftSpec, directory: Path) -> Label | None:
    """The label in ``directory`` if it answers ``request``; None if there is none, or another question's.

    Numbers stay valid when limits change; a failure does not, it may have been one of too little time.
    """
    content = _content(directory)
    label = None if content is None else _label(content, directory)
    if content is None or label is None:
        return None
    same_structure = content.get("structure_key") == structure_key(request.atoms)
    same = label.key == request.key and same_structure and label.dft_hash == dft_hash(dft)
    if not same or (not label.ok and content.get("limits") != limits(dft)):
        logger.info("%s answers another question; computing again", directory / LABEL_FILE)
        return None
    return label


def _content(directory: Path) -> dict[str, Any] | None:
    path = directory / LABEL_FILE
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        logger.warning("%s is damaged and not used", path)
        return None
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be read ({error.strerror}); make it readable or remove it") from error
    return content if isinstance(content, dict) else None


def _label(content: dict[str, Any], directory: Path) -> Label | None:
    try:
        return Label.from_dict(content)
    except (KeyError, TypeError, ValueError, AttributeError):
        logger.warning("%s holds no label of this version and is not used", directory / LABEL_FILE)
        return None
