"""Lattice constants by the campaign's DFT, as ``alflow campaign lattice`` leaves them beside the campaign file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ase import Atoms

from al_workflows.campaign.bulk_spec import BulkSpec
from al_workflows.campaign.file import Campaign
from al_workflows.campaign.settings import bulk_dft
from al_workflows.dft.settings import dft_hash
from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.files import write_atomically
from al_workflows.structures import structure_key


@dataclass(frozen=True)
class LatticeFit:
    """One bulk's equation of state.

    ``scale`` is what the given cell's vectors are multiplied with, ``volume`` the cell's then (Å³), ``energy`` its
    (eV), ``bulk_modulus`` GPa, ``residual`` the fit's (eV, root mean square) at ``volumes`` (Å³) with ``energies``
    (eV). ``given`` is the given structure's key, ``code`` and ``dft_hash`` say what computed it.
    """

    given: str
    scale: float
    lengths: tuple[float, float, float]
    volume: float
    energy: float
    bulk_modulus: float
    residual: float
    volumes: tuple[float, ...]
    energies: tuple[float, ...]
    code: str
    dft_hash: str


def lattice_file(campaign: Campaign) -> Path:
    """Where the fits of a campaign are."""
    return campaign.directory / f"{campaign.spec.name}.lattice.json"


def write_fits(fits: dict[str, LatticeFit], path: Path) -> None:
    """Replace ``path`` by ``fits``, by bulk."""
    content = {key: asdict(fit) for key, fit in fits.items()}
    write_atomically(path, json.dumps(content, indent=1) + "\n")


def read_fits(path: Path) -> dict[str, LatticeFit]:
    """The fits in ``path``, by bulk; none if it does not exist.

    Raises
    ------
    InputError
        It is no such file.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        return {key: LatticeFit(**fit) for key, fit in content.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} cannot be read ({type(error).__name__}: {error}); remove it and run `alflow campaign lattice` "
            "again"
        ) from error


class Lattices:
    """The lattice constants of a campaign's bulks; its file is read when the first one is asked for."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._fits: dict[str, LatticeFit] | None = None

    def applied(self, bulk: BulkSpec, atoms: Atoms) -> Atoms:
        """``atoms``, of the bulk as it is given, scaled if the bulk takes its lattice constants from a fit.

        Raises
        ------
        InputError
            There is no fit of this bulk at these settings, or the DFT code, whose version counts, is not installed.
        """
        if not self._campaign.spec.eos_wanted(bulk):
            return atoms
        path = lattice_file(self._campaign)
        if self._fits is None:
            self._fits = read_fits(path)
        fit = self._fits.get(bulk.key)
        do = "run `alflow campaign lattice` on the campaign's file"
        if fit is None:
            raise InputError(
                f"bulk {bulk.key} has `lattice: eos` but {path.name} holds no lattice constant of it; {do}"
            )
        if fit.given != structure_key(atoms):
            raise InputError(f"bulk {bulk.key}: {path.name} is of another structure of it; {do}")
        try:
            asked = dft_hash(bulk_dft(self._campaign))
        except EnvironmentProblem as error:
            raise InputError(
                f"bulk {bulk.key}: whether {path.name} is by these settings is not known: {error}"
            ) from error
        if fit.dft_hash != asked:
            raise InputError(f"bulk {bulk.key}: {path.name} is by {fit.code} at other DFT settings; {do}")
        return scaled(atoms, fit.scale)


def scaled(atoms: Atoms, scale: float) -> Atoms:
    """``atoms`` with all lengths multiplied by ``scale``."""
    found = atoms.copy()
    found.set_cell(atoms.cell.array * scale, scale_atoms=True)
    return found
