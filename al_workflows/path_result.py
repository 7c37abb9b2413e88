"""What a path leaves: the numbers of its barrier, and its last band with DFT's word where there is one."""

from __future__ import annotations

from collections.abc import Sequence

from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from al_workflows.geometry import nearest
from al_workflows.records import Label, Pool, Verdict
from al_workflows.selection import DUPLICATE

#: names in a verdict's evidence and in ``result.json``; the first three rest on DFT energies alone
HEIGHT, HEIGHT_BACK, REACTION = "barrier_eV", "barrier_back_eV", "reaction_energy_eV"
SADDLE_ERROR, SADDLE_FMAX, END_FMAX = "saddle_error_eV", "saddle_fmax_eV_per_A", "end_fmax_eV_per_A"


def barrier_summary(verdict: Verdict) -> dict[str, float | None]:
    """What ``result.json`` says of a path by its last verdict; None for what DFT has not confirmed."""
    names = (HEIGHT, HEIGHT_BACK, REACTION, SADDLE_ERROR, SADDLE_FMAX, END_FMAX)
    return {name: verdict.evidence.get(name) for name in names}


def label_at(atoms: Atoms, labels: Sequence[Label]) -> Label | None:
    """The accepted label of ``atoms``, None if there is none."""
    accepted = [label for label in labels if label.ok]
    found, distance = nearest(atoms, [label.atoms for label in accepted])
    return accepted[found] if distance < DUPLICATE else None


def band_images(band: Pool, labels: Sequence[Label]) -> list[Atoms]:
    """The images with the model's energy and forces, and ``DFT_energy`` (eV), ``DFT_forces`` (eV/Å) where labelled."""
    images = []
    for index in range(len(band)):
        atoms = band.frame(index)
        label = label_at(atoms, labels)
        atoms.calc = SinglePointCalculator(atoms, energy=float(band.energies[index]), forces=band.forces[index])
        atoms.info = {"image": index, "force_uncertainty": float(band.uncertainties[index])}
        if label is not None:
            atoms.info |= {"DFT_energy": label.energy, "key": label.key}
            atoms.arrays["DFT_forces"] = label.forces
        images.append(atoms)
    return images
