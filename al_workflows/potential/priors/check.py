"""Whether a prior can treat a structure, and what it knows of it: asked before a run begins."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from al_workflows.calculators import check_calculator
from al_workflows.errors import InputError
from al_workflows.potential.priors.ase_calculator import AsePrior
from al_workflows.potential.priors.dimers import element_parameters
from al_workflows.spec import AsePriorSpec, MorsePriorSpec, PriorSpec, SumPriorSpec


def check_prior(start: Atoms, spec: PriorSpec) -> tuple[str, ...]:
    """Remarks on what the prior of ``spec`` lacks for the elements of ``start``, a line each; none as a rule.

    Raises
    ------
    InputError
        The prior cannot treat ``start``.
    EnvironmentProblem
        The package of a calculator cannot be imported.
    """
    if isinstance(spec, SumPriorSpec):
        return tuple(remark for term in spec.terms for remark in check_prior(start, term))
    if isinstance(spec, AsePriorSpec):
        _check_calculator(start, spec)
    return _lacking(start, spec) if isinstance(spec, MorsePriorSpec) else ()


def _check_calculator(start: Atoms, spec: AsePriorSpec) -> None:
    """It is asked once: a run should not find out after its first DFT calculation that it lacks an element."""
    check_calculator(spec.calculator, spec.arguments, "potential.prior")
    energy, forces = AsePrior(spec).evaluated(start)
    if not (np.isfinite(energy) and np.isfinite(forces).all()):
        raise InputError(
            f"`potential.prior.calculator` {spec.calculator} gives an energy of {energy} eV or forces that are not "
            f"finite for {start.symbols} but they must be; correct its arguments or the structure"
        )


def _lacking(start: Atoms, spec: MorsePriorSpec) -> tuple[str, ...]:
    elements = sorted(set(start.get_chemical_symbols()))
    found = dict(zip(elements, element_parameters(elements, spec), strict=True))
    missing = [element for element, curve in found.items() if curve is None]
    if not missing:
        return ()
    known = [element for element in elements if element not in missing]
    pairs = [f"{a}-{b}" for n, a in enumerate(elements) for b in elements[n:] if {a, b} & set(missing)]
    what = {
        "estimate": "a Morse curve estimated from covalent radii" + (" until the refit" if spec.refit else ""),
        "repulsive": "a repulsive curve alone",
    }[spec.missing]
    return (
        f"no Morse parameters for {', '.join(missing)} (only for {', '.join(known) or 'none of its elements'}): "
        f"{what} for {', '.join(pairs)}; `alflow fit-morse {' '.join(missing)}` computes them",
    )
