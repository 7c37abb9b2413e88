"""`alflow init`: a working directory for a cluster."""

# no `from __future__ import annotations`: typer does not evaluate the texts in a signature that is made here

import inspect
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from launchpad.cli.options import LaunchpadOption

CATEGORIES = {"ml": "train, simulate, query", "dft": "single points", "control": "check"}
#: what may be said for all categories, and for each: type and help
FACTS: dict[str, tuple[Any, str]] = {
    "partition": (str, "Partition (queue)."),
    "account": (str, "Account that is charged."),
    "qos": (str, "Quality of service."),
    "constraint": (str, "Feature of the nodes."),
    "walltime": (str, "hours:minutes:seconds."),
    "mem": (str, "Memory of a node, as 4G."),
    "nodes": (int, "Nodes."),
    "ntasks": (int, "Tasks: the ranks of MPI."),
    "cpus_per_task": (int, "Cores of each task."),
    "gpus": (int, "GPUs of a node."),
    "exclusive": (bool, "Share no node with others."),
    "module": (list[str], "Module to load; may be repeated."),
    "pre_rocket": (list[str], "Line of shell before the work; may be repeated."),
}
#: of the dft category alone
PACKING: dict[str, tuple[Any, str]] = {
    "dft_pack": (int, "Single points that run side by side in one job."),
    "dft_array": (int, "Such jobs in one submission."),
}
#: what is asked on a terminal, first once and then by category
ASKED, ASKED_EACH = ("account", "module"), ("partition", "walltime", "mem", "ntasks", "cpus_per_task")


def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where; it is made if missing.")] = Path(),
    launcher: Annotated[str, typer.Option(help="MPI launcher, for the directory's README: srun, mpirun -np 8.")] = "",
    launchpad_file: LaunchpadOption = None,
    **given: Any,
) -> None:
    """Write a working directory for a SLURM cluster: FireWorks' files, one worker and one queue file per category.

    On a terminal and without options it asks. Files that are there are never overwritten.
    """
    from launchpad.cluster import facts_of
    from launchpad.init import choose_database, write_directory

    said = {key: value for key, value in given.items() if value}
    if not said and sys.stdin.isatty():
        said = _ask()
    own: dict[str, dict[str, Any]] = {category: {} for category in CATEGORIES}
    common: dict[str, Any] = {}
    for key, value in said.items():
        category, _, rest = key.partition("_")
        (own[category] if category in CATEGORIES else common)[rest if category in CATEGORIES else key] = value
    facts = facts_of(common, own)
    source = choose_database(directory, launchpad_file)
    written = write_directory(directory, source, facts, launcher)
    print(f"{directory.absolute()} works on {source.address}")
    print(f"  new:   {', '.join(written.new) or 'nothing'}")
    if written.kept:
        print(f"  kept as they were: {', '.join(written.kept)}")
    for remark in written.remarks:
        print(f"  remark: {remark}")
    print(f"  next:  cd {directory} && less README.md")


def _ask() -> dict[str, Any]:
    from launchpad.cluster import DEFAULTS, Facts

    answers: dict[str, Any] = {}

    def ask(name: str, key: str, default: Any) -> None:
        kind, text = FACTS[key]
        answer = typer.prompt(
            f"{name}{text}", default="" if default is None else default, type=kind if kind is int else str
        )
        if answer not in ("", default):
            answers[name.rstrip(": ").lower() + "_" + key if name else key] = (
                answer.split() if kind == list[str] else answer
            )

    for key in ASKED:
        ask("", key, None)
    for category in CATEGORIES:
        for key in ASKED_EACH:
            ask(f"{category}: ", key, DEFAULTS[category].get(key, Facts.model_fields[key].default))
    return answers


def _parameters() -> list[inspect.Parameter]:
    found = [*inspect.signature(init).parameters.values()][:-1]
    panels = {"": "For all categories", **{f"{name}_": f"{name}: {what}" for name, what in CATEGORIES.items()}}
    options = {f"{prefix}{key}": (*fact, panel) for prefix, panel in panels.items() for key, fact in FACTS.items()}
    options |= {key: (*fact, panels["dft_"]) for key, fact in PACKING.items()}
    for name, (kind, text, panel) in options.items():
        option = typer.Option(f"--{name.replace('_', '-')}", help=text, rich_help_panel=panel, show_default=False)
        hint: Any = Annotated[kind if kind is bool else kind | None, option]
        default = False if kind is bool else None
        found.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint))
    return found


# three categories times the facts: typer reads them from the signature
_all = _parameters()
init.__signature__ = inspect.Signature(_all)  # type: ignore[attr-defined]
init.__annotations__ |= {parameter.name: parameter.annotation for parameter in _all}
