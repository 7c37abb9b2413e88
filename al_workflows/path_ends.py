"""The two ends of a path: whether they fit each other, and how far a run has come with each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from scipy.optimize import linear_sum_assignment

from al_workflows.errors import InputError
from al_workflows.geometry import nearest
from al_workflows.records import Label, atoms_to_dict
from al_workflows.spec import NebSpec
from al_workflows.structures import max_force

#: of the ends, in their order
NAMES = ("initial", "final")
#: Å: ends nearer than this are one structure
MERGED = 0.2
#: Å: what is fixed must not move, and cells must not differ, by more than this
HELD = 1e-3
#: an atom that has farther to go than this share of the longest way that is the shorter one may as well go the other
HALFWAY = 0.98


@dataclass(frozen=True, eq=False)
class End:
    """One end of a path: ``atoms`` is where it is relaxed from, or, once DFT finds it relaxed, its ``label``'s."""

    atoms: Atoms
    label: Label | None = None


def match_ends(initial: Atoms, final: Atoms, spec: NebSpec, name: str = "final_structure") -> Atoms:
    """``final`` as the end of a path from ``initial``: its atoms in that order, each in the periodic image to go to.

    Parameters
    ----------
    initial, final
        Where the path begins and ends.
    spec
        Says whether atoms are put in order and go the shorter way round.
    name
        What the user knows ``final`` by; begins the messages.

    Raises
    ------
    InputError
        Composition, order, cell, periodicity or constraints differ, a fixed atom is elsewhere, or both are the same.
    """
    if sorted(initial.numbers) != sorted(final.numbers):
        raise InputError(f"{name}: it is {final.symbols} but must be {initial.symbols}, as `structure`; correct one")
    if (initial.pbc != final.pbc).any() or np.abs(initial.cell.array - final.cell.array).max() > HELD:
        raise InputError(
            f"{name}: its cell is {np.round(final.cell.array, 4).tolist()}, periodic {final.pbc.tolist()}, but must be "
            f"that of `structure`, {np.round(initial.cell.array, 4).tolist()}, {initial.pbc.tolist()}; correct one"
        )
    if spec.atom_order == "match":
        final = final[_best_order(initial, final)]
    differing = np.flatnonzero(initial.numbers != final.numbers)
    if len(differing):
        k = int(differing[0])
        raise InputError(
            f"{name}: atom {k} is {final.symbols[k]} but must be {initial.symbols[k]}, as in `structure`; put the "
            "atoms in one order, or set `simulation.atom_order: match`"
        )
    ours, theirs = (atoms_to_dict(atoms)["constraints"] for atoms in (initial, final))
    if ours != theirs and spec.atom_order == "check":
        raise InputError(
            f"{name}: its constraints are {theirs} but must be {ours}, as in `structure`; fix the same atoms"
        )
    moved = final.copy()
    moved.set_constraint()
    delta = final.positions - initial.positions  # [N, 3]
    if spec.minimum_image and initial.pbc.any():
        delta = find_mic(delta, initial.cell, initial.pbc)[0]
    moved.positions = initial.positions + delta
    moved.set_constraint(initial.constraints)
    _refuse_moved_constraints(initial, moved, name)
    largest = float(np.linalg.norm(delta, axis=1).max())
    if largest < MERGED:
        raise InputError(
            f"{name}: no atom is farther than {largest:.3f} Å from its place in `structure` but one must be, by more "
            f"than {MERGED:g} Å; give the other end of the path"
        )
    return moved


def either_way(initial: Atoms, final: Atoms) -> str | None:
    """A remark if an atom may as well go the other way round a periodic cell; ``final`` is of :func:`match_ends`."""
    delta = final.positions - initial.positions
    for axis in np.flatnonzero(initial.pbc):
        shares = np.abs(initial.cell.scaled_positions(delta)[:, axis])  # of the cell vector
        k = int(shares.argmax())
        if shares[k] > HALFWAY / 2:
            return (
                f"{initial.symbols[k]} {k} moves by {shares[k]:.2f} of cell vector {axis}: it may as well go "
                "the other way round; for that, write the final structure beyond the cell and set "
                "`simulation.minimum_image: false`"
            )
    return None


def ends_so_far(spec: NebSpec, initial: Atoms, final: Atoms, labels: Sequence[Label]) -> tuple[End, End]:
    """Both ends by what DFT has said of them: relaxed, or where they began.

    An end goes on from where it began, with what has been learned, and not from its lowest label: an early model may
    lead up to the barrier that it does not know, or beyond it. So a label that is nearer to where the other end began
    does not count.
    """
    last = spec.images + 1
    return _end(spec, initial, final, labels, 0, 0), _end(spec, final, initial, labels, 1, last)


def _end(spec: NebSpec, start: Atoms, other: Atoms, labels: Sequence[Label], which: int, frame: int) -> End:
    own = [
        label
        for label in labels
        if label.energy is not None and _is_of(label, which, frame) and nearest(label.atoms, [start, other])[0] == 0
    ]
    relaxed = [label for label in own if label.forces is not None and max_force(start, label.forces) <= spec.end_fmax]
    for label in sorted(relaxed, key=_energy)[:1]:
        return End(label.atoms, label)
    return End(start)


def _is_of(label: Label, which: int, frame: int) -> bool:
    """Whether the label is of an end: one of the two starts, or the first or last frame of a band."""
    return label.index == which if label.cycle == 0 else label.request.pool_index == frame


def _energy(label: Label) -> float:
    return float("inf") if label.energy is None else label.energy


def _best_order(initial: Atoms, final: Atoms) -> list[int]:
    """For each atom of ``initial`` the atom of ``final`` of its element to go to, the sum of squares smallest."""
    order = np.empty(len(initial), dtype=int)
    for number in np.unique(initial.numbers):
        ours, theirs = np.flatnonzero(initial.numbers == number), np.flatnonzero(final.numbers == number)
        delta = final.positions[theirs][None] - initial.positions[ours][:, None]  # [n, n, 3]
        if initial.pbc.any():
            delta = find_mic(delta.reshape(-1, 3), initial.cell, initial.pbc)[0].reshape(delta.shape)
        rows, columns = linear_sum_assignment((delta**2).sum(axis=-1))
        order[ours[rows]] = theirs[columns]
    return [int(index) for index in order]


def _refuse_moved_constraints(initial: Atoms, final: Atoms, name: str) -> None:
    """Raise an :class:`InputError` if what ``initial`` holds is elsewhere in ``final``."""
    allowed = initial.copy()
    allowed.set_positions(final.positions)  # constraints hold theirs
    off = np.linalg.norm(allowed.positions - final.positions, axis=1)  # [N]
    k = int(off.argmax())
    if off[k] > HELD:
        raise InputError(
            f"{name}: {initial.symbols[k]} {k} is held by a constraint but is {off[k]:.3f} Å from its place in "
            f"`structure`, of {HELD:g} allowed; put it there or free it"
        )
