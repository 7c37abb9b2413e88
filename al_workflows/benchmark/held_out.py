"""How well a potential trained on the first labels of one run foretells the labels of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from ase.io import read

from al_workflows.benchmark.tables import Column, Document, Table
from al_workflows.errors import InputError
from al_workflows.potential import Image, train_potential
from al_workflows.spec import PotentialSpec
from al_workflows.structures import refuse_pickle
from al_workflows.threads import single_threaded

#: numbers of training labels, as far as there are so many
COUNTS = (1, 2, 3, 5, 8, 12, 20)
#: what is compared: keys of `potential`
KINDS: dict[str, dict[str, Any]] = {
    "gaussian_process": {"kind": "gaussian_process"},
    "gaussian_process, no prior": {"kind": "gaussian_process", "prior": {"kind": "none"}},
    "behler_parrinello": {"kind": "behler_parrinello"},
    "behler_parrinello, no prior": {"kind": "behler_parrinello", "prior": {"kind": "none"}},
}


@dataclass(frozen=True)
class HeldOut:
    """Errors of one potential on labels that it has not seen."""

    potential: str
    labels: Annotated[int, Column("training labels")]
    force_mae: Annotated[float, Column("force MAE, eV/Å", 4)]
    near_force_mae: Annotated[float, Column("force MAE of the last two, eV/Å", 4)]
    energy_mae: Annotated[float, Column("energy MAE, eV", 4)]


def read_images(path: Path) -> list[Image]:
    """The labels of ``path``, as a run's ``labels.extxyz`` or `alflow export` has them.

    Raises
    ------
    InputError
        The file cannot be read, or one of its structures lacks energy or forces.
    """
    try:
        refuse_pickle(path)
        frames = read(path, index=":")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); give the labels.extxyz of a run") from error
    images = []
    for n, atoms in enumerate(frames):
        results = atoms.calc.results if atoms.calc is not None else {}
        energy, forces = results.get("energy", atoms.info.get("REF_energy")), results.get("forces")
        forces = atoms.arrays.get("REF_forces") if forces is None else forces
        if energy is None or forces is None:
            raise InputError(f"{path}: structure {n} has no energy and forces; give labels that DFT has answered")
        atoms.calc = None
        images.append(Image(atoms, float(energy), np.asarray(forces, dtype=float)))
    return images


@single_threaded
def held_out_rows(train: Sequence[Image], test: Sequence[Image], kinds: Sequence[str] = tuple(KINDS)) -> list[HeldOut]:
    """Errors on ``test`` of each of ``kinds`` after 1, 2, 3, 5, … labels of ``train``, in their order."""
    from pydantic import TypeAdapter

    rows = []
    for name in kinds:
        spec = TypeAdapter[PotentialSpec](PotentialSpec).validate_python(KINDS[name])
        for count in [count for count in COUNTS if count <= len(train)]:
            potential = train_potential(train[:count], spec, seed=0)
            predictions = [potential.predict(image.atoms) for image in test]
            forces = [np.abs(p.forces - image.forces).mean() for p, image in zip(predictions, test, strict=True)]
            energies = [abs(p.energy - image.energy) for p, image in zip(predictions, test, strict=True)]
            rows.append(
                HeldOut(name, count, float(np.mean(forces)), float(np.mean(forces[-2:])), float(np.mean(energies)))
            )
    return rows


def held_out_document(train: Path, test: Path, command: str) -> Document:
    """The table of :func:`held_out_rows` for two files of labels.

    Raises
    ------
    InputError
        As :func:`read_images`.
    """
    first, second = read_images(train), read_images(test)
    known = {image.atoms.positions.tobytes() for image in first}
    unseen = [image for image in second if image.atoms.positions.tobytes() not in known]
    if not unseen:
        raise InputError(f"all structures of {test} are in {train} as well; give labels of another run")
    settings = {"trained on": str(train), "held out": f"{len(unseen)} labels of {test}, without those of the other"}
    table = Table("Errors on held-out labels", held_out_rows(first, unseen))
    return Document("Held-out labels of another run", command, settings, [table])
