"""What the studies are about: the paper's systems, as structures to start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ase import Atoms
from ase.build import add_adsorbate, fcc100
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS

from al_workflows.benchmark.md_systems import MD_SYSTEMS
from al_workflows.benchmark.neb_systems import PATHS
from al_workflows.benchmark.systems import PaperSystem

Ends = tuple[Atoms, Atoms | None]


@dataclass(frozen=True)
class StudySystem:
    """``make`` gives the start of a seed, and of a path its final structure."""

    name: str
    make: Callable[[int], Ends]


def _relaxation(rattle: float, seed: int) -> Ends:
    return PaperSystem(rattle=rattle).start(seed), None


def _in_hollow(seed: int) -> Ends:
    """C in the hollow of Cu(100), relaxed on EMT to 0.005 eV/Å: a minimum already."""
    atoms, _ = _relaxation(0.0, seed)
    top = atoms.positions[atoms.get_tags() == 1]
    atoms.positions[-1] = [*(top[:, :2].mean(axis=0)), top[:, 2].max() + 0.6]
    atoms.calc = EMT()
    BFGS(atoms, logfile=None, maxstep=0.05).run(fmax=0.005, steps=500)
    atoms.calc = None
    return atoms, None


def _path(seed: int) -> Ends:
    return PATHS["paper"].ends(seed)


def _oxygen(seed: int) -> Ends:
    return MD_SYSTEMS["O-Cu100-3x3x3"].start(), None


def _carbon_monoxide(seed: int) -> Ends:
    """CO on top of Cu(100) 3×3×3, bottom layer fixed (Shuaibi et al. 2020)."""
    atoms = fcc100("Cu", (3, 3, 3), vacuum=8.0)
    guest = Atoms("CO", [(0, 0, 0), (0, 0, 1.15)])
    add_adsorbate(atoms, guest, 1.85, "ontop")
    atoms.pbc = (True, True, False)
    atoms.set_constraint(FixAtoms(mask=atoms.get_tags() == 3))
    atoms.info = {}
    return atoms, None


#: the paper's own start, which is symmetric: C exactly above an atom
CARBON = StudySystem("C-Cu100", partial(_relaxation, 0.0))
RATTLED = StudySystem("C-Cu100-rattled", partial(_relaxation, 0.05))
HOLLOW = StudySystem("C-Cu100-hollow", _in_hollow)
HOP = StudySystem("O-Cu100-hop", _path)
#: on EMT, which breaks the bond of CO within 250 fs, and on DFT
OXYGEN = StudySystem("O-Cu100-3x3x3", _oxygen)
CARBON_MONOXIDE = StudySystem("CO-Cu100-3x3x3", _carbon_monoxide)
