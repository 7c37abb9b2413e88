"""The doctor's look at this machine: packages, programs, GPAW, pseudopotentials, caches, disks."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from al_workflows.errors import AlWorkflowsError
from launchpad.findings import Finding, fail, ok, warn

DISTRIBUTION = "al-workflows"
#: bytes; a DFT run writes densities and wave functions
DISK_WARN, DISK_FAIL = 5e9, 2e8
#: beside the interpreter, or on PATH
PROGRAMS = ("rlaunch", "qlaunch", "lpad")

Find = Callable[[str], str | None]


def examine_packages(
    requirements: list[str] | None = None, installed: Callable[[str], str] = version
) -> Iterator[Finding]:
    """Whether every package that we need is there and new enough.

    Parameters
    ----------
    requirements
        In the form of packaging metadata; by default our own.
    installed
        Gives a distribution's version, or raises PackageNotFoundError.
    """
    wanted = [Requirement(text) for text in (requires(DISTRIBUTION) or [] if requirements is None else requirements)]
    wanted = [need for need in wanted if need.marker is None or need.marker.evaluate({"extra": ""})]
    found, bad = [], []
    for need in wanted:
        try:
            there = installed(need.name)
        except PackageNotFoundError:
            bad.append((need, "is not installed"))
            continue
        if need.specifier.contains(there, prereleases=True):
            found.append(f"{need.name} {there}")
        else:
            bad.append((need, f"is {there}"))
    if found and not bad:
        yield ok("packages", ", ".join(found))
    for need, text in bad:
        rule = f"{need.name}{need.specifier}"
        yield fail("packages", f"{need.name} {text} but {rule} is needed", f'`pip install "{rule}"`')


def examine_programs(find: Find) -> Iterator[Finding]:
    """FireWorks' commands."""
    missing = [name for name in PROGRAMS if find(name) is None]
    if missing:
        yield fail(
            "programs",
            f"{', '.join(missing)} not beside this Python and not on PATH",
            "`pip install fireworks` into this environment",
        )
    else:
        yield ok("programs", ", ".join(f"{name}: {find(name)}" for name in PROGRAMS))


def examine_mongod(find_mongod: Callable[[], Path], *, needed: bool) -> Finding:
    """The server of a local database; ``needed`` if that is the one in use."""
    try:
        return ok("mongod", str(find_mongod()))
    except AlWorkflowsError as error:
        if not needed:
            return ok("mongod", "not installed, and not needed with this database")
        text, _, remedy = str(error).partition(": ")
        return fail("mongod", text, remedy)


def examine_gpaw(check: Callable[[], str]) -> Finding:
    """GPAW with its setups. ``check`` gives its version, or raises ImportError or an AlWorkflowsError."""
    try:
        return ok("gpaw", check())
    except ImportError:
        return ok("gpaw", "not installed; only `dft.kind: gpaw` needs it")
    except AlWorkflowsError as error:
        text, _, remedy = str(error).partition("; ")
        return warn("gpaw", text, remedy or "see docs/dft-codes.md")


def gpaw_version() -> str:
    """GPAW's version, after a look at the setup of a common element."""
    import gpaw  # noqa: F401  # an ImportError says that it is not there

    from al_workflows.dft.gpaw import GpawBackend

    backend = GpawBackend()
    backend.check(["Cu"])
    return f"{backend.code()}, setups found"


def examine_espresso(environ: Mapping[str, str], find: Find) -> Finding:
    """Quantum ESPRESSO's program and the directory of its pseudopotentials."""
    program, directory = find("pw.x"), environ.get("ESPRESSO_PSEUDO")
    if not directory:
        there = "pw.x is there but ESPRESSO_PSEUDO is not set" if program else "not configured"
        return ok("espresso", f"{there}; only runs with Quantum ESPRESSO need it")
    place = Path(directory)
    number = sum(file.suffix.lower() == ".upf" for file in place.iterdir()) if place.is_dir() else 0
    if number == 0:
        reason = "holds no .upf file" if place.is_dir() else "is no directory"
        return fail("espresso", f"`ESPRESSO_PSEUDO` is `{directory}` but {reason}", "correct it or unset it")
    text = f"{number} pseudopotentials in {directory}"
    if program is None:
        return warn("espresso", f"{text}, but no pw.x on PATH", "load its module, or add it to PATH")
    return ok("espresso", f"{text}; {program}")


def examine_numba_cache(environ: Mapping[str, str], beside: Path) -> Finding:
    """Whether compiled kernels are kept: in ``NUMBA_CACHE_DIR``, else ``beside`` the code, else in the user's cache."""
    cache = Path(environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home(), ".cache"))
    given = environ.get("NUMBA_CACHE_DIR")
    places = [Path(given)] if given else [beside, cache / "numba"]
    for place in places:
        if _writable(place):
            return ok("numba cache", str(place))
    return warn(
        "numba cache",
        f"{' and '.join(str(place) for place in places)} cannot be written: every worker compiles anew (some 15 s)",
        "set NUMBA_CACHE_DIR to a writable directory",
    )


def examine_disk(subject: str, directory: Path, usage: Callable[[Path], int]) -> Finding:
    """Space and permission where runs (or the local database) will write.

    ``usage`` gives the free bytes of the file system that holds a directory.
    """
    place = _existing(directory)
    if not _writable(place):
        return fail(subject, f"{directory} cannot be written", "name another with `--directory`, or correct its mode")
    free = usage(place)
    text = f"{directory}: {free / 1e9:.1f} GB free"
    if free < DISK_WARN:
        remedy = "free some, or name a directory on another disk with `--directory`"
        return (fail if free < DISK_FAIL else warn)(subject, text, remedy)
    return ok(subject, text)


def free_bytes(directory: Path) -> int:
    """Of the file system that holds ``directory``."""
    return shutil.disk_usage(directory).free


def find_beside(directory: Path, path: str | None) -> Find:
    """Look for a program in ``directory`` (of the interpreter), then on ``path``."""
    return lambda name: shutil.which(name, path=os.pathsep.join([str(directory), path or os.defpath]))


def _existing(directory: Path) -> Path:
    """``directory``, or the closest one above it that exists."""
    return next(place for place in (directory.absolute(), *directory.absolute().parents) if os.path.exists(place))


def _writable(directory: Path) -> bool:
    """Whether a file can be made in ``directory``, or in the closest one above that exists."""
    try:
        with tempfile.TemporaryFile(dir=_existing(directory)):
            return True
    except OSError:
        return False
