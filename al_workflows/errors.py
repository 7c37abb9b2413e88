"""The errors that a user meets: one line that names the thing, what was got, the rule, and what to do."""

from __future__ import annotations


class AlWorkflowsError(Exception):
    """Base class of every error this project raises on purpose. Its text is one complete line."""


class InputError(AlWorkflowsError):
    """Something the user wrote or pointed to is wrong; nothing was computed or stored."""


class EnvironmentProblem(AlWorkflowsError):
    """The machine lacks something: a database, an executable, a writable directory, a package."""


class TrainingError(AlWorkflowsError):
    """The potential could not be trained on the labels it was given."""


class SimulationError(AlWorkflowsError):
    """A simulation could not be started at all (one that ends early is a result, not an error)."""


class RecordMissing(AlWorkflowsError):
    """A step was run before the steps it rests on, or their records were deleted."""


def exception_line(text: str) -> str:
    """The line of the last traceback in ``text`` that names the exception; empty if there is no traceback."""
    _, header, block = text.rpartition("Traceback (most recent call last):\n")
    # frames are indented, and a message may have several lines
    lines = (line.strip() for line in block.splitlines() if line.strip() and not line[0].isspace())
    return next(lines, "") if header else ""
