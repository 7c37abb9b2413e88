"""The ``potential.prior`` part of a run file: the rough energy that the networks correct, by its ``kind``.

Lengths are Å, energies eV, unless a key says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PositiveFloat, Tag, field_validator, model_validator

from al_workflows.dft.spec import CalculatorPath
from al_workflows.plugins import PriorPlugin, by_kind
from al_workflows.strict import Strict, keyed_by_element


class MorseParameters(Strict):
    """E(r) = well_depth (exp[-2 a (r - r_e)] - 2 exp[-a (r - r_e)]): eV, Å and 1/Å."""

    well_depth: PositiveFloat
    r_e: PositiveFloat
    a: PositiveFloat


class MorsePriorSpec(Strict):
    """Pairwise Morse prior, mixed from elements' dimers, tapered to zero between ``taper_start`` and ``cutoff``."""

    kind: Literal["morse"] = "morse"
    refit: bool = Field(True, description="refit every pair to the run's own labels in each cycle")
    parameters: Annotated[dict[str, MorseParameters], AfterValidator(keyed_by_element)] = Field(
        default_factory=dict, description="per element, in place of the shipped dimer values"
    )
    file: Path | None = Field(None, description="a parameters file, as fit-morse writes it; `parameters` go over it")
    missing: Literal["estimate", "repulsive", "error"] = Field(
        "estimate",
        description="pairs with an element without parameters: a curve estimated from covalent radii, which the refit "
        "moves; repulsion alone, as of the kind repulsive; or refuse the run",
    )
    taper_start: PositiveFloat = Field(5.0, description="full at shorter distances, Å")
    cutoff: PositiveFloat = Field(6.0, description="zero at longer distances, Å")

    @model_validator(mode="after")
    def _cutoff_beyond_taper(self) -> Self:
        if self.cutoff <= self.taper_start:
            raise ValueError(f"cutoff {self.cutoff} Å must be larger than taper_start {self.taper_start} Å")
        return self


class RepulsivePriorSpec(Strict):
    """Screened nuclear repulsion (ZBL) of all pairs, without parameters: it keeps atoms apart and does nothing else.

    Both keys are in units of the sum of the pair's covalent radii; the shortest bonds (N₂, CO) are at 0.77.
    """

    kind: Literal["repulsive"] = "repulsive"
    full_below: PositiveFloat = Field(0.5, le=1, description="untapered at shorter distances; covalent radii of a pair")
    zero_beyond: PositiveFloat = Field(0.75, le=1, description="zero at longer distances; covalent radii of a pair")

    @model_validator(mode="after")
    def _zero_beyond_full(self) -> Self:
        if self.zero_beyond <= self.full_below:
            raise ValueError(f"zero_beyond {self.zero_beyond} must be larger than full_below {self.full_below}")
        return self


class AsePriorSpec(Strict):
    """Any ASE calculator: ``package.module.Class`` and its keyword arguments."""

    kind: Literal["ase"] = "ase"
    calculator: CalculatorPath = Field(description="import path of its class, e.g. ase.calculators.lj.LennardJones")
    arguments: dict[str, Any] = Field(default_factory=dict, description="keywords of the class, in its own units")


class NoPriorSpec(Strict):
    """The network learns the whole energy (relative to the first label)."""

    kind: Literal["none"] = "none"


class SumPriorSpec(Strict):
    """The sum of several priors; a Morse term is refitted to what the others leave."""

    kind: Literal["sum"] = "sum"
    terms: tuple[PriorSpec, ...] = Field(description="priors of any kind", json_schema_extra={"minItems": 1})

    @field_validator("terms")
    @classmethod
    def _not_empty(cls, terms: tuple[PriorSpec, ...]) -> tuple[PriorSpec, ...]:
        if not terms:  # pydantic's own min_length complains of a wrong term as well
            raise ValueError("must hold one prior at least")
        return terms


PriorSpec = Annotated[
    Annotated[MorsePriorSpec, Tag("morse")]
    | Annotated[RepulsivePriorSpec, Tag("repulsive")]
    | Annotated[AsePriorSpec, Tag("ase")]
    | Annotated[SumPriorSpec, Tag("sum")]
    | Annotated[NoPriorSpec, Tag("none")]
    | Annotated[PriorPlugin, Tag("plugin")],
    by_kind(PriorPlugin),
]
SumPriorSpec.model_rebuild()


def each_morse(spec: PriorSpec, change: Callable[[MorsePriorSpec], MorsePriorSpec]) -> PriorSpec:
    """``spec`` with every Morse prior in it replaced by ``change`` of it."""
    if isinstance(spec, MorsePriorSpec):
        return change(spec)
    if isinstance(spec, SumPriorSpec):
        return spec.model_copy(update={"terms": tuple(each_morse(term, change) for term in spec.terms)})
    return spec


def prior_beside(spec: PriorSpec, directory: Path) -> PriorSpec:
    """``spec`` with its relative paths taken from ``directory``, where the run file lies."""

    def absolute(morse: MorsePriorSpec) -> MorsePriorSpec:
        return morse.model_copy(update={"file": morse.file and (directory / morse.file).resolve()})

    return each_morse(spec, absolute)
