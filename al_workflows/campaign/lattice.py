"""Equations of state: lattice constants of a campaign's bulks by its own DFT. Lengths are Å, energies eV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from al_workflows.campaign.bulk_spec import BulkSpec
from al_workflows.campaign.crystal import crystal
from al_workflows.campaign.lattice_file import LatticeFit, scaled
from al_workflows.campaign.spec import EosSpec
from al_workflows.dft.calculator import SinglePoints
from al_workflows.dft.settings import check_available
from al_workflows.dft.spec import DftSpec
from al_workflows.errors import InputError
from al_workflows.records import Label
from al_workflows.structures import structure_key

#: rounds of volumes, each around the lowest of the one before, until that is inside
ROUNDS = 8


def fit_lattice(
    bulk: BulkSpec,
    atoms: Atoms,
    dft: DftSpec,
    spec: EosSpec,
    directory: Path,
    listener: Callable[[Label], None] = lambda _: None,
) -> LatticeFit:
    """The lattice constants of a bulk at which its energy is lowest; all axes and positions are scaled alike.

    Parameters
    ----------
    bulk, atoms
        The bulk and its atoms as they are given.
    dft
        Settings of the single points, of the bulk's primitive cell.
    spec
        Which volumes.
    directory
        Where the single points live: those that have finished there are not computed again.
    listener
        Told of each single point.

    Raises
    ------
    InputError
        A single point failed, no minimum was found, or DFT does not know an element.
    EnvironmentProblem
        The DFT code is not installed, or the directory cannot be written.
    """
    cell = crystal(atoms, conventional=False).primitive
    if bulk.magmoms:
        cell.set_initial_magnetic_moments([bulk.magmoms.get(symbol, 0.0) for symbol in cell.symbols])
    check_available(dft, sorted(set(cell.get_chemical_symbols())))
    calculator = SinglePoints(dft, directory, listener)
    known: dict[float, float] = {}  # volume as a share of the given one: energy
    middle = 1.0
    for _ in range(ROUNDS):
        shares = [round(middle * (1 + spec.strain * x), 6) for x in np.linspace(-1, 1, spec.points)]
        known |= {share: _energy(bulk, cell, share, calculator) for share in shares if share not in known}
        found = sorted(known)
        lowest = min(found, key=lambda share: known[share])
        if found[0] < lowest < found[-1]:
            break
        middle = lowest
    else:
        raise InputError(
            f"bulk {bulk.key}: the energy is lowest at an end of all volumes looked at, {found[0]:.3f} to "
            f"{found[-1]:.3f} "
            "of the given one; give a nearer lattice constant"
        )
    nearest = sorted(found, key=lambda share: abs(share - lowest))[: spec.points]
    shares = sorted(nearest)
    volumes = [share * cell.get_volume() for share in shares]
    return _fitted(bulk, atoms, cell, volumes, [known[share] for share in shares], calculator.labels[-1])


def _energy(bulk: BulkSpec, cell: Atoms, share: float, calculator: SinglePoints) -> float:
    from ase.calculators.calculator import CalculationFailed

    atoms = scaled(cell, share ** (1 / 3))
    atoms.calc = calculator
    try:
        return float(atoms.get_potential_energy())
    except CalculationFailed as error:
        raise InputError(f"bulk {bulk.key}: at {share:.3f} of its volume {error}; correct the DFT settings") from error


def _fitted(
    bulk: BulkSpec, atoms: Atoms, cell: Atoms, volumes: Sequence[float], energies: Sequence[float], label: Label
) -> LatticeFit:
    from ase.eos import EquationOfState, birchmurnaghan
    from ase.units import GPa

    state = EquationOfState(volumes, energies, eos="birchmurnaghan")
    try:
        volume, energy, modulus = (float(value) for value in state.fit())
        if not min(volumes) < volume < max(volumes):
            raise ValueError(f"the minimum is at {volume:.3f} Å³")
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"bulk {bulk.key}: no equation of state fits its energies at {min(volumes):.2f} to {max(volumes):.2f} Å³ "
            f"({error}); look at them, and at `eos.strain`"
        ) from error
    fitted = birchmurnaghan(np.asarray(volumes), *state.eos_parameters)
    scale = (volume / cell.get_volume()) ** (1 / 3)
    lengths = crystal(scaled(atoms, scale), bulk.conventional).cell.cell.lengths()
    return LatticeFit(
        given=structure_key(atoms),
        scale=scale,
        lengths=(float(lengths[0]), float(lengths[1]), float(lengths[2])),
        volume=volume,
        energy=energy,
        bulk_modulus=modulus / GPa,
        residual=float(np.sqrt(np.mean((fitted - np.asarray(energies)) ** 2))),
        volumes=tuple(volumes),
        energies=tuple(energies),
        code=label.code,
        dft_hash=label.dft_hash,
    )
