"""`alflow worker`: `rlaunch` for a queue's jobs."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from launchpad.cli.options import LaunchpadOption

if TYPE_CHECKING:
    from launchpad.worker import Limits

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    short_help="Run what is ready, as rlaunch does, for the jobs of a queue.",
    epilog="In my_qadapter.yaml:  [cyan]rocket_launch: exec alflow worker -l FILE -w FILE singleshot[/cyan]",
)

FireworkOption = Annotated[
    int | None, typer.Option("--fw_id", "-f", help="The Firework to run; by default the next.", show_default=False)
]
SecondsOption = Annotated[
    float | None, typer.Option(help="End after so many seconds.", min=0, show_default="the job's walltime")
]
UntilOption = Annotated[
    str | None, typer.Option(metavar="TIME", help="End at this time (2030-01-31T12:00).", show_default=False)
]
GraceOption = Annotated[float, typer.Option(min=0, help="Stop what is running so many seconds before the end.")]
AnyTaskOption = Annotated[
    bool, typer.Option("--any-task", help="Also run tasks of others, PyTask and ScriptTask included.")
]


@dataclass(frozen=True)
class _Files:
    launchpad: Path | None
    worker: Path | None


@app.callback()
def worker(
    context: typer.Context,
    launchpad_file: LaunchpadOption = None,
    worker_file: Annotated[
        Path | None,
        typer.Option("-w", "--worker", "--fworker_file", metavar="FILE", help="FireWorks' my_fworker.yaml."),
    ] = None,
) -> None:
    """Run what is ready, as `rlaunch` does, for the jobs of a queue.

    At SIGTERM, SIGUSR1, Ctrl-C and shortly before the job's walltime the running task ends at once, and its Firework is
    made ready again. Fireworks whose tasks are not this project's are left alone.
    Exit code 0: done; 4: stopped, and what was under way is ready again; 75: it is not, since the database was away
    (`alflow supervise` sees to it).
    """
    context.obj = _Files(launchpad_file, worker_file)


@app.command(epilog="Example:  [cyan]alflow worker -w my_fworker_dft.yaml singleshot --fw_id 17[/cyan]")
def singleshot(
    context: typer.Context,
    fw_id: FireworkOption = None,
    until: UntilOption = None,
    max_seconds: SecondsOption = None,
    grace: GraceOption = 60.0,
    any_task: AnyTaskOption = False,
) -> None:
    """Run one Firework."""
    _work(context, _limits(until, max_seconds, 0.0, grace), fw_id=fw_id, any_task=any_task)


@app.command(epilog="Example:  [cyan]alflow worker -w my_fworker_dft.yaml rapidfire --parallel 4 --sleep 5[/cyan]")
def rapidfire(
    context: typer.Context,
    nlaunches: Annotated[str, typer.Option(help="How many, or infinite; 0 is until nothing is left.")] = "0",
    sleep: Annotated[int | None, typer.Option(help="Seconds between two looks.", show_default="60")] = None,
    timeout: Annotated[int | None, typer.Option(help="Take nothing after so many seconds.", show_default=False)] = None,
    max_loops: Annotated[int, typer.Option("--max_loops", help="How often to look; -1 is for ever.")] = -1,
    parallel: Annotated[int, typer.Option(min=1, max=512, help="So many at once, each by itself.")] = 1,
    until: UntilOption = None,
    max_seconds: SecondsOption = None,
    margin: Annotated[float, typer.Option(min=0, help="Take nothing in the last so many seconds.")] = 300.0,
    grace: GraceOption = 60.0,
    any_task: AnyTaskOption = False,
) -> None:
    """Run one Firework after the other, until nothing is left or the time ends."""
    from al_workflows.errors import InputError

    if nlaunches != "infinite" and not nlaunches.isdigit():
        raise InputError(f"`--nlaunches` is `{nlaunches}` but must be a number, or infinite")
    limits = _limits(until, max_seconds, margin, grace)
    if parallel == 1:
        rapid = {"nlaunches": nlaunches, "sleep_time": sleep, "timeout": timeout, "max_loops": max_loops}
        _work(context, limits, rapid=rapid, any_task=any_task)
    from launchpad.worker_pack import work_in_parallel

    files: _Files = context.obj
    words = [*_option("-l", files.launchpad), *_option("-w", files.worker), "rapidfire", "--nlaunches", nlaunches]
    words += [*_option("--sleep", sleep), *_option("--timeout", timeout), "--max_loops", str(max_loops)]
    if limits.end is not None:
        words += ["--max-seconds", f"{max(0.0, limits.end - time.time()):.0f}"]
    words += ["--margin", str(margin), "--grace", str(grace), *(["--any-task"] if any_task else [])]
    raise typer.Exit(work_in_parallel(parallel, words, _say))


def _option(name: str, value: Any) -> list[str]:
    return [] if value is None else [name, str(value)]


def _work(context: typer.Context, limits: Limits, **what: Any) -> None:
    from fireworks import FWorker

    from al_workflows.errors import InputError
    from launchpad.settings import find_fireworks_file, resolve
    from launchpad.worker import work

    files: _Files = context.obj
    path = files.worker or find_fireworks_file("fworker")
    try:
        fworker = FWorker() if path is None else FWorker.from_file(str(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"`{path}` is no worker file of FireWorks ({type(error).__name__}: {error})") from None
    job = os.environ.get("SLURM_JOB_ID")
    code = work(resolve(files.launchpad), fworker, limits, job=job, say=_say, **what)
    sys.stdout.flush()
    sys.stderr.flush()
    if code:  # a thread of FireWorks may wait for the database, and Python for the thread
        os._exit(code)
    raise typer.Exit(0)


def _limits(until: str | None, max_seconds: float | None, margin: float, grace: float) -> Limits:
    import datetime

    from al_workflows.errors import InputError
    from launchpad.job_time import end_of_job
    from launchpad.worker import Limits

    ends = [] if max_seconds is None else [time.time() + max_seconds]
    if until is not None:
        try:
            ends.append(datetime.datetime.fromisoformat(until).timestamp())
        except ValueError:
            raise InputError(f"`--until` is `{until}` but must be a time such as 2030-01-31T12:00") from None
    if (job := end_of_job(os.environ)) is not None:
        ends.append(job)
    return Limits(min(ends, default=None), margin, grace)


def _say(text: str) -> None:
    print(f"alflow worker: {text}", file=sys.stderr, flush=True)
