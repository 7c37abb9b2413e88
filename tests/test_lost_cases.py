"""Whole runs in one process whose question has no good answer: each ends with its name, none with a false number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, fcc100
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms

from al_workflows import offline
from al_workflows.bonds import bonded_pieces, left_behind
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.path_ends import match_ends
from al_workflows.records import Label, Request, VerdictKind
from al_workflows.results import RunResult
from al_workflows.spec import NebSpec, RunSpec
from tests.bands import hop, neb_spec
from tests.builders import run_spec, slab
from tests.calculators import Hairpin, Repelled

#: pushes O off Cu(100) from where it begins to beyond 5 Å; the other one no farther than 4.6 Å
FAR, NEAR = (10.0, 1.0), (60.0, 0.4)


def run(spec: RunSpec, start: Atoms, directory: Path, parent: Calculator, final: Atoms | None = None) -> RunResult:
    def answer(request: Request, place: Path) -> Label:
        return single_point_in_process(request, parent, directory=place)

    return offline.run(spec, start, directory, answer, final=final)


def path(ends: tuple[Atoms, Atoms], directory: Path, parent: Calculator, **changes: Any) -> RunResult:
    return run(neb_spec(**changes), ends[0], directory, parent, ends[1])


def no_number(result: RunResult) -> None:
    """Neither result nor verdict claims a barrier."""
    assert result.summary()["barrier_eV"] is None
    assert result.summary()["barrier_back_eV"] is None
    assert "barrier_eV" not in result.verdict.evidence


@pytest.mark.parametrize("parent", [FAR, NEAR])
def test_a_path_whose_adsorbate_leaves(parent: tuple[float, float], tmp_path: Path) -> None:
    found = path(hop(seed=0), tmp_path, Repelled(*parent))
    assert (found.verdict.kind, found.verdict.criterion) == (VerdictKind.FAILED, "path")
    assert "a fragment is more than 5 Å away from everything else (5 cycles in a row)" in found.verdict.reason
    assert "look whether the ends bind what leaves" in found.verdict.reason
    no_number(found)


def test_a_relaxation_whose_adsorbate_leaves(tmp_path: Path) -> None:
    found = run(run_spec(), slab(1.6), tmp_path, Repelled(*FAR))
    assert (found.verdict.kind, found.verdict.criterion) == (VerdictKind.FAILED, "detached")
    assert "more than 5 Å away from everything else (5 cycles in a row)" in found.verdict.reason
    assert found.dft_calls <= 10
    told = [cycle.verdict.reason for cycle in found.cycles]
    assert any("(2 cycles in a row)" in reason for reason in told)


def test_dynamics_whose_adsorbate_leaves(tmp_path: Path) -> None:
    simulation = {"kind": "md", "temperature": 300, "steps": 400, "equilibration": 50, "stride": 5}
    found = run(run_spec(simulation=simulation), slab(1.6), tmp_path, Repelled(*FAR))
    assert (found.verdict.kind, found.verdict.criterion) == (VerdictKind.FAILED, "detached")
    assert "more than 5 Å away from everything else" in found.verdict.reason
    assert found.dft_calls <= 30


def test_a_relaxation_that_ends_off_the_surface_says_so(tmp_path: Path) -> None:
    """Far off, forces are as small as in a minimum."""
    found = run(run_spec(), slab(1.6), tmp_path, Repelled(*NEAR))
    assert found.verdict.kind is VerdictKind.CONVERGED
    assert "in 2 pieces with no bond between them (it began in 1)" in found.verdict.reason


def test_what_is_bound() -> None:
    assert bonded_pieces(slab(1.0)) == 1
    assert bonded_pieces(slab(4.0)) == 2
    assert left_behind(slab(1.0), slab(1.2)) == ""
    assert left_behind(slab(4.0), slab(4.5)) == ""
    assert left_behind(slab(4.0), slab(1.0)) != ""
    assert bonded_pieces(Atoms("H2", [[0, 0, 0], [0, 0, 0.74]])) == 1


def test_a_path_without_a_barrier(tmp_path: Path) -> None:
    """Where nothing is felt of the surface any more, O moves along it for nothing."""
    ends = hop()
    for end in ends:
        end.positions[-1, 2] += 2.6
    found = path(ends, tmp_path, Repelled(60.0, 0.35))
    assert (found.verdict.kind, found.verdict.criterion) == (VerdictKind.CONVERGED, "path")
    assert "there is no barrier: by DFT both ends are relaxed" in found.verdict.reason
    no_number(found)
    assert abs(found.summary()["reaction_energy_eV"]) < 0.01


def test_a_minimum_between_the_ends(tmp_path: Path) -> None:
    """From a hollow to the next but one."""
    initial = fcc100("Cu", (4, 1, 2), vacuum=5.0)
    add_adsorbate(initial, "O", 1.0, "hollow")
    initial.pbc = (True, True, False)
    initial.set_constraint(FixAtoms(mask=initial.get_tags() > 1))
    final = initial.copy()
    final.positions[-1, 0] += initial.cell[0, 0] / 2
    final = match_ends(initial, final, NebSpec())
    found = path((initial, final), tmp_path, EMT(), simulation={"images": 9})
    assert (found.verdict.kind, found.verdict.criterion) == (VerdictKind.CONVERGED, "barrier")
    assert "passes a minimum between the ends: the barrier is that of its highest saddle" in found.verdict.reason
    assert found.answer is not None
    middle = initial.positions[-1, 0] + initial.cell[0, 0] / 4
    assert abs(found.answer.atoms.positions[-1, 0] - middle) > 0.5  # at one of the two saddles, not in between


def test_images_that_cross(tmp_path: Path) -> None:
    """One image in a valley that turns back."""
    scaffold = [[3.4, 0, 0], [-3.4, 0, 0], [0, 3.4, 0], [0, -3.4, 0]]
    ends = [Atoms("HCuAgPdAu", [[0, y, 0], *scaffold], constraint=FixAtoms([1, 2, 3, 4])) for y in (0.5, -0.5)]
    found = path(
        (ends[0], match_ends(*ends, NebSpec())),
        tmp_path,
        Hairpin(),
        simulation={"images": 1, "trust_radius": 0.3},
        potential={"prior": {"kind": "none"}},
    )
    assert (found.verdict.kind, found.verdict.criterion) == (VerdictKind.FAILED, "path")
    assert "the band doubles back at image 1: images have crossed (5 cycles in a row)" in found.verdict.reason
    assert "take more images" in found.verdict.reason
    no_number(found)


def test_the_hairpins_forces() -> None:
    atoms = Atoms("H2", [[0.3, 0.2, 0.1], [0.0, 0.0, 3.0]])
    atoms.calc = Hairpin()
    assert atoms.get_forces() == pytest.approx(by_differences(atoms), abs=1e-6)
    atoms = slab(2.0, seed=1)
    atoms.calc = Repelled(*NEAR)
    forces = atoms.get_forces(apply_constraint=False)
    assert forces == pytest.approx(by_differences(atoms), abs=1e-5)
    assert np.abs(forces.sum(axis=0)).max() < 1e-9


def by_differences(atoms: Atoms, step: float = 1e-4) -> np.ndarray:
    """-dE/dr, eV/Å, [N, 3]."""
    forces = np.zeros((len(atoms), 3))
    for index in np.ndindex(*forces.shape):
        sides = []
        for sign in (1, -1):
            moved = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
            moved.positions[index] += sign * step
            moved.calc = atoms.calc
            sides.append(moved.get_potential_energy())
        forces[index] = (sides[1] - sides[0]) / (2 * step)
    return forces


def test_atoms_that_would_pass_through_each_other(tmp_path: Path) -> None:
    """O and N change places along a straight line."""
    initial = fcc100("Cu", (2, 2, 2), vacuum=5.0)
    add_adsorbate(initial, "O", 0.9, "hollow")
    add_adsorbate(initial, "N", 0.9, "hollow", offset=(1, 0))
    initial.pbc = (True, True, False)
    initial.set_constraint(FixAtoms(mask=initial.get_tags() > 0))
    final = initial.copy()
    final.positions[[-1, -2]] = initial.positions[[-2, -1]]
    final = match_ends(initial, final, NebSpec(minimum_image=False))
    found = path((initial, final), tmp_path, EMT(), simulation={"interpolation": "linear"})
    assert (found.verdict.kind, found.verdict.criterion) == (VerdictKind.FAILED, "path")
    assert "there is no path to tell a barrier of: image" in found.verdict.reason
    no_number(found)
