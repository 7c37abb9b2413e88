"""The commands that steer one run: pause, resume, cancel and rerun."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launchpad.cli.keep import slurm_queue
from launchpad.cli.options import LaunchpadOption

if TYPE_CHECKING:
    from fireworks import LaunchPad

    from launchpad.control import Controlled

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it begins.", show_default=False)]


def pause(run: RunArgument, launchpad_file: LaunchpadOption = None) -> None:
    """Start nothing more of a run; what runs now ends as it would, and its result is kept.

    Jobs that wait in SLURM for the run are cancelled. Exit code 0: paused; 2: no such run, ended, or paused already.
    """
    from launchpad.control import pause as do

    _say(launchpad_file, lambda launchpad: do(launchpad, run, slurm_queue()))


def resume(run: RunArgument, launchpad_file: LaunchpadOption = None) -> None:
    """Let a paused run go on.

    Exit code 0: it goes on; 2: no such run, or not paused.
    """
    from launchpad.control import resume as do

    _say(launchpad_file, lambda launchpad: do(launchpad, run))


def cancel(run: RunArgument, launchpad_file: LaunchpadOption = None) -> None:
    """End a run: start nothing more, and cancel its SLURM jobs, waiting or running; say what they had not finished.

    Labels, models and files stay. Exit code 0: cancelled; 2: no such run, ended, cancelled already, or SLURM silent.
    """
    from launchpad.control import cancel as do

    _say(launchpad_file, lambda launchpad: do(launchpad, run, slurm_queue()))


def rerun(run: RunArgument, launchpad_file: LaunchpadOption = None) -> None:
    """Run again what fizzled or was cancelled in a run; its losses are counted anew.

    What is finished is not computed again. Exit code 0: it goes on; 2: no such run, ended, or nothing to rerun.
    """
    from launchpad.control import rerun as do

    _say(launchpad_file, lambda launchpad: do(launchpad, run))


def _say(launchpad_file: Path | None, do: Callable[[LaunchPad], Controlled]) -> None:
    from launchpad.settings import connect, resolve

    for line in do(connect(resolve(launchpad_file))).lines:
        print(line)
