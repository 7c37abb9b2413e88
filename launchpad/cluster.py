"""What a cluster is like, category by category, and the files with which FireWorks submits jobs to it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from al_workflows.errors import InputError

CATEGORIES = ("ml", "dft", "control")
#: from so many s of walltime on SLURM is asked to send SIGUSR1 a minute before the end
SIGNAL_FROM = 600
_WORD = r"^[A-Za-z0-9_.,:|&=*+@%/\[\]()-]+$"
_WALLTIME = re.compile(r"(?:(?P<d>\d+)-)?(?P<h>\d{1,3}):(?P<m>[0-5]?\d)(?::(?P<s>[0-5]?\d))?")


class Facts(BaseModel):
    """What a job asks for; None where the cluster's own default will do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partition: str | None = Field(None, pattern=_WORD)
    account: str | None = Field(None, pattern=_WORD)
    qos: str | None = Field(None, pattern=_WORD)
    constraint: str | None = Field(None, pattern=_WORD)
    walltime: str = "04:00:00"
    mem: str = Field("4G", pattern=r"^\d+[KMGT]?$")
    nodes: int = Field(1, ge=1)
    ntasks: int = Field(1, ge=1)
    cpus_per_task: int = Field(1, ge=1)
    gpus: int = Field(0, ge=0)
    exclusive: bool = False
    module: tuple[str, ...] = ()
    pre_rocket: tuple[str, ...] = ()
    pack: int = Field(1, ge=1, le=512)
    array: int = Field(1, ge=1, le=10_000)

    @field_validator("walltime")
    @classmethod
    def _walltime(cls, value: str) -> str:
        if _seconds(value) < 60:
            raise ValueError("must be hours:minutes:seconds or days-hours:minutes:seconds, and a minute at least")
        return value

    @field_validator("module", "pre_rocket")
    @classmethod
    def _lines(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for line in value:
            if not line.strip() or "\n" in line or "$$" in line:
                raise ValueError("must be single lines without `$$`, which FireWorks' templates use")
        return value

    @property
    def packed(self) -> bool:
        """Whether a job takes what is ready instead of the one Firework that is reserved for it."""
        return self.pack > 1 or self.array > 1


#: what pydantic says in its own words, in ours
_RULES = {
    **dict.fromkeys(("partition", "account", "qos", "constraint"), "must be one word, as SLURM's own option takes it"),
    "mem": "must be megabytes, or a number with K, M, G or T (4G)",
    **dict.fromkeys(("nodes", "ntasks", "cpus_per_task", "pack", "array"), "must be a whole number, 1 at least"),
    "gpus": "must be a whole number",
}

#: what a category asks for if nobody says otherwise
DEFAULTS: dict[str, dict[str, Any]] = {
    "ml": {"walltime": "04:00:00", "mem": "4G", "cpus_per_task": 4},
    "dft": {"walltime": "24:00:00", "mem": "8G"},
    "control": {"walltime": "00:30:00", "mem": "2G"},
}


def facts_of(common: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]]) -> dict[str, Facts]:
    """The facts of each category: its own, else those for all, else the defaults.

    Raises
    ------
    InputError
        A value is not valid; with the option that holds it.
    """
    found = {}
    for category in CATEGORIES:
        mine = own.get(category, {})
        try:
            found[category] = Facts.model_validate({**DEFAULTS[category], **common, **mine})
        except ValidationError as error:
            first = error.errors()[0]
            key = str(first["loc"][0])
            option = f"--{f'{category}-' if key in mine else ''}{key.replace('_', '-')}"
            reason = _RULES.get(key) or str(first["msg"]).removeprefix("Value error, ")
            raise InputError(f"`{option}` is {first['input']!r} but {reason}") from None
    return found


def job_files(directory: Path, facts: Mapping[str, Facts], alflow: list[str]) -> dict[str, dict[str, Any]]:
    """Content of ``my_fworker_<category>.yaml`` and ``my_qadapter_<category>.yaml``, by name.

    Parameters
    ----------
    directory
        Where they will be (absolute).
    alflow
        The words that start `alflow` on the nodes.
    """
    found: dict[str, dict[str, Any]] = {}
    for category, fact in facts.items():
        found[f"my_fworker_{category}.yaml"] = worker_file(f"alflow-{category}", category)
        found[f"my_qadapter_{category}.yaml"] = _qadapter(directory, category, fact, alflow)
    return found


def worker_file(name: str, category: str | list[str]) -> dict[str, Any]:
    """Content of a ``my_fworker.yaml`` that takes this project's Fireworks alone."""
    import json

    from fw_specs.ours import only_ours

    return {"name": name, "category": category, "query": json.dumps(only_ours())}


def _qadapter(directory: Path, category: str, facts: Facts, alflow: list[str]) -> dict[str, Any]:
    mode = ["rapidfire", "--parallel", str(facts.pack), "--sleep", "10"] if facts.packed else ["singleshot"]
    files = ["-l", str(directory / "my_launchpad.yaml"), "-w", str(directory / f"my_fworker_{category}.yaml")]
    threads = 1 if category == "dft" else facts.cpus_per_task
    before = [f"module load {name}" for name in facts.module]
    before += [f"export FW_CONFIG_FILE={shlex.quote(str(directory / 'FW_config.yaml'))}"]
    before += [f"export OMP_NUM_THREADS={threads} OPENBLAS_NUM_THREADS={threads} MKL_NUM_THREADS={threads}"]
    content = {
        "_fw_name": "CommonAdapter",
        "_fw_q_type": "SLURM",
        "_fw_template_file": str(directory / "slurm_template.txt"),
        # exec: SLURM's signals reach the worker itself
        "rocket_launch": f"exec {shlex.join([*alflow, 'worker', *files, *mode])}",
        "job_name": f"alflow-{category}",
        "queue": facts.partition,
        "account": facts.account,
        "qos": facts.qos,
        "constraint": facts.constraint,
        "walltime": facts.walltime,
        "nodes": facts.nodes,
        "ntasks": facts.ntasks * facts.pack,
        "cpus_per_task": facts.cpus_per_task,
        "mem": facts.mem,
        "gpus_per_node": facts.gpus or None,
        "exclusive": "user" if facts.exclusive else None,
        "array": f"1-{facts.array}" if facts.array > 1 else None,
        "signal": "B:USR1@60" if _seconds(facts.walltime) >= SIGNAL_FROM else None,
        "pre_rocket": "\n".join([*before, *facts.pre_rocket]),
    }
    return {key: value for key, value in content.items() if value is not None}


def _seconds(walltime: str) -> int:
    """0 for what is no walltime. SLURM reads h:m as m:s, so we ask for all three without days."""
    match = _WALLTIME.fullmatch(walltime)
    if match is None or (match["d"] is None and match["s"] is None):
        return 0
    day, hour, minute, second = (int(match[key] or 0) for key in "dhms")
    return ((day * 24 + hour) * 60 + minute) * 60 + second
