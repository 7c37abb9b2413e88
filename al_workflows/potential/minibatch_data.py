"""Training images in batches of bounded size, for :mod:`.minibatch`.

A batch holds the descriptor's derivatives as :mod:`.links` find them, padded to the same number of neighbours of one
species for every atom: forces and what they teach are then batched matrix products, which run the same way, and give
the same bits, every time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from al_workflows.neighbors import IntArray
from al_workflows.potential.links import Links
from al_workflows.potential.prepare import Prepared
from al_workflows.records import FloatArray

#: bytes that the derivatives of one batch may take; a single larger image is a batch of its own
MOST_BATCH_BYTES = 128 * 2**20


@dataclass(frozen=True, eq=False)
class SpeciesLinks:
    """What the neighbours of one species do to their atoms; A atoms in a batch, at most n such neighbours of each.

    ``columns`` [K]: the features that change; ``slopes`` [A, 3n, K]: by which derivative (1/Å); ``second`` [A, n]: the
    neighbours. Where an atom has fewer, its own index and zeros.
    """

    columns: IntArray
    slopes: FloatArray
    second: IntArray


@dataclass(frozen=True, eq=False)
class BatchData:
    """B images of A atoms in all, as arrays.

    ``index`` [B]: their places in the training set; ``image`` [A]: each atom's image in the batch; ``where``: atoms of
    each species; scaled ``features`` [A, F]; ``links`` by species of the neighbour; ``incoming`` [A, n]: the links that
    end at each atom, counted through all ``links`` [A · n] in turn, and their number where there are no more;
    ``energies`` eV [B], ``forces`` eV/Å [A, 3].
    """

    index: IntArray
    image: IntArray
    where: dict[int, IntArray]
    features: FloatArray
    links: tuple[SpeciesLinks, ...]
    incoming: IntArray
    energies: FloatArray
    forces: FloatArray

    @property
    def n_bytes(self) -> int:
        """Bytes of the arrays that matter."""
        large = [self.features, self.incoming, self.forces, *(links.slopes for links in self.links)]
        return sum(array.nbytes for array in large)


def grouped(data: Prepared, most_images: int, order: IntArray) -> Iterator[list[int]]:
    """``order`` [images] cut into batches of at most ``most_images`` and :data:`MOST_BATCH_BYTES`."""
    n_columns = data.descriptor.columns.shape[1]
    group: list[int] = []
    size = 0
    for n in order.tolist():
        sample = data.samples[n]
        links = min(sample.n_pairs, len(sample.species) * (len(sample.species) - 1))
        image_size = links * n_columns * 3 * 8
        if group and (len(group) == most_images or size + image_size > MOST_BATCH_BYTES):
            yield group
            group, size = [], 0
        group.append(n)
        size += image_size
    if group:
        yield group


def assembled(data: Prepared, index: Sequence[int]) -> BatchData:
    """The images ``index`` as one batch."""
    species = np.concatenate([data.samples[n].species for n in index])
    counts = [len(data.samples[n].species) for n in index]
    starts = np.cumsum([0, *counts[:-1]]).tolist()
    inputs = [data.links(n) for n in index]
    images = [_shifted(found, start) for (_, found), start in zip(inputs, starts, strict=True)]
    links, seconds, places = [], [], []
    total = 0  # slots of all links so far
    for kind in range(data.descriptor.n_species):
        chosen = [np.flatnonzero(species[found.second] == kind) for found in images]
        of_kind = [_only(found, rows) for found, rows in zip(images, chosen, strict=True)]
        slots = [_slots(found.first) for found in of_kind]
        width = 1 + max((int(slot.max(initial=-1)) for slot in slots), default=-1)
        if width == 0:
            continue
        links.append(SpeciesLinks(data.descriptor.columns[kind], *_padded(of_kind, slots, width, len(species))))
        seconds += [found.second for found in of_kind]
        places += [total + found.first * width + slot for found, slot in zip(of_kind, slots, strict=True)]
        total += len(species) * width
    nothing = np.empty(0, dtype=np.int64)
    return BatchData(
        index=np.array(index, dtype=np.int64),
        image=np.repeat(np.arange(len(index)), counts),
        where={int(kind): np.flatnonzero(species == kind) for kind in np.unique(species)},
        features=np.concatenate([features for features, _ in inputs]),
        links=tuple(links),
        incoming=_gathered(
            np.concatenate([nothing, *seconds]), np.concatenate([nothing, *places]), total, len(species)
        ),
        energies=data.energies[list(index)],
        forces=np.concatenate([data.forces[n] for n in index]),
    )


def _shifted(links: Links, start: int) -> Links:
    """``links`` of an image whose atoms begin at ``start`` in the batch."""
    return Links(links.first + start, links.second + start, links.slopes)


def _only(links: Links, rows: IntArray) -> Links:
    """Some of the ``links``; a view of all slopes where it is all of them."""
    if len(rows) == len(links.first):
        return links
    return Links(links.first[rows], links.second[rows], links.slopes[rows])


def _slots(first: IntArray) -> IntArray:
    """Which of its atom's links each one is; ``first`` is sorted."""
    starts = np.flatnonzero(np.diff(first, prepend=-1))
    return np.arange(len(first)) - np.repeat(starts, np.diff(starts, append=len(first)))


def _padded(
    images: Sequence[Links], slots: Sequence[IntArray], width: int, n_atoms: int
) -> tuple[FloatArray, IntArray]:
    """``slopes`` and ``second`` of :class:`SpeciesLinks`, with ``width`` neighbours an atom."""
    columns = images[0].slopes.shape[1]
    square = np.zeros((n_atoms, width, 3, columns))
    others = np.repeat(np.arange(n_atoms)[:, None], width, axis=1)
    for links, slot in zip(images, slots, strict=True):
        square[links.first, slot] = links.slopes.transpose(0, 2, 1)
        others[links.first, slot] = links.second
    return square.reshape(n_atoms, 3 * width, columns), others


def _gathered(second: IntArray, places: IntArray, total: int, n_atoms: int) -> IntArray:
    """``places`` of the links by the atom that they end at, filled up with ``total``; [A, n]."""
    order = np.argsort(second, kind="stable")
    counts = np.bincount(second, minlength=n_atoms)
    slots = np.arange(len(second)) - (np.cumsum(counts) - counts)[second[order]]
    incoming = np.full((n_atoms, int(counts.max(initial=0))), total, dtype=np.int64)
    incoming[second[order], slots] = places[order]
    return incoming
