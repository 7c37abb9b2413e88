"""``python -m tests.chaos --seed N --minutes M``: exit code 1 if anything was lost."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

# before numpy and torch are imported: bit for bit needs one thread
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
PACKAGES = ("al-workflows", "FireWorks", "pymongo", "ase", "torch", "numpy")


def main() -> int:
    """Run the parts that were asked for, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the faults, the surfaces and the draws of DFT")
    parser.add_argument("--minutes", type=float, default=10.0, help="of faults, shared by the parts")
    parser.add_argument("--part", choices=["a", "b", "both"], default="both")
    parser.add_argument("--local", action="store_true", help="`alflow run` on this machine in place of SLURM")
    parser.add_argument("--surfaces", type=int, default=4, help="runs at once")
    parser.add_argument("--gap", type=float, default=12.0, help="s between two faults, on average")
    parser.add_argument("--outage", type=float, default=60.0, help="s that the database is away")
    parser.add_argument("--kinds", nargs="*", default=(), help="only these faults")
    parser.add_argument("--directory", type=Path, help="new; by default a temporary one, which is kept")
    chosen = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):  # whatever ends it, it cleans up
        signal.signal(number, signal.default_int_handler)

    from tests.chaos.storm import Plan, storm, table

    directory = chosen.directory or Path(tempfile.mkdtemp(prefix="alflow-chaos-"))
    print(f"python -m tests.chaos {' '.join(sys.argv[1:])}")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, ", end="")
    print(", ".join(f"{name} {version(name)}" for name in PACKAGES))
    print(f"in {directory}", flush=True)
    parts = ["a", "b"] if chosen.part == "both" else [chosen.part]
    outcomes = []
    for part in parts:
        plan = Plan(
            seed=chosen.seed,
            seconds=60 * chosen.minutes / len(parts),
            faulty=part == "b",
            slurm=not chosen.local,
            at_once=chosen.surfaces,
            gap=chosen.gap,
            outage=chosen.outage,
            kinds=tuple(chosen.kinds),
        )
        outcomes.append(storm(plan, (directory / part).resolve()))
        print(table(outcomes[-1:]), flush=True)
    return int(any(outcome.wrong for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
