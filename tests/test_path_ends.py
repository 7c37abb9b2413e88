"""What two structures must be to be the ends of a path, and how far a run has come with each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS

from al_workflows.errors import InputError
from al_workflows.path_ends import either_way, ends_so_far, match_ends
from al_workflows.records import Label, Request, request_key
from al_workflows.spec import NebSpec
from tests.bands import hop
from tests.builders import label

CHECK, MATCH = NebSpec(), NebSpec(atom_order="match")


def test_atoms_go_the_shorter_way_round() -> None:
    initial, final = hop()
    wrapped = final.copy()
    wrapped.positions[-1] += initial.cell[0] - 2 * initial.cell[1]
    assert match_ends(initial, wrapped, CHECK).positions == pytest.approx(final.positions, abs=1e-9)
    as_given = match_ends(initial, wrapped, NebSpec(minimum_image=False))
    assert as_given.positions == pytest.approx(wrapped.positions, abs=1e-9)


def test_a_way_that_is_as_long_as_the_other_is_remarked() -> None:
    initial, final = hop(shift=0.5)
    remark = either_way(initial, final)
    assert remark is not None
    assert "O 8 moves by 0.50 of cell vector 0" in remark
    assert either_way(*hop(shift=1 / 3)) is None


def test_order_is_found_again_within_each_element() -> None:
    initial, final = hop(seed=0)
    order = np.random.default_rng(0).permutation(len(final))
    shuffled = final[order]
    shuffled.positions[2] += initial.cell[1]
    found = match_ends(initial, shuffled, MATCH)
    assert found.positions == pytest.approx(final.positions, abs=1e-9)
    assert (found.numbers == initial.numbers).all()
    assert found.constraints[0].index.tolist() == initial.constraints[0].index.tolist()


def with_another_cell(atoms: Atoms) -> None:
    atoms.set_cell(atoms.cell * 1.01)


def with_other_periodicity(atoms: Atoms) -> None:
    atoms.pbc = True


def with_nitrogen(atoms: Atoms) -> None:
    atoms.symbols[-1] = "N"


def with_other_constraints(atoms: Atoms) -> None:
    atoms.set_constraint(FixAtoms([0]))


def with_a_moved_fixed_atom(atoms: Atoms) -> None:
    atoms.positions[0, 2] -= 0.1


def in_another_order(atoms: Atoms) -> None:
    atoms.numbers[[0, -1]] = atoms.numbers[[-1, 0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_another_cell, "its cell is .* must be that of `structure`"),
        (with_other_periodicity, "periodic"),
        (with_nitrogen, "it is Cu8N but must be Cu8O"),
        (with_other_constraints, "its constraints are"),
        (with_a_moved_fixed_atom, "Cu 0 is held by a constraint but is 0.100 Å"),
        (in_another_order, "atom 0 is O but must be Cu, .*atom_order: match"),
    ],
)
def test_ends_that_do_not_fit_are_refused(change: Callable[[Atoms], None], message: str) -> None:
    initial, final = hop()
    change(final)
    with pytest.raises(InputError, match=f"^final.traj: .*{message}"):
        match_ends(initial, final, CHECK, "final.traj")


def test_ends_that_are_one_structure_are_refused() -> None:
    initial, _ = hop()
    other = initial.copy()
    other.positions[-1, 0] += 0.1
    with pytest.raises(InputError, match=r"no atom is farther than 0\.100 Å"):
        match_ends(initial, other, CHECK)


def test_molecules_without_a_cell_are_matched() -> None:
    initial = molecule("CH4")
    final = initial.copy()
    final.positions[1] += [0.0, 0.0, 1.0]
    swapped = final[[0, 1, 3, 2, 4]]
    assert match_ends(initial, swapped, MATCH).positions == pytest.approx(final.positions)
    assert either_way(initial, final) is None


def relaxed(atoms: Atoms) -> Atoms:
    copy = atoms.copy()
    copy.calc = EMT()
    BFGS(copy, logfile=None).run(fmax=0.02)
    copy.calc = None
    return copy


def of_frame(atoms: Atoms, frame: int | None, cycle: int = 1, index: int = 0) -> Label:
    request = Request(request_key("run", cycle, index), atoms, "saddle", "test", pool_index=frame)
    return label(atoms, request=request)


def test_an_end_stays_where_it_began_until_dft_finds_it_relaxed() -> None:
    initial, final = hop(seed=0)
    labels = [of_frame(initial, None, cycle=0), of_frame(final, None, cycle=0, index=1)]
    ends = ends_so_far(CHECK, initial, final, labels)
    assert [end.label for end in ends] == [None, None]
    assert ends[1].atoms is final
    there = of_frame(relaxed(final), CHECK.images + 1)
    ends = ends_so_far(CHECK, initial, final, [*labels, there])
    assert ends[0].label is None
    assert ends[1].label is there


def test_an_end_that_fell_to_the_other_side_does_not_count() -> None:
    initial, final = hop(seed=0)
    strayed = of_frame(relaxed(initial), CHECK.images + 1)
    assert ends_so_far(CHECK, initial, final, [strayed])[1].label is None


def test_images_between_are_no_ends() -> None:
    initial, final = hop(seed=0)
    between = of_frame(relaxed(final), 3)
    assert ends_so_far(CHECK, initial, final, [between])[1].label is None
