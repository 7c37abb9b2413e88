"""Which Fireworks are this project's: a task of another kind may do anything for whoever can write to the database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fw_specs.keys import FIT_TASK, TASKS

#: as FireWorks stores them
OUR_TASKS = frozenset({*TASKS.values(), FIT_TASK})
#: keys of a spec by which FireWorks runs further tasks, or reads and copies files, beside the tasks
BESIDES = ("_background_tasks", "_files_in", "_files_out", "_files_prev", "_recovery", "_trackers", "_dupefinder")
#: parts of a queue adapter that are commands
COMMANDS = ("rocket_launch", "pre_rocket", "post_rocket")
#: what would end a line, or the quotes around a directory, of a job script
_BREAKS = "[\n\r]"
_UNQUOTED = "['\n\r]"


def only_ours() -> dict[str, Any]:
    """A query of the Fireworks collection, for a worker's ``query``: plain `rlaunch` and `qlaunch` keep to it too."""
    named = {"$elemMatch": {"_fw_name": {"$nin": sorted(OUR_TASKS)}}}
    absent = [*BESIDES, *(f"_queueadapter.{key}" for key in COMMANDS)]
    adapter = {"$cond": [{"$eq": [{"$type": "$spec._queueadapter"}, "object"]}, "$spec._queueadapter", {}]}
    text = {"$convert": {"input": "$$entry.v", "to": "string", "onError": "\n", "onNull": ""}}
    broken = {
        "$map": {
            "input": {"$objectToArray": adapter},
            "as": "entry",
            "in": {"$regexMatch": {"input": text, "regex": _BREAKS}},
        }
    }
    return {
        "spec._tasks": {"$type": "array", "$ne": [], "$not": named},
        **{f"spec.{key}": {"$exists": False} for key in absent},
        "spec._launch_dir": {"$not": {"$regex": _UNQUOTED}},
        "$expr": {"$not": [{"$anyElementTrue": [broken]}]},
    }


def foreign(spec: dict[str, Any]) -> str:
    """What in a stored ``spec`` is not this project's, in words; empty if nothing is."""
    tasks = spec.get("_tasks")
    if not isinstance(tasks, list) or not tasks:
        return "it has no tasks"
    for task in tasks:
        name = task.get("_fw_name") if isinstance(task, dict) else task
        if name not in OUR_TASKS:
            return f"its task is {name}"
    adapter = spec.get("_queueadapter")
    if re.search(_UNQUOTED, str(spec.get("_launch_dir", ""))):
        return "its `_launch_dir` holds a quote or a line break"
    if isinstance(adapter, dict) and any(_breaks(value) for value in adapter.values()):
        return "its `_queueadapter` holds a line break, or what is no word"
    beside = [key for key in BESIDES if key in spec]
    beside += [f"_queueadapter.{key}" for key in COMMANDS if isinstance(adapter, dict) and key in adapter]
    rest = {key: value for key, value in spec.items() if key != "_tasks"}
    # FireWorks makes objects of such dictionaries, of any class that can be imported
    made = [key for value in (rest, *(list(task.values()) for task in tasks)) for key in _objects(value)]
    return f"it holds `{(beside + made)[0]}`" if beside or made else ""


def _breaks(value: Any) -> bool:
    return isinstance(value, dict | list | tuple) or re.search(_BREAKS, str(value)) is not None


def _objects(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (key for key in ("_fw_name", "@module") if key in value)
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _objects(inner)
