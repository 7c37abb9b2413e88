"""Gas-phase species in boxes, and which of them an adsorbate is compared with. Lengths are Å."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ase import Atoms

from al_workflows.campaign.adsorbate_spec import AdsorbateSpec
from al_workflows.campaign.spec import ReferencesSpec
from al_workflows.errors import InputError

#: the box's edges beyond the molecule, in units of ``references.box``: degenerate open shells get an orientation
EDGES = (1.0, 1.03, 1.06)


def in_a_box(atoms: Atoms, spec: ReferencesSpec) -> Atoms:
    """``atoms`` in the middle of a periodic box, not fixed."""
    boxed = atoms.copy()
    boxed.set_cell(np.ptp(boxed.positions, axis=0) + np.array(EDGES) * spec.box)
    boxed.center()
    boxed.pbc = True
    if spec.spin == "none":
        boxed.set_initial_magnetic_moments(None)
    return boxed


def reference_of(spec: AdsorbateSpec) -> dict[str, float]:
    """Species and how many of each an adsorbate is compared with."""
    return dict(spec.reference) if spec.reference is not None else {spec.name: 1.0}


def refuse_unequal(adsorbate: Atoms, name: str, species: Mapping[str, Atoms], reference: Mapping[str, float]) -> None:
    """Raise an :class:`InputError` unless the species together have the adsorbate's atoms."""
    total: dict[str, float] = {}
    for one, number in reference.items():
        for symbol, count in species[one].symbols.formula.count().items():
            total[symbol] = total.get(symbol, 0.0) + number * count
    wanted = adsorbate.symbols.formula.count()
    for symbol in sorted(total.keys() | wanted.keys()):
        if abs(total.get(symbol, 0.0) - wanted.get(symbol, 0)) > 1e-6:
            raise InputError(
                f"adsorbate {name}: its `reference` has {total.get(symbol, 0.0):g} {symbol} but must have "
                f"{wanted.get(symbol, 0)}, as it has; correct the numbers"
            )
