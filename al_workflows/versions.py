"""Which versions of which packages a run's numbers rest on."""

from __future__ import annotations

import functools
from importlib.metadata import PackageNotFoundError, version

#: distributions whose version can change a number
PACKAGES = ("al-workflows", "ase", "numpy", "scipy", "torch", "numba", "vesin", "pymatgen", "fireworks", "gpaw")


def installed_versions() -> dict[str, str]:
    """Version by distribution, of those in ``PACKAGES`` that are installed here; looked up once in a process."""
    return dict(_found())


@functools.cache
def _found() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # gpaw and fireworks need not be there
            continue
    return found
