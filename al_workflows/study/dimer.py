"""A dimer's curve by a network that has seen a few of its points."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT

from al_workflows.benchmark.cache import package_hash
from al_workflows.dft.calculator import SinglePoints
from al_workflows.dft.spec import DftSpec, EmtSpec
from al_workflows.morse_fit.spec import MorseFitSpec, isolated
from al_workflows.potential import Image, PotentialCalculator, train_potential
from al_workflows.spec import RunSpec
from al_workflows.study.arms import Arm
from al_workflows.study.learned import PACKAGES, asked
from al_workflows.study.trial import CONVERGED, Trial
from al_workflows.threads import single_threaded
from al_workflows.versions import installed_versions

#: Å: where the dimer is computed, and where its few points are
NEAR, FAR, POINTS = 1.0, 5.0, 30
SPANNING = tuple(float(r) for r in np.linspace(NEAR, FAR, 9))
LIMITED = (2.2, 2.7, 3.2)
#: the cell that holds a dimer, Å
BOX = (8.0, 8.24, 13.0)
DIMER = "Cu2"
#: names of curves: energies of DFT and of the model, eV, at all distances
TRUE, MODEL = "true", "model"
#: the training sets by the first words of an arm's name
SETS = {"9 points": SPANNING, "3 points": LIMITED}
_MODULES = ("study.dimer", "study.learned")


@dataclass(frozen=True)
class DimerCurve:
    """Networks of ``arm`` on the points that its name says, and what they say between 1 and 5 Å."""

    arm: Arm
    seed: int
    dft: DftSpec
    root: Path = field(compare=False)

    @property
    def name(self) -> str:
        """The arm's."""
        return self.arm.name

    @property
    def title(self) -> str:
        """Names it to a reader."""
        return f"{DIMER}-{self.name}-{self.seed}"

    def _spec(self) -> RunSpec:
        return self.arm.spec(self.dft, self.seed, {"kind": "relaxation"})

    def key(self) -> dict[str, Any]:
        """All that decides its numbers."""
        installed = installed_versions()
        return {
            "settings": self._spec().model_dump(mode="json"),
            "arm": self.name,
            "versions": {name: installed[name] for name in PACKAGES if name in installed},
            "code": package_hash(*_MODULES),
        }

    @single_threaded
    def run(self) -> Trial:
        """Make it."""
        spec, parent = self._spec(), parent_of_dimers(self.dft, self.root)
        places = [_dimer(distance) for distance in SETS[self.name.split(",")[0]]]
        known = [Image(atoms, *asked(atoms, parent)) for atoms in places]
        calculator = PotentialCalculator(train_potential(known, spec.potential, seed=(self.seed, 1)))
        grid = np.linspace(NEAR, FAR, POINTS)
        true = [asked(_dimer(distance), parent)[0] for distance in grid]
        said = [asked(_dimer(distance), calculator)[0] for distance in grid]
        curves = {TRUE: tuple(true), MODEL: tuple(said)}
        about = (DIMER, self.name, self.seed, CONVERGED, "", len(known), 0)
        return Trial(*about, {}, curves, (), "", 0.0)


def parent_of_dimers(dft: DftSpec, root: Path) -> Calculator:
    """Who answers for dimers, however close."""
    if isinstance(dft, EmtSpec):
        return EMT()
    free = isolated(MorseFitSpec(dft=dft), polarised=False)
    return SinglePoints(free.model_copy(update={"min_distance": 0.0, "max_force": 1e4}), root / "points")


def _dimer(distance: float) -> Atoms:
    atoms = Atoms(DIMER, [(0.0, 0.0, 0.0), (0.0, 0.0, distance)], cell=BOX, pbc=True)
    atoms.center()
    return atoms
