"""From a strategy's ranking to the requests that DFT gets: no duplicates, nothing hopeless, a reason for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ase import Atoms

from al_workflows.geometry import nearest
from al_workflows.queries import Choice
from al_workflows.records import Label, LabelStatus, Pool, Rejection, Request, Selection
from al_workflows.structures import describe_closest, min_distance_ratio

#: Å: images of paths that are nearer than this are one; so near to a label that failed DFT would fail as well
DUPLICATE = 1e-3
#: Å: so near to an accepted label DFT tells nothing new (a bond as stiff as that of H2 has forces of 0.01 eV/Å there)
LABELLED = 1e-4
#: Å: frames of one batch differ by more than this, or all but one of them would be wasted
APART = 0.05
#: Å: DFT is not asked again this close to a structure on which it cannot succeed
EXCLUSION = 0.3
#: of the frames that were refused, so many are kept in the ledger
REJECTIONS_KEPT = 20


def admit(
    ranking: Iterator[Choice],
    pool: Pool,
    labels: Sequence[Label],
    keys: Sequence[str],
    strategy: str,
    min_distance: float,
) -> Selection:
    """The first structures of ``ranking`` that are worth a single point, one for each of ``keys`` or fewer.

    Parameters
    ----------
    ranking
        Frames of ``pool`` and proposals in the order of preference.
    labels
        All labels of the run; failed ones keep DFT away from their surroundings.
    keys
        The requests' names; their number is the batch size.
    strategy
        Named in every request.
    min_distance
        Smallest distance of two atoms in units of the sum of their covalent radii.
    """
    known = [label.atoms for label in labels if label.ok]
    failed = [label for label in labels if not label.ok]
    requests: list[Request] = []
    rejected: list[Rejection] = []
    for choice in ranking:
        if len(requests) == len(keys):
            break
        wanted = choice.structure(pool)
        atoms = wanted.atoms
        objection = _objection(atoms, known, failed, min_distance)
        if objection is None and nearest(atoms, [request.atoms for request in requests])[1] < APART:
            objection = f"within {APART:g} Å of another structure of this batch"
        if objection is not None:
            rejected.append(Rejection(choice.index, objection))
            continue
        requests.append(
            Request(
                key=keys[len(requests)],
                atoms=atoms,
                strategy=strategy,
                reason=choice.reason,
                pool_index=choice.index,
                predicted_energy=wanted.energy,
                predicted_forces=wanted.forces,
                uncertainty=wanted.uncertainty,
            )
        )
    return Selection(tuple(requests), tuple(rejected[:REJECTIONS_KEPT]))


def _objection(atoms: Atoms, known: Sequence[Atoms], failed: Sequence[Label], min_distance: float) -> str | None:
    """Why DFT should not be asked for ``atoms``, or None."""
    closest = min_distance_ratio(atoms)
    if closest.ratio < min_distance:
        return f"{describe_closest(atoms, closest)} limit {min_distance:g}"
    if nearest(atoms, known)[1] < LABELLED:
        return "already labelled"
    for label in failed:
        radius = EXCLUSION if _is_hopeless(label, failed, known) else DUPLICATE
        if nearest(atoms, [label.atoms])[1] < radius:
            return f"within {radius:g} Å of {label.key}, which failed ({label.status.value})"
    return None


def _is_hopeless(label: Label, failed: Sequence[Label], known: Sequence[Atoms]) -> bool:
    """Whether the surroundings of a failure are lost as well: its geometry was rejected, or SCF failed there twice.

    Not where DFT has succeeded as near as that: then the failures were bad luck.
    """
    if nearest(label.atoms, known)[1] < EXCLUSION:
        return False
    if label.status is LabelStatus.SCF_NOT_CONVERGED:
        alike = [other.atoms for other in failed if other is not label and other.status is label.status]
        return nearest(label.atoms, alike)[1] < EXCLUSION
    return label.status is LabelStatus.GEOMETRY_REJECTED
