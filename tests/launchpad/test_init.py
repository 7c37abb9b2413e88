"""`alflow init` without a cluster: what it refuses, asks and writes."""

from __future__ import annotations

import os
import pty
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from fireworks.user_objects.queue_adapters.common_adapter import CommonAdapter

from al_workflows.errors import InputError
from al_workflows.spec import ResourcesSpec
from fw_specs.keys import FIT_TASK
from fw_specs.morse import FitMorseTask
from launchpad.cluster import CATEGORIES, facts_of, job_files
from launchpad.init import template_text
from launchpad.queue_keys import check_resources
from tests.launchpad.test_rlaunch import ENVIRONMENT


def script(tmp_path: Path, category: str, common: dict[str, Any], own: dict[str, Any] | None = None) -> list[str]:
    """The job script that FireWorks makes of the queue file of ``category``."""
    (tmp_path / "slurm_template.txt").write_text(template_text())
    files = job_files(tmp_path, facts_of(common, {category: own or {}}), ["/opt/my venv/alflow"])
    text: str = CommonAdapter.from_dict(files[f"my_qadapter_{category}.yaml"]).get_script_str(str(tmp_path))
    return text.splitlines()


def test_the_job_script(tmp_path: Path) -> None:
    facts = {"partition": "short", "module": ["qe/7.2", "gcc"], "pre_rocket": ["ulimit -s unlimited"], "gpus": 1}
    lines = script(tmp_path, "dft", facts, {"partition": "long", "mem": "32G", "ntasks": 16, "exclusive": True})
    asked = {"partition=long", "mem=32G", "ntasks=16", "gpus-per-node=1", "exclusive=user", "signal=B:USR1@60"}
    assert {f"#SBATCH --{one}" for one in asked} <= set(lines)
    assert not [line for line in lines if "--account" in line or "$$" in line]
    work = [line for line in lines if line and not line.startswith("#")]
    assert work[:2] == ["module load qe/7.2", "module load gcc"]
    assert work[-3:-1] == ["ulimit -s unlimited", f"cd '{tmp_path}'"]
    assert work[-1].startswith("exec '/opt/my venv/alflow' worker -l ")
    assert work[-1].endswith(" singleshot")  # `qlaunch -r` asks for that word, and adds --fw_id
    assert subprocess.run(["bash", "-n"], input="\n".join(lines), text=True, check=False).returncode == 0


def test_a_pack(tmp_path: Path) -> None:
    lines = script(tmp_path, "dft", {"walltime": "00:05:00"}, {"ntasks": 2, "pack": 4, "array": 3})
    assert {"#SBATCH --ntasks=8", "#SBATCH --array=1-3"} <= set(lines)
    assert not [line for line in lines if "--signal" in line]  # it would come at once
    assert any("rapidfire --parallel 4" in line for line in lines)


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("walltime", "1:00", "hours"),
        ("mem", "4 GB", "megabytes"),
        ("partition", "a\n#SBATCH --uid=0", "one word"),
        ("ntasks", 0, "1 at least"),
        ("module", ["a\nb"], "single lines"),
        ("pre_rocket", ["echo $$"], "single lines"),
    ],
)
def test_bad_facts(key: str, value: Any, word: str) -> None:
    with pytest.raises(InputError, match=f"`--{key.replace('_', '-')}` is .*{word}"):
        facts_of({key: value}, {})
    with pytest.raises(InputError, match=f"`--dft-{key.replace('_', '-')}` is "):
        facts_of({}, {"dft": {key: value}})


def test_what_a_run_may_ask() -> None:
    def asks(**queue: Any) -> None:
        check_resources(ResourcesSpec.model_validate({"dft": {"category": "dft", "queue": queue}}))

    asks(walltime="12:00:00", mem="16G", gpus_per_task=1)
    with pytest.raises(InputError, match=r"resources\.dft\.queue\.waltime.*did you mean `walltime`"):
        asks(waltime="12:00:00")
    with pytest.raises(InputError, match="is a command"):
        asks(pre_rocket="rm -r .")
    with pytest.raises(InputError, match="one line of text"):
        asks(mem="1G\nrm -r .")


def test_names() -> None:
    assert FitMorseTask._fw_name == FIT_TASK
    keys = {field for _, field, _, _ in string.Formatter().parse(template_text()) if field}
    assert {"job_name", "queue", "signal", "rocket_launch"} <= keys


@pytest.mark.workflow
def test_it_asks_on_a_terminal(lpad_file: Path, tmp_path: Path) -> None:
    """Answers for all, then for each category; an empty one is the default."""
    answers = ["myaccount", "qe gcc"] + ["special", "01:00:00", "1G", "2", ""] + [""] * 10
    terminal, other = pty.openpty()
    words = [sys.executable, "-m", "launchpad.cli", "init", "work", "--launchpad", str(lpad_file)]
    with subprocess.Popen(words, cwd=tmp_path, env=ENVIRONMENT, stdin=other, stdout=subprocess.PIPE) as process:
        os.write(terminal, "".join(f"{answer}\n" for answer in answers).encode())
        said = process.communicate(timeout=120)[0].decode()
    os.close(terminal)
    os.close(other)
    assert process.returncode == 0, said
    found = {name: yaml.safe_load((tmp_path / "work" / f"my_qadapter_{name}.yaml").read_text()) for name in CATEGORIES}
    assert {adapter["account"] for adapter in found.values()} == {"myaccount"}
    assert found["ml"]["pre_rocket"].startswith("module load qe\nmodule load gcc\n")
    wanted = {"queue": "special", "walltime": "01:00:00", "mem": "1G", "ntasks": 2}
    assert wanted.items() <= found["ml"].items()
    assert "queue" not in found["dft"]
