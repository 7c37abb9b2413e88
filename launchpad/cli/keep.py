"""The commands that keep runs going on a cluster: supervise and recover."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launchpad.cli.options import JsonOption, LaunchpadOption

if TYPE_CHECKING:
    import threading

    from launchpad.held import Patience
    from launchpad.slurm_queue import SlurmQueue

#: jobs of a category without --max-jobs
MAX_JOBS = 20
#: the exit code of --until-done when a run needs its user
STOPPED = 1

LostAfterOption = Annotated[
    float | None,
    typer.Option(
        "--lost-after",
        min=1.0,
        metavar="SECONDS",
        help="A worker without ping for so long is lost, where neither SLURM nor this machine's processes tell; by "
        "default FireWorks' RUN_EXPIRATION_SECS.",
        show_default=False,
    ),
]
PatienceOption = Annotated[
    float,
    typer.Option(min=1.0, metavar="SECONDS", help="After so long a lock or a reservation without job was left behind."),
]


def recover(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="Runs, or how their ids begin; all without it.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
    lost_after: LostAfterOption = None,
    patience: PatienceOption = 60.0,
    as_json: JsonOption = False,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Put right, once, what was lost: workers and jobs that are gone, locks left behind, half-made updates.

    A Firework is put back up to 5 times; then a single point becomes a `crashed` label, and any other step is left
    FIZZLED. A full disk and a database that was away do not count. Errors of the run itself are left alone. Jobs that
    go on in SLURM are not touched.
    Exit code 0: done, or nothing to do; 2: the database or SLURM does not answer.
    """
    import sys
    import time

    from fw_specs.store import Store
    from launchpad.reconcile import Reconciler, Scope, apply
    from launchpad.settings import connect, resolve

    launchpad = connect(resolve(launchpad_file))
    chosen = None if not runs else [Store(launchpad.db).find_run(run) for run in runs]
    queue = slurm_queue()
    scope = Scope(chosen, worker_names(Path()))
    reconciler = Reconciler(launchpad, None if queue is None else queue.jobs, scope, _patience(lost_after, patience))
    repairs = reconciler.plan()
    if reconciler.second_look_in:
        said = f"something looks lost; looking again in {reconciler.second_look_in:g} s"
        print(said, file=sys.stderr if as_json else sys.stdout, flush=True)
        done = [] if dry_run else apply(repairs)
        time.sleep(reconciler.second_look_in)
        repairs = reconciler.plan()
    else:
        done = []
    if not dry_run:
        done += apply(repairs)
    if as_json:
        from launchpad.cli.output import print_document

        waits = [{"name": one.name, "cause": one.cause, "retry_in_seconds": one.seconds} for one in reconciler.waiting]
        would = [{"run": repair.run, "text": repair.text} for repair in repairs if dry_run]
        print_document({"dry_run": dry_run, "would_repair": would, "repaired": done, "waiting": waits})
        return
    if dry_run:
        for repair in repairs:
            print(f"would repair  {repair.text}")
        for waiting in reconciler.waiting:
            print(f"waits  {waiting}")
        print(f"{len(repairs)} repairs; nothing was changed")
        return
    for text in done:
        print(f"repaired  {text}")
    for waiting in reconciler.waiting:
        print(f"waits  {waiting}")
    print(f"{len(done)} repairs" if done or reconciler.waiting else "nothing is lost")


def supervise(
    directory: Annotated[Path, typer.Argument(help="Made by `alflow init`.", exists=True, file_okay=False)] = Path(),
    once: Annotated[bool, typer.Option("--once", help="One round, for cron.")] = False,
    until_done: Annotated[bool, typer.Option("--until-done", help="End when no run goes on any more.")] = False,
    interval: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="Between two rounds.")] = 60.0,
    max_jobs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CATEGORY=]N",
            help="At most so many jobs in the queue, of each category or of one; may be given several times.",
            show_default="20",
        ),
    ] = None,
    lost_after: LostAfterOption = None,
    patience: PatienceOption = 60.0,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Keep the database's runs going on this cluster: feed the queue, and put right what was lost, round by round.

    Jobs are counted by your user and their name (alflow-CATEGORY). What `alflow recover` does is done in every round.
    An outage of database or SLURM is waited for. Two supervisors do no harm. Ctrl-C or SIGTERM ends it after the step
    in hand; the jobs stay.
    Exit code 0: ended as asked; with --until-done 1 if a run was stopped by an error.
    """
    import os

    launchpad_file = None if launchpad_file is None else launchpad_file.absolute()
    caps, cap = _caps(max_jobs or [])
    os.chdir(directory)  # FireWorks reads its configuration when it is imported

    from al_workflows.errors import EnvironmentProblem
    from launchpad.feed import read_categories
    from launchpad.settings import connect, resolve
    from launchpad.supervise import Supervisor
    from launchpad.workers import process_name

    here = Path.cwd()
    categories = read_categories(here, caps, cap)
    queue = slurm_queue()
    if queue is None:
        raise EnvironmentProblem("`squeue` is not on PATH; run `alflow supervise` where SLURM's commands are")
    stop = _stopped_by_signals()
    source = resolve(launchpad_file)
    launchpad = connect(source)
    names = ", ".join(f"{one.job_name} ≤ {one.cap}" for one in categories)
    _say(f"supervising {source.address} with jobs {names}")
    supervisor = Supervisor(
        launchpad,
        queue,
        categories,
        here,
        process_name(os.getpid()),
        interval=interval,
        patience=_patience(lost_after, patience),
        stop=stop,
        say=_say,
    )
    totals = supervisor.run(once=once, until_done=until_done)
    _say(totals.line)
    if until_done and totals.stopped_by_errors:
        raise typer.Exit(STOPPED)


def _say(text: str) -> None:
    import time

    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}", flush=True)


def _stopped_by_signals() -> threading.Event:
    """Set by SIGTERM and Ctrl-C; a second one ends the command at once."""
    import signal
    import threading

    stop = threading.Event()

    def end(number: int, _: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        _say(f"{signal.Signals(number).name}: ending; the jobs stay")

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return stop


def worker_names(directory: Path) -> set[str] | None:
    """The names of the workers that `alflow init` wrote here, whose jobs are in this machine's queue; None without."""
    import yaml

    files = directory.glob("my_fworker_*.yaml")
    names = {str((yaml.safe_load(file.read_text()) or {}).get("name")) for file in files}
    return names or None


def slurm_queue() -> SlurmQueue | None:
    """SLURM as this machine has it; None without."""
    from launchpad.slurm_queue import SlurmQueue

    return SlurmQueue() if SlurmQueue.there() else None


def _patience(lost_after: float | None, moments: float) -> Patience:
    from fireworks.fw_config import RUN_EXPIRATION_SECS

    from launchpad.held import Patience

    return Patience(moments, RUN_EXPIRATION_SECS if lost_after is None else lost_after)


def _caps(words: list[str]) -> tuple[dict[str, int], int]:
    """Caps by category, and of the others, from words like ``dft=20`` and ``5``."""
    caps, general = dict[str, int](), MAX_JOBS
    for word in words:
        category, _, number = word.rpartition("=")
        if not number.isdigit():
            raise typer.BadParameter(f"`--max-jobs {word}` must be a number, or like `dft=20`")
        if category:
            caps[category] = int(number)
        else:
            general = int(number)
    return caps, general
