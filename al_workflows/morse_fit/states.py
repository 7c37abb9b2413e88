"""Ground-state spin multiplicities (2 S + 1) of atoms and homonuclear dimers."""

from __future__ import annotations

from ase.data import atomic_numbers, ground_state_magnetic_moments

from al_workflows.errors import InputError

#: dimers, by the term of the ground state (Huber & Herzberg 1979; Morse, Chem. Rev. 86, 1049 (1986); for Ni, Pd and Pt,
#: where spin-orbit coupling mixes terms, the spin that scalar-relativistic density functionals find lowest)
DIMERS = {
    "H": 1,  # 1Sigma_g+
    "Li": 1,  # 1Sigma_g+
    "B": 3,  # 3Sigma_g-
    "C": 1,  # 1Sigma_g+
    "N": 1,  # 1Sigma_g+
    "O": 3,  # 3Sigma_g-
    "F": 1,  # 1Sigma_g+
    "Na": 1,  # 1Sigma_g+
    "Al": 3,  # 3Pi_u
    "Si": 3,  # 3Sigma_g-
    "P": 1,  # 1Sigma_g+
    "S": 3,  # 3Sigma_g-
    "Cl": 1,  # 1Sigma_g+
    "K": 1,  # 1Sigma_g+
    "Ni": 3,
    "Cu": 1,  # 1Sigma_g+
    "Br": 1,  # 1Sigma_g+
    "Pd": 3,  # 3Sigma_u+
    "Ag": 1,  # 1Sigma_g+
    "I": 1,  # 1Sigma_g+
    "Pt": 3,
    "Au": 1,  # 1Sigma_g+
}


def atom_multiplicity(element: str) -> int:
    """That of the lone atom, from ASE's table of ground-state moments."""
    return round(float(ground_state_magnetic_moments[atomic_numbers[element]])) + 1


def dimer_multiplicity(element: str) -> int:
    """That of the dimer.

    Raises
    ------
    InputError
        It is not in the table.
    """
    if element not in DIMERS:
        raise InputError(
            f"the spin multiplicity of {element}2 is not known, only those of {', '.join(DIMERS)}; "
            f"give `elements: {{{element}: {{dimer: 2S+1}}}}` in the file of --dft"
        )
    return DIMERS[element]
