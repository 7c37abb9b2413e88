"""A directory as `alflow init` makes it, for the tests' SLURM cluster, and what the tests do in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ase.build import add_adsorbate, fcc100
from ase.constraints import FixAtoms
from fireworks import LaunchPad

from al_workflows.preflight import prepare
from fw_specs.submit import submit
from launchpad.feed import read_categories
from launchpad.held import Patience
from launchpad.reconcile import Reconciler, Repair, Scope, apply
from launchpad.slurm_queue import SlurmQueue
from launchpad.supervise import Supervisor
from tests.slurm import SlurmCluster

BIN = Path(sys.executable).parent
#: so that a test need not wait for the times that suit a cluster
TIMES = {"PING_TIME_SECS": 1, "RUN_EXPIRATION_SECS": 6, "WFLOCK_EXPIRATION_SECS": 60, "QUEUE_UPDATE_INTERVAL": 0}
PATIENCE = Patience(moments=2.0, pings=4.0)
#: takes whatever is ready, until its time is over or the job is cancelled
POOL = "rapidfire --nlaunches infinite --sleep 1 --timeout 90"


def cluster_directory(place: Path, lpad_file: Path, modes: Mapping[str, str] | None = None) -> Path:
    """Categories ml, dft and control; ``modes`` says how `rlaunch` runs in a job of each (singleshot by default)."""
    place.mkdir(exist_ok=True)
    shutil.copy(lpad_file, place / "my_launchpad.yaml")
    (place / "FW_config.yaml").write_text(yaml.safe_dump(TIMES))
    before = f"export FW_CONFIG_FILE={place}/FW_config.yaml OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1"
    for category in ("ml", "dft", "control"):
        worker = {"name": f"test-{category}", "category": category, "query": "{}"}
        (place / f"my_fworker_{category}.yaml").write_text(yaml.safe_dump(worker))
        mode = (modes or {}).get(category, "singleshot")
        adapter = {
            "_fw_name": "CommonAdapter",
            "_fw_q_type": "SLURM",
            "rocket_launch": f"{BIN}/rlaunch -l {place}/my_launchpad.yaml -w {place}/my_fworker_{category}.yaml {mode}",
            "queue": "dft",
            "nodes": 1,
            "ntasks": 1,
            "mem": 300,
            "walltime": "00:10:00",
            "job_name": f"alflow-{category}",
            "pre_rocket": before,
        }
        (place / f"my_qadapter_{category}.yaml").write_text(yaml.safe_dump(adapter))
    return place


def alflow(cluster: SlurmCluster, place: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `alflow` in ``place`` to its end."""
    return subprocess.run(
        [str(BIN / "alflow"), *words],
        cwd=place,
        env=cluster.environment | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def surface(metal: str) -> Any:
    """O over the hollow of a (100) surface of ``metal``, too high; its lower layer is fixed."""
    atoms = fcc100(metal, (1, 1, 2), vacuum=6.0)
    add_adsorbate(atoms, "O", 2.4, "hollow")
    atoms.pbc = (True, True, False)
    atoms.set_constraint(FixAtoms([atom.index for atom in atoms if atom.tag == 2]))
    return atoms


def submitted(lpad: LaunchPad, place: Path, metal: str = "Cu", **changes: object) -> str:
    """Submit a run of three cycles on ``metal``; its id."""
    surface(metal).write(place / f"{metal}.traj")
    spec = {"structure": f"{metal}.traj", "seed": 1, "dft": {"kind": "emt", "timeout": 120}}
    spec |= {"simulation": {"kind": "relaxation", "fmax": 0.01}, "termination": {"max_cycles": 3}}
    path = place / f"{metal}.yaml"
    path.write_text(yaml.safe_dump(spec | changes))
    prepared = prepare(path)
    assert submit(lpad, prepared.spec, prepared.start, place / "runs" / prepared.run)
    return prepared.run


def one_round(lpad: LaunchPad, place: Path, cap: int = 4) -> str:
    """A round of a supervisor in this process; what it said."""
    said: list[str] = []
    supervisor = Supervisor(
        lpad,
        SlurmQueue(),
        read_categories(place, {}, cap),
        place,
        "a test",
        interval=0.5,
        patience=PATIENCE,
        stop=threading.Event(),
        say=said.append,
    )
    supervisor.run(once=True, until_done=False)
    return "\n".join(said)


def plan(lpad: LaunchPad) -> list[Repair]:
    """What `alflow recover` would do."""
    return Reconciler(lpad, SlurmQueue().jobs, Scope(), PATIENCE).plan()


def recover(lpad: LaunchPad) -> str:
    """Do it; what was done."""
    return "\n".join(apply(plan(lpad)))
