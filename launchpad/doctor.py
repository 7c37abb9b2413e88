"""What stands between this machine and a run, found out before a run does.

Nothing is started or repaired, and what is written (to try whether it can be) is removed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from al_workflows.errors import AlWorkflowsError
from launchpad import doctor_machine as machine
from launchpad.doctor_database import examine_database
from launchpad.findings import Finding, fail, ok
from launchpad.mongod import find_mongod
from launchpad.settings import Source, resolve


def examine(launchpad_file: Path | None, directory: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """All findings, in the order in which one would mend them; secrets are never among them.

    Parameters
    ----------
    launchpad_file
        As for every command: FireWorks' ``my_launchpad.yaml``, or None.
    directory
        Where runs will write.
    environ
        The environment.
    """
    find = machine.find_beside(Path(sys.executable).parent, environ.get("PATH"))
    yield ok("python", f"{sys.version.split()[0]}, {sys.executable}")
    yield from machine.examine_packages()
    yield from machine.examine_programs(find)
    yield machine.examine_numba_cache(
        environ, Path(__file__).parent.parent / "al_workflows" / "potential" / "__pycache__"
    )
    yield machine.examine_gpaw(machine.gpaw_version)
    yield machine.examine_espresso(environ, find)
    yield machine.examine_disk("disk of runs", directory, machine.free_bytes)
    try:
        source = resolve(launchpad_file, environ=environ)
    except AlWorkflowsError as error:
        text, _, remedy = str(error).partition("; ")
        yield fail("database", text, remedy or "correct it")
        return
    yield from _database(source)


def _database(source: Source) -> Iterator[Finding]:
    yield machine.examine_mongod(find_mongod, needed=source.local is not None)
    if source.local is not None:
        yield machine.examine_disk("disk of database", source.local.data_dir, machine.free_bytes)
    yield from examine_database(source)
