"""What a campaign file says: bulks, facets, adsorbates and sites, and how each of their runs is made.

Every key but ``bulks``, ``slabs.miller`` (or a bulk's own ``miller``) and ``run`` has a default. Lengths are Å.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from al_workflows.campaign.adsorbate_spec import AdsorbateSpec, GivenAdsorbate
from al_workflows.campaign.bulk_spec import BulkSpec, GivenBulk, Lattice, MillerList
from al_workflows.campaign.selector import SelectorSpec
from al_workflows.strict import Strict

#: part of a run file, put over the campaign's own ``run``
RunPart = Annotated[dict[str, Any], Field(default_factory=dict)]
Repeats = Annotated[int, Field(ge=1, le=20)]
#: kinds of site
SiteKind = Literal["ontop", "bridge", "hollow"]


class EosSpec(Strict):
    """How lattice constants are found: an equation of state (Birch and Murnaghan's), all axes scaled alike."""

    points: int = Field(7, ge=5, le=51, description="volumes")
    strain: float = Field(0.06, ge=0.01, le=0.3, description="farthest volume from the given one, as a share of it")
    dft: dict[str, Any] = Field(default_factory=dict, description="over run.dft: the bulk's k-points and spin")


class SlabsSpec(Strict):
    """Facets and their slabs. Slabs are periodic in their plane, as thin as ``thickness`` allows, and centred."""

    miller: MillerList = Field((), description="of the conventional cell, as [1, 1, 1]; hexagonal ones of four numbers")
    terminations: Literal["all"] | tuple[NonNegativeInt, ...] = Field(
        "all", description="which of the places to cut at, counted from 0; those equal by symmetry are one"
    )
    thickness: PositiveFloat = Field(
        6.0, le=100.0, description="number of layers times their distance is at least this"
    )
    vacuum: PositiveFloat = Field(
        12.0, ge=5.0, le=200.0, description="empty space above and below a clean slab, together"
    )
    min_lateral: PositiveFloat = Field(
        5.0, le=50.0, description="smallest distance of an atom from its images in the plane"
    )
    supercell: tuple[Repeats, Repeats] | None = Field(
        None, description="repeats of the surface's primitive cell; null: as few as min_lateral asks for"
    )
    fixed_layers: NonNegativeInt = Field(2, description="lowest layers, whose atoms are fixed")
    periodic_normal: bool = Field(False, description="periodic along the normal as well, for codes that insist on it")
    max_atoms: PositiveInt = Field(300, description="a larger slab is left out")


class CoverageSpec(Strict):
    """How many adsorbates are in a cell, on sites of one kind that are as far apart as can be."""

    adsorbates: int = Field(1, ge=1, le=100)
    min_spacing: NonNegativeFloat = Field(0.0, description="closer ones are left out")

    @model_validator(mode="before")
    @classmethod
    def _a_number_is_enough(cls, data: Any) -> Any:
        return {"adsorbates": data} if isinstance(data, int) and not isinstance(data, bool) else data


class SitesSpec(Strict):
    """Where adsorbates are put: pymatgen's sites of the ideal surface, one of each that are equal by symmetry."""

    positions: tuple[SiteKind, ...] = Field(("ontop", "bridge", "hollow"), min_length=1)
    max_per_slab: PositiveInt | None = Field(None, description="the first so many; hollows first, then bridges")
    coverages: tuple[CoverageSpec, ...] = Field((CoverageSpec(),), min_length=1)
    depth: PositiveFloat = Field(0.9, description="atoms no deeper than this below the highest one have sites")


class RelaxationsSpec(Strict):
    """Relaxations of adsorbates on sites, and their adsorption energies."""

    where: SelectorSpec = SelectorSpec()


class PathsSpec(Strict):
    """Barriers between neighbouring sites of a slab, for one adsorbate a cell."""

    where: SelectorSpec = SelectorSpec()
    sites: tuple[SiteKind, ...] = Field(("hollow",), min_length=1, description="kinds of site where paths end")
    between: Literal["neighbours", "all"] = Field(
        "neighbours",
        description="neighbours: no third site of these kinds is in the circle over both; all within max_distance",
    )
    max_distance: PositiveFloat = Field(3.5, le=10.0, description="in the plane")
    max_per_slab: PositiveInt | None = Field(None, description="the shortest so many")
    run: RunPart


class DynamicsSpec(Strict):
    """Dynamics of adsorbates on sites, or of clean slabs."""

    where: SelectorSpec = SelectorSpec()
    of: Literal["adsorption", "slab"] = "adsorption"
    run: RunPart


class ReferencesSpec(Strict):
    """What adsorption energies take off: E_ads = E − E_slab − Σ n E_molecule. Each is made once."""

    slabs: bool = Field(True, description="the clean slabs; without them no adsorption energy is given")
    molecules: bool = Field(True, description="the gas-phase species; without them no adsorption energy is given")
    box: PositiveFloat = Field(10.0, ge=4.0, le=100.0, description="empty space around a molecule")
    spin: Literal["ground_state", "none"] = Field(
        "ground_state", description="initial magnetic moments of gas-phase species: those of ASE's tables"
    )


class OverrideSpec(Strict):
    """Other settings, or another priority, for the members that ``where`` selects; later ones go over earlier ones."""

    where: SelectorSpec = SelectorSpec()
    run: RunPart
    priority: int | None = Field(None, ge=-1000, le=1000, description="higher first")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.run and self.priority is None:
            raise ValueError("must have `run` or `priority`")
        return self


class ScheduleSpec(Strict):
    """How a campaign is worked on."""

    at_once: PositiveInt | None = Field(20, description="members under way at a time; null: all")
    max_dft_calls: PositiveInt | None = Field(None, description="of the whole campaign; null: what members may make")
    at_least: PositiveInt = Field(1, description="members under way wherever there are so many, taught or not")
    waves: bool = Field(
        True, description="members of one bulk and adsorbate begin by 1, 2, 4, …: the first teach the rest"
    )


class CampaignSpec(Strict):
    """One question asked of many surfaces."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,29}$", description="by default the file's name")
    seed: int = Field(0, ge=0, lt=2**32, description="every member's seed follows from it and from the member's key")
    seeds: int = Field(1, ge=1, le=1000, description="each entry is made so many times; references are made once")
    bulks: tuple[GivenBulk, ...] = Field(min_length=1)
    lattice: Lattice = Field("given", description="of bulks that do not say; eos: what `alflow campaign lattice` found")
    eos: EosSpec = EosSpec()
    slabs: SlabsSpec = SlabsSpec()
    adsorbates: tuple[GivenAdsorbate, ...] = ()
    sites: SitesSpec = SitesSpec()
    displace: NonNegativeFloat = Field(
        0.02,
        le=0.5,
        description="standard deviation of the displacement of free atoms along each axis where there is an adsorbate, "
        "drawn from key and seed: symmetry would keep it exactly on its site, minimum or not",
    )
    relaxations: RelaxationsSpec | None = RelaxationsSpec()
    paths: PathsSpec | None = None
    dynamics: DynamicsSpec | None = None
    references: ReferencesSpec = ReferencesSpec()
    run: dict[str, Any] = Field(
        description="as in a run file, without structure, name and seed; of relaxations; `sharing` is {} by default"
    )
    overrides: tuple[OverrideSpec, ...] = ()
    schedule: ScheduleSpec = ScheduleSpec()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for what, names in (
            ("bulks", [bulk.key for bulk in self.bulks]),
            ("adsorbates", [adsorbate.name for adsorbate in self.adsorbates]),
        ):
            for name in names:
                if names.count(name) > 1:
                    key = "label" if what == "bulks" else "name"
                    raise ValueError(f"has two `{what}` called {name}; give one of them another `{key}`")
        return self

    @model_validator(mode="after")
    def _facets_are_named(self) -> Self:
        for bulk in self.bulks:
            if not bulk.miller and not self.slabs.miller:
                raise ValueError(f"names no facet of {bulk.key}: give `slabs.miller`, e.g. [[1, 1, 1]]")
        return self

    def eos_wanted(self, bulk: BulkSpec) -> bool:
        """Whether ``bulk`` takes its lattice constants from ``alflow campaign lattice``."""
        return (bulk.lattice or self.lattice) == "eos"

    def adsorbate(self, name: str) -> AdsorbateSpec | None:
        """That of this name."""
        return next((adsorbate for adsorbate in self.adsorbates if adsorbate.name == name), None)
