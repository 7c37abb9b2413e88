"""Learning across runs: which labels of others a run is trained on, and what that spares it.

A label of another run is as good as one's own where elements and DFT settings are the same: energies are counted from
atoms' own energies that are fitted beside (:class:`al_workflows.potential.model.Reference`), so that sizes and
compositions mix, and the descriptor sees surroundings, not cells. What is borrowed is chosen once, before the run's
first cycle, so that a run can be followed and taken up again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from al_workflows.neighbors import find_neighbors
from al_workflows.potential.descriptor import Descriptor
from al_workflows.records import Label
from al_workflows.spec import DescriptorSpec, RelaxationSpec, RunSpec

#: Å: two cells whose vectors differ by less are the same
SAME_CELL = 1e-6
#: by element, the mean over its atoms of the symmetry functions of their surroundings
Fingerprint = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Lender:
    """A run with labels to lend: its start's ``fingerprint`` and how many ``labels`` DFT has answered."""

    run: str
    fingerprint: Fingerprint
    labels: int


def fingerprint(atoms: Atoms) -> dict[str, list[float]]:
    """What surrounds the atoms of each element, whatever the neighbours' elements: to tell which runs are alike."""
    descriptor = Descriptor(DescriptorSpec(), n_species=1)
    neighbors = find_neighbors(atoms, descriptor.spec.cutoff)
    features = descriptor.features(np.zeros(len(atoms), dtype=np.int64), neighbors)  # [N, F]
    symbols = np.array(atoms.get_chemical_symbols())
    return {str(symbol): features[symbols == symbol].mean(axis=0).tolist() for symbol in np.unique(symbols)}


def most_similar(wanted: Fingerprint, lenders: Sequence[Lender], labels: int) -> list[tuple[Lender, int]]:
    """The lenders whose labels, ``labels`` at most in all, are taken, and how many of each; the most similar first.

    Those that know all elements of ``wanted`` together come before those that know some.
    """

    def rank(lender: Lender) -> tuple[int, float, str]:
        return len(wanted.keys() - lender.fingerprint.keys()), _unlikeness(wanted, lender.fingerprint), lender.run

    chosen, left = [], labels
    for lender in sorted(lenders, key=rank):
        if left <= 0:
            break
        chosen.append((lender, min(left, lender.labels)))
        left -= lender.labels
    return chosen


def evenly(labels: Sequence[Label], count: int) -> list[Label]:
    """``count`` of ``labels`` in their order, evenly spaced, the last among them."""
    places = np.linspace(len(labels) - 1, 0, min(count, len(labels))).round().astype(int)[::-1]
    return [labels[place] for place in places]


def begins_with(spec: RunSpec, start: Atoms, borrowed: Sequence[Label]) -> bool:
    """Whether a run can begin without a label of its start: on ``borrowed`` ones that hold all of its elements."""
    if spec.sharing is None or not spec.sharing.skip_start or not isinstance(spec.simulation, RelaxationSpec):
        return False
    elements = set(start.symbols)
    return any(set(label.atoms.symbols) == elements for label in borrowed if label.ok)


def of_one_kind(borrowed: Sequence[Label], labels: Sequence[Label]) -> list[Label]:
    """Those of ``borrowed`` that are of the same code and settings as the run's own ``labels``."""
    own = next((label.dft_hash for label in labels if label.ok), None)
    return [label for label in borrowed if label.ok and own in (None, label.dft_hash)]


def known_structures(start: Atoms, labels: Sequence[Label], borrowed: Sequence[Label]) -> list[Atoms]:
    """What a simulation may rely on: the run's labels, then borrowed ones of the same atoms in the same cell.

    The first is where the run began: its first label, or its start where none was asked for.
    """
    own = [label.atoms for label in labels if label.ok]
    others = [label.atoms for label in borrowed if _comparable(label.atoms, start)]
    began = [] if not borrowed or any(label.cycle == 0 for label in labels) else [start]
    return [*began, *own, *others]


def _comparable(atoms: Atoms, start: Atoms) -> bool:
    same = len(atoms) == len(start) and (atoms.numbers == start.numbers).all() and (atoms.pbc == start.pbc).all()
    return bool(same and np.abs(atoms.cell.array - start.cell.array).max() < SAME_CELL)


def _unlikeness(one: Fingerprint, other: Fingerprint) -> float:
    """From 0 (the same) to 1, over the elements that both have; 1 if they have none in common."""
    shares = []
    for element in one.keys() & other.keys():
        a, b = np.asarray(one[element]), np.asarray(other[element])
        scale = np.linalg.norm(a) + np.linalg.norm(b)
        shares.append(float(np.linalg.norm(a - b) / scale) if scale > 0 else 0.0)
    return float(np.mean(shares)) if shares else 1.0
