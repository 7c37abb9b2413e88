"""What the tests of the espresso backend share: Debian's pseudopotentials and cells of a second (smoke tests only)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from ase import Atoms

from al_workflows.spec import EspressoSpec

#: of Debian's package quantum-espresso-data
DEBIAN = Path("/usr/share/espresso/pseudo")
SILICON = "Si.pz-vbc.UPF"

needs_pw = pytest.mark.skipif(
    shutil.which("pw.x") is None or not (DEBIAN / SILICON).is_file(),
    reason="pw.x and Debian's pseudopotentials are not installed (.ci/install_espresso)",
)


def silicon() -> Atoms:
    """Two atoms, not where they want to be."""
    cell = [[0, 2.7, 2.7], [2.7, 0, 2.7], [2.7, 2.7, 0]]
    return Atoms("Si2", positions=[[0, 0, 0], [1.45, 1.35, 1.3]], cell=cell, pbc=True)


def spec(**changes: Any) -> EspressoSpec:
    """Silicon at a low cut-off; ``electrons``, ``system`` and ``control`` go into the namelists."""
    namelists = {name: changes.pop(name, {}) for name in ("control", "system", "electrons")}
    namelists["system"] = {"ecutwfc": 12} | namelists["system"]
    data: dict[str, Any] = {
        "input_data": namelists,
        "kpts": (2, 2, 2),
        "pseudopotentials": {"Si": SILICON},
        "pseudo_dir": DEBIAN,
        "max_attempts": 1,
        "scf_retries": 0,
    }
    return EspressoSpec(**data | changes)


def script(path: Path, text: str) -> str:
    """An executable shell script; its path."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    os.chmod(path, 0o755)
    return str(path)
