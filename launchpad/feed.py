"""Bring what is ready into the queue, category by category, up to a cap of jobs."""

from __future__ import annotations

import json
import logging
import math
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from fireworks import FWorker, LaunchPad
from fireworks.queue.queue_launcher import launch_rocket_to_queue
from fireworks.user_objects.queue_adapters.common_adapter import CommonAdapter

from al_workflows.errors import InputError, exception_line
from fw_specs.keys import RUN
from launchpad.slurm_queue import Job, count, run_command


class NamedAdapter(CommonAdapter):  # type: ignore[misc]  # fireworks is untyped
    """FireWorks' adapter, except that a job keeps the adapter's name: `qlaunch -r` names it after its Firework.

    Jobs can be counted only by a name that they share.
    """

    _fw_name = "{{launchpad.feed.NamedAdapter}}"

    def get_script_str(self, launch_dir: str) -> str:
        """The job script."""
        self["job_name"] = self.pop("_job_name", self["job_name"])
        return str(super().get_script_str(launch_dir))

    def submit_to_queue(self, script_file: str) -> str:
        """Submit the script; the job's id.

        Raises
        ------
        QueueProblem
            SLURM did not take it, with its words.
        """
        return str(self._parse_jobid(run_command("sbatch", script_file)))


@dataclass(frozen=True)
class Category:
    """What takes the steps of one category to the queue: the worker that runs in the job, and the job."""

    name: str
    worker: FWorker
    adapter: NamedAdapter
    cap: int

    @property
    def job_name(self) -> str:
        """What its jobs are called."""
        return str(self.adapter["_job_name"])

    @property
    def reserves(self) -> bool:
        """Whether a job is for one Firework, which is reserved for it; else a job takes whatever is ready."""
        return "singleshot" in self.adapter["rocket_launch"]

    @property
    def at_once(self) -> int:
        """How many Fireworks one of its jobs works on side by side."""
        found = re.search(r"--parallel[ =](\d+)", self.adapter["rocket_launch"])
        return max(1, int(found.group(1))) if found else 1

    @property
    def parts(self) -> int:
        """How many jobs one submission is: an array has several."""
        found = re.fullmatch(r"1-(\d+)", str(self.adapter.get("array", "")))
        return int(found.group(1)) if found else 1


def read_categories(directory: Path, caps: Mapping[str, int], cap: int) -> tuple[Category, ...]:
    """The categories of a directory that `alflow init` made, by its ``my_qadapter_<category>.yaml``.

    Raises
    ------
    InputError
        There is none, a file is missing or not valid, or ``caps`` names another.
    """
    files = sorted(directory.glob("my_qadapter_*.yaml"))
    names = [file.stem.removeprefix("my_qadapter_") for file in files]
    if not files:
        raise InputError(f"`{directory}` has no my_qadapter_<category>.yaml; `alflow init {directory}` writes them")
    if unknown := sorted(caps.keys() - set(names)):
        raise InputError(f"category `{unknown[0]}` is not in `{directory}`; its categories are {', '.join(names)}")
    return tuple(_category(file, name, caps.get(name, cap)) for file, name in zip(files, names, strict=True))


def _category(file: Path, name: str, cap: int) -> Category:
    worker_file = file.with_name(f"my_fworker_{name}.yaml")
    content, about = _mapping(file), _mapping(worker_file)
    # FireWorks' own reader imports all that there is in FireWorks, and tells in many ways what a file lacks
    if content.get("_fw_q_type") != "SLURM" or not isinstance(content.get("rocket_launch"), str):
        raise InputError(f"`{file}` must have `_fw_q_type: SLURM` and a `rocket_launch`; `alflow init` writes one")
    try:
        query = json.loads(about.get("query") or "{}")
        ours = {"$and": [query, {f"spec.{RUN}": {"$exists": True}}]}
        worker = FWorker(str(about["name"]), about["category"], ours, about.get("env"))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"`{worker_file}` needs `name`, `category` and a JSON `query` ({error})") from None
    adapter = NamedAdapter.from_dict(content)
    adapter["_job_name"] = content.get("job_name") or f"alflow-{name}"
    category = Category(name, worker, adapter, cap)
    if category.parts > cap:
        raise InputError(
            f"`{file}` submits {category.parts} jobs at once, but at most {cap} are allowed; raise "
            f"`--max-jobs {name}=N` or lower its `array`"
        )
    return category


def _mapping(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        raise InputError(f"`{file}` is not there; `alflow init {file.parent}` writes it") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"`{file}` cannot be read as YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(content, dict):
        raise InputError(f"`{file}` must hold keys and values; `alflow init {file.parent}` writes such a file")
    return content


@dataclass(frozen=True)
class Fed:
    """A category after a round: ``jobs`` in the queue, of which ``new`` were submitted; ``problem`` if that failed."""

    category: str
    jobs: int
    cap: int
    new: int
    problem: str = ""


def feed(
    launchpad: LaunchPad,
    category: Category,
    jobs: Mapping[str, Job],
    ids: Collection[str],
    directory: Path,
    stop: Callable[[], bool],
) -> Fed:
    """Submit jobs for what is ready until the cap is reached, nothing is ready, SLURM refuses, or ``stop``.

    Parameters
    ----------
    jobs
        The queue, as just read.
    ids
        Jobs that belong to the category whatever they are called.
    directory
        Where jobs that reserve nothing run.
    """
    in_queue = count(jobs, category.job_name, ids)
    wanted = category.cap
    if not category.reserves:
        for_it = {**category.worker.query, "state": {"$in": ["READY", "RUNNING"]}}
        wanted = min(category.cap, math.ceil(launchpad.fireworks.count_documents(for_it) / category.at_once))
    new = 0
    while in_queue + new < wanted and in_queue + new + category.parts <= category.cap and not stop():
        place = directory if category.reserves else _job_directory(directory, category.name)
        with _heard() as words:
            submitted = launch_rocket_to_queue(
                launchpad,
                category.worker,
                category.adapter,
                launcher_dir=str(place),
                reserve=category.reserves,
                strm_lvl="CRITICAL",
                create_launcher_dir=False,
            )
        if submitted is False and words:
            return Fed(category.name, in_queue + new, category.cap, new, words[-1])
        if not submitted:  # nothing is ready
            break
        new += category.parts
    return Fed(category.name, in_queue + new, category.cap, new)


def _job_directory(directory: Path, category: str) -> Path:
    place = directory / "jobs" / category
    place.mkdir(parents=True, exist_ok=True)
    return place


@contextmanager
def _heard() -> Iterator[list[str]]:
    """The exceptions that FireWorks logs while the block runs, a line each; its answer does not say why it failed."""
    words: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if line := exception_line(record.getMessage()):
                words.append(line.partition(": ")[2] or line)

    listener, logger = Listener(logging.ERROR), logging.getLogger("queue.launcher")
    logger.addHandler(listener)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of what FireWorks uses of monty
            yield words
    finally:
        logger.removeHandler(listener)
