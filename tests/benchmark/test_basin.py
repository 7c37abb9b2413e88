"""Ends are told apart by what lies below them, not by where an adsorbate happens to sit."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS

from al_workflows.benchmark.basin import Ground, basins, difference, ground_of, same_basin
from tests.benchmark.builders import ground


def on(site: str, position: tuple[float, float] | None = None) -> Atoms:
    atoms = fcc111("Cu", (2, 2, 3), vacuum=6.0)
    add_adsorbate(atoms, "O", 1.2, site)
    if position is not None:
        atoms.positions[-1, :2] += position @ atoms.cell.array[:2, :2] / 2
    atoms.pbc = (True, True, False)
    atoms.set_constraint(FixAtoms([atom.index for atom in atoms if atom.tag == 3]))
    atoms.calc = EMT()
    BFGS(atoms, logfile=None).run(fmax=0.03)
    atoms.calc = None
    return atoms


@pytest.fixture(scope="module")
def fcc() -> Ground:
    return ground_of(on("fcc"), EMT())


def test_equivalent_sites_and_exchanged_atoms_are_one_basin(fcc: Ground) -> None:
    next_one = on("fcc", (1, 0))
    order = [*range(1, 4), 0, *range(4, len(next_one))]
    assert same_basin(fcc, ground_of(next_one[order], EMT()))


def test_fcc_and_hcp_hollows_are_two(fcc: Ground) -> None:
    hcp = ground_of(on("hcp"), EMT())
    assert fcc.negative_modes == hcp.negative_modes == 0
    assert difference(fcc.atoms, hcp.atoms) > 0.15
    assert not same_basin(fcc, hcp)


def test_an_end_is_followed_down_unless_it_is_a_saddle(fcc: Ground) -> None:
    atoms = on("fcc")
    rough = atoms.copy()
    rough.positions[-1] += [0.05, 0.02, 0.0]
    assert ground_of(rough, EMT()).energy == pytest.approx(fcc.energy, abs=5e-4)
    top = fcc111("Cu", (2, 2, 3), vacuum=6.0)
    add_adsorbate(top, "O", 1.7, "ontop")
    top.pbc = (True, True, False)
    top.set_constraint(FixAtoms(range(12)))
    top.calc = EMT()
    BFGS(top, logfile=None).run(fmax=0.001)
    saddle = ground_of(top, EMT())
    assert saddle.negative_modes == 2
    assert (saddle.atoms.positions == top.positions).all()
    assert not saddle.atoms.calc


def test_environments_do_not_change_with_the_frame() -> None:
    one = on("fcc")
    other = one.copy()
    other.rotate(40, "z", rotate_cell=True)
    other.translate([0.3, -0.2, 1.0])
    other.wrap()
    assert difference(one, other) == pytest.approx(0.0, abs=1e-8)
    other.symbols[-1] = "N"
    assert difference(one, other) == np.inf


def test_basins_are_numbered_by_energy() -> None:
    grounds = [ground(0.300), ground(0.0), ground(0.302), ground(0.3, negative_modes=1), ground(0.0, stretch=0.5)]
    numbers = basins(grounds)
    assert numbers[0] == numbers[2] > numbers[1]
    assert sorted(set(numbers)) == [0, 1, 2, 3]
    assert basins([]) == []


def test_a_mode_about_the_tolerance_makes_no_other_saddle() -> None:
    assert same_basin(ground(0.3, negative_modes=1), ground(0.3, negative_modes=2))
    assert not same_basin(ground(0.3, negative_modes=1), ground(0.3))
