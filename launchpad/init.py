"""Write a working directory for one cluster and one database."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import yaml
from jinja2 import Environment

from al_workflows.errors import EnvironmentProblem
from al_workflows.files import write_atomically
from launchpad.cluster import CATEGORIES, Facts, job_files, worker_file
from launchpad.local_mongo import FIREWORKS_TIMES
from launchpad.private_files import open_to_others
from launchpad.settings import Source, connect, resolve, write_worker_config

TEMPLATE, README, LAUNCHPAD = "slurm_template.txt", "README.md", "my_launchpad.yaml"


@dataclass(frozen=True)
class Written:
    """Names of the files that are new, of those that were there and are as they were, and what to know."""

    new: tuple[str, ...]
    kept: tuple[str, ...]
    remarks: tuple[str, ...]


def choose_database(directory: Path, launchpad_file: Path | None) -> Source:
    """The database of ``directory``: the file named, else the one that is there, else what every command uses."""
    own = directory / LAUNCHPAD
    return resolve(own if launchpad_file is None and own.is_file() else launchpad_file)


def write_directory(directory: Path, source: Source, facts: Mapping[str, Facts], launcher: str = "") -> Written:
    """Write what is missing in ``directory`` (made if it is not there); files that are there stay as they are.

    Raises
    ------
    EnvironmentProblem
        The database does not answer, or the directory cannot be written. Nothing is written then.
    InputError
        Another database's ``my_launchpad.yaml`` is there.
    """
    connect(source).connection.close()
    place = directory.absolute()
    fireworks = {
        "LAUNCHPAD_LOC": str(place / LAUNCHPAD),
        "FWORKER_LOC": str(place / "my_fworker.yaml"),
        "QUEUE_UPDATE_INTERVAL": 1,
        "QUEUE_JOBNAME_MAXLEN": 100,  # a job of `qlaunch -r` is called as its Firework: <run>:<cycle>:<step>
        **FIREWORKS_TIMES,
    }
    contents = {
        **job_files(place, facts, alflow_command()),
        "my_fworker.yaml": worker_file("al-workflows", list(CATEGORIES)),
        "FW_config.yaml": fireworks,
    }
    texts = {name: yaml.safe_dump(content, sort_keys=False, width=1000) for name, content in contents.items()}
    texts[TEMPLATE] = template_text()
    categories = [{"name": name, "packed": fact.packed} for name, fact in facts.items()]
    page = Environment(autoescape=False, keep_trailing_newline=True).from_string(_read("README.md.jinja"))
    texts[README] = page.render(directory=place, categories=categories, launcher=launcher)
    own = place / LAUNCHPAD
    had_own = own.is_file()
    kept = [name for name in texts if (place / name).exists()]
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            if name not in kept:
                write_atomically(place / name, text)
    except OSError as error:
        raise EnvironmentProblem(f"`{directory}` cannot be written: {error.strerror}") from error
    if not had_own:
        write_worker_config(place, source)
    kept += [LAUNCHPAD] if had_own else []
    new = [name for name in (LAUNCHPAD, *texts) if name not in kept]
    return Written(tuple(new), tuple(kept), tuple(_remarks(own, source)))


def template_text() -> str:
    """The job script of SLURM."""
    return _read(TEMPLATE)


def alflow_command() -> list[str]:
    """The words that start this very `alflow`, on another node too."""
    program = Path(sys.executable).with_name("alflow")
    return [str(program)] if program.is_file() else [sys.executable, "-m", "launchpad.cli"]


def _remarks(launchpad_file: Path, source: Source) -> list[str]:
    found = []
    if open_to_others(launchpad_file):
        found.append(f"`{launchpad_file}` can be read by others but may hold a password: chmod 600 {launchpad_file}")
    if source.local is not None:
        found.append(
            "the database listens on this machine alone: jobs on other nodes cannot reach it. Name one that they "
            "reach by AL_WORKFLOWS_MONGODB_URI or --launchpad"
        )
    return found


def _read(name: str) -> str:
    return resources.files("launchpad").joinpath("templates", name).read_text()
