"""What a user sees when a command cannot go on: one line on standard error, and an exit code for scripts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperGroup

from al_workflows.errors import AlWorkflowsError

PROBLEM = 2
INTERRUPTED = 130  # 128 + SIGINT
BROKEN_PIPE = 141  # 128 + SIGPIPE

Result = TypeVar("Result")


class CommandGroup(TyperGroup):
    """A group of commands whose known errors end in one line instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        return with_one_line_errors(lambda: super(CommandGroup, self).invoke(ctx))


def with_one_line_errors(action: Callable[[], Result]) -> Result:
    """Call `action`; turn the errors that a user can cause or repair into one line and an exit code.

    Parameters
    ----------
    action
        What to do.

    Raises
    ------
    typer.Exit
        With code 2 for an `AlWorkflowsError`, 130 after Ctrl-C, 141 when nobody reads our output any more. Every other
        exception is a bug of ours and passes.
    """
    try:
        result = action()
        sys.stdout.flush()
    except AlWorkflowsError as error:
        _say(" ".join(str(error).split()))
        raise typer.Exit(PROBLEM) from error
    except KeyboardInterrupt as error:
        _say("interrupted")
        raise typer.Exit(INTERRUPTED) from error
    except BrokenPipeError as error:
        # what is still buffered has no reader; without this Python complains when it exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(BROKEN_PIPE) from error
    return result


def _say(text: str) -> None:
    print(f"alflow: {text}", file=sys.stderr)
