"""k-points that break a cell's symmetry are remarked on."""

from __future__ import annotations

from typing import Any

import pytest
from ase.build import fcc100, fcc111
from pydantic import TypeAdapter

from al_workflows.dft.sampling import sampling_remark
from al_workflows.spec import DftSpec

PSEUDO = {"pseudopotentials": {"Cu": "Cu.upf"}}


@pytest.mark.parametrize(
    ("dft", "remarked"),
    [
        ({"kind": "gpaw", "parameters": {"kpts": {"size": [2, 2, 1]}}}, True),
        ({"kind": "gpaw", "parameters": {"kpts": [4, 4, 1]}}, True),
        ({"kind": "gpaw", "parameters": {"kpts": {"size": [2, 2, 1], "gamma": True}}}, False),
        ({"kind": "gpaw", "parameters": {"kpts": {"size": [3, 3, 1]}}}, False),
        ({"kind": "gpaw", "parameters": {"kpts": {"density": 3.5}}}, False),
        ({"kind": "gpaw"}, False),
        ({"kind": "vasp", "kpts": [4, 4, 1], "setups": {}}, True),
        ({"kind": "vasp", "kpts": [4, 4, 1], "gamma": True, "setups": {}}, False),
        ({"kind": "espresso", "kpts": [4, 4, 1], **PSEUDO}, False),
        ({"kind": "espresso", "kpts": [4, 4, 1], "koffset": [1, 1, 0], **PSEUDO}, True),
        ({"kind": "emt"}, False),
    ],
)
def test_even_grids_without_gamma_on_a_hexagonal_cell(dft: dict[str, Any], remarked: bool) -> None:
    spec: DftSpec = TypeAdapter(DftSpec).validate_python(dft)
    hexagonal = fcc111("Cu", (2, 2, 2), vacuum=6.0)
    hexagonal.pbc = (True, True, False)
    remark = sampling_remark(hexagonal, spec)
    assert (remark is not None) == remarked
    assert remark is None or "gamma: true" in remark
    assert sampling_remark(fcc100("Cu", (2, 2, 2), vacuum=6.0), spec) is None
    alone = hexagonal.copy()
    alone.pbc = False
    assert sampling_remark(alone, spec) is None
