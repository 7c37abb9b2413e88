"""What a user writes: a run's YAML as typed, frozen models that refuse unknown keys.

Every key has a default that works; ``structure``, ``simulation`` and ``dft`` are enough. Lengths are Å, energies eV,
forces eV/Å, times s.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, Tag, model_validator

from al_workflows.dft.spec import AseSpec as AseSpec
from al_workflows.dft.spec import DftSpec as DftSpec
from al_workflows.dft.spec import EmtSpec as EmtSpec
from al_workflows.dft.spec import EspressoSpec as EspressoSpec
from al_workflows.dft.spec import GpawSpec as GpawSpec
from al_workflows.dft.spec import SinglePointSpec as SinglePointSpec
from al_workflows.dft.spec import VaspSpec as VaspSpec
from al_workflows.loop_spec import LoopSpec as LoopSpec
from al_workflows.loop_spec import OfflineSpec as OfflineSpec
from al_workflows.loop_spec import OnlineSpec as OnlineSpec
from al_workflows.loop_spec import refuse_contradictions, with_online_defaults
from al_workflows.md_spec import MdSpec as MdSpec
from al_workflows.md_spec import MixedQuerySpec as MixedQuerySpec
from al_workflows.md_spec import refuse_unjudged
from al_workflows.neb_spec import NebSpec as NebSpec
from al_workflows.neb_spec import SaddleEndsQuerySpec as SaddleEndsQuerySpec
from al_workflows.neb_spec import SaddleQuerySpec as SaddleQuerySpec
from al_workflows.neb_spec import UncertaintyQuerySpec as UncertaintyQuerySpec
from al_workflows.neb_spec import band_problem
from al_workflows.plugins import CriterionPlugin, QueryPlugin, SimulationPlugin, by_kind
from al_workflows.potential_spec import DEFAULT_G2_ETA as DEFAULT_G2_ETA
from al_workflows.potential_spec import DescriptorSpec as DescriptorSpec
from al_workflows.potential_spec import FitSpec as FitSpec
from al_workflows.potential_spec import GaussianProcessSpec as GaussianProcessSpec
from al_workflows.potential_spec import MinibatchSpec as MinibatchSpec
from al_workflows.potential_spec import NetworkPotentialSpec as NetworkPotentialSpec
from al_workflows.potential_spec import PaperTrainingSpec as PaperTrainingSpec
from al_workflows.potential_spec import PotentialSpec as PotentialSpec
from al_workflows.potential_spec import TrainingSpec as TrainingSpec
from al_workflows.prior_spec import AsePriorSpec as AsePriorSpec
from al_workflows.prior_spec import MorseParameters as MorseParameters
from al_workflows.prior_spec import MorsePriorSpec as MorsePriorSpec
from al_workflows.prior_spec import NoPriorSpec as NoPriorSpec
from al_workflows.prior_spec import PriorSpec as PriorSpec
from al_workflows.prior_spec import RepulsivePriorSpec as RepulsivePriorSpec
from al_workflows.prior_spec import SumPriorSpec as SumPriorSpec
from al_workflows.strict import Strict as Strict

# --- simulation, query, termination -----------------------------------------------------------------------------


#: the optimizers of ase.optimize that relax a structure step by step
OPTIMIZERS = (
    *("BFGS", "BFGSLineSearch", "LBFGS", "LBFGSLineSearch", "QuasiNewton", "GoodOldQuasiNewton"),
    *("FIRE", "FIRE2", "MDMin", "GPMin"),
)


class RelaxationSpec(Strict):
    """Relax on the model; converged when the DFT forces at the model's relaxed structure are below ``fmax``."""

    kind: Literal["relaxation"] = "relaxation"
    fmax: PositiveFloat = Field(0.03, description="largest DFT force on a free atom, eV/Å")
    optimizer: Literal[OPTIMIZERS] = Field("BFGS", description="a class of ase.optimize")  # type: ignore[valid-type]
    max_steps: PositiveInt = 300
    model_fmax_fraction: PositiveFloat = Field(0.5, le=1, description="the model is relaxed to this share of fmax")
    start_from: Literal["lowest_energy", "start"] = Field(
        "lowest_energy", description="where each cycle's relaxation begins: the lowest label so far, or the run's start"
    )
    confirm_minimum: Literal["never", "if_unsure", "always"] = Field(
        "if_unsure",
        description="converged only when DFT's energy is known to rise beside the structure: DFT is asked along the "
        "softest mode (always), where the ensemble is not sure of a mode's sign (if_unsure), or never",
    )
    trust_radius: PositiveFloat | None = Field(
        0.8,
        description="largest displacement of an atom from the nearest label, Å; more for one far from all neighbours; "
        "null: no limit",
    )
    leave_saddles: bool = Field(
        True, description="where the model's relaxed structure is a saddle of the model, follow it downhill from there"
    )
    also_from_start: bool = Field(
        True, description="relax from the run's start as well, and go on from the end that is lower on the model"
    )
    max_uncertainty: PositiveFloat | None = Field(
        None,
        description="stop where the force of an atom is less certain than this (standard deviation, eV/Å); null: never",
    )


SimulationSpec = Annotated[
    Annotated[RelaxationSpec, Tag("relaxation")]
    | Annotated[NebSpec, Tag("neb")]
    | Annotated[MdSpec, Tag("md")]
    | Annotated[SimulationPlugin, Tag("plugin")],
    by_kind(SimulationPlugin),
]


class FinalQuerySpec(Strict):
    """The last frame."""

    kind: Literal["final"] = "final"


class RandomQuerySpec(Strict):
    """``batch`` frames drawn at random."""

    kind: Literal["random"] = "random"
    batch: PositiveInt = 1


class FinalRandomQuerySpec(Strict):
    """The last frame and ``batch - 1`` drawn at random."""

    kind: Literal["final_random"] = "final_random"
    batch: int = Field(2, ge=2)


class FinalUncertaintyQuerySpec(Strict):
    """The last frame and the ``batch - 1`` most uncertain ones."""

    kind: Literal["final_uncertainty"] = "final_uncertainty"
    batch: int = Field(2, ge=2)


class FarthestQuerySpec(Strict):
    """The last frame and ``batch - 1`` by farthest-point sampling in descriptor space."""

    kind: Literal["farthest"] = "farthest"
    batch: PositiveInt = 2


class ParallelQuerySpec(Strict):
    """The last frame and up to ``single_points - 1`` structures beyond and beside it that need not be frames of the
    relaxation: fewer rounds for more calls."""

    kind: Literal["parallel"] = "parallel"
    single_points: int = Field(4, ge=2, le=100, description="DFT single points that run at once")


QuerySpec = Annotated[
    Annotated[FinalQuerySpec, Tag("final")]
    | Annotated[RandomQuerySpec, Tag("random")]
    | Annotated[FinalRandomQuerySpec, Tag("final_random")]
    | Annotated[FinalUncertaintyQuerySpec, Tag("final_uncertainty")]
    | Annotated[FarthestQuerySpec, Tag("farthest")]
    | Annotated[ParallelQuerySpec, Tag("parallel")]
    | Annotated[SaddleQuerySpec, Tag("saddle")]
    | Annotated[SaddleEndsQuerySpec, Tag("saddle_ends")]
    | Annotated[UncertaintyQuerySpec, Tag("uncertainty")]
    | Annotated[MixedQuerySpec, Tag("mixed")]
    | Annotated[QueryPlugin, Tag("plugin")],
    by_kind(QueryPlugin),
]


#: the query of a simulation whose last frame is none of note, where the run file names none
OWN_QUERIES = {"neb": "saddle", "md": "mixed"}


class TerminationSpec(Strict):
    """When a run ends other than by convergence."""

    max_cycles: PositiveInt = 50
    max_dft_calls: PositiveInt = 100
    stall_cycles: PositiveInt = Field(
        12,
        description="cycles in a row without a lower DFT fmax or energy before the run counts as stalled; before that, "
        "after 4 the trust radius is halved, after 8 the start of the relaxation is kicked at random; of "
        "dynamics: cycles without a label",
    )
    max_failed_cycles: PositiveInt = Field(
        5, description="cycles in a row whose every single point failed before the run counts as failed"
    )
    criteria: tuple[CriterionPlugin, ...] = Field(
        (), description="criteria of other packages, asked before these limits"
    )


class SharingSpec(Strict):
    """What a run learns from the labels of other runs of the database with the same DFT settings and no other elements.

    (A run without a database has none to learn from.)
    """

    labels: PositiveInt = Field(60, le=1000, description="at most, those of the most similar runs")
    skip_start: bool = Field(
        True, description="relax on what others have learned before DFT is asked for the first time (relaxations only)"
    )


# --- resources --------------------------------------------------------------------------------------------------


class StepResources(Strict):
    """Which workers may take a step, and what its job asks of the queue (``qlaunch -r`` only)."""

    category: str
    queue: dict[str, Any] = Field(default_factory=dict, description="overrides of my_qadapter.yaml")


class ResourcesSpec(Strict):
    """Resources by step. Workers take Fireworks by category."""

    train: StepResources = StepResources(category="ml")
    simulate: StepResources = StepResources(category="ml")
    query: StepResources = StepResources(category="ml")
    dft: StepResources = StepResources(category="dft")
    check: StepResources = StepResources(category="control")


# --- the run ----------------------------------------------------------------------------------------------------


class RunSpec(Strict):
    """One run: a starting structure, a question, and who answers it."""

    name: str | None = Field(
        None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$", description="begins the run's id; null: the file's name"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="of all that is random; the same seed gives the same numbers")
    structure: Path = Field(description="the start, in any format that ASE reads; relative to this file")
    final_structure: Path | None = Field(
        None, description="where the path of `simulation.kind: neb` ends; as structure"
    )
    simulation: SimulationSpec
    loop: LoopSpec = Field(OfflineSpec(), description="is DFT asked after a simulation, or where one stops to ask")
    potential: PotentialSpec = GaussianProcessSpec()
    query: QuerySpec = Field(FinalQuerySpec(), description="by default saddle of neb, mixed of md, final of all others")
    termination: TerminationSpec = TerminationSpec()
    dft: DftSpec
    sharing: SharingSpec | None = Field(None, description="learn from other runs; null: from its own labels only")
    resources: ResourcesSpec = ResourcesSpec()

    _md_can_be_judged = model_validator(mode="after")(refuse_unjudged)
    _online_goes_on = model_validator(mode="after")(refuse_contradictions)

    @model_validator(mode="before")
    @classmethod
    def _query_suits_the_simulation(cls, data: Any) -> Any:
        data = with_online_defaults(data)
        simulation = data.get("simulation") if isinstance(data, dict) else None
        kind = simulation.get("kind") if isinstance(simulation, dict) else getattr(simulation, "kind", None)
        own = OWN_QUERIES.get(kind) if isinstance(kind, str) else None
        return {**data, "query": {"kind": own}} if own is not None and "query" not in data else data

    @model_validator(mode="after")
    def _bands_are_whole(self) -> RunSpec:
        own = not isinstance(self.query, QueryPlugin)
        problem = band_problem(self.simulation.kind, self.query.kind if own else None, self.final_structure)
        if isinstance(self.simulation, NebSpec) and self.termination.max_dft_calls < 3:
            problem = problem or (
                f"allows `termination.max_dft_calls` of {self.termination.max_dft_calls}, but must allow 3 for a band: "
                "both ends and the saddle"
            )
        if problem is not None:
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _disagreement_needs_two(self) -> RunSpec:
        if isinstance(self.query, FinalUncertaintyQuerySpec | UncertaintyQuerySpec) and self.potential.members < 2:
            raise ValueError(
                f"asks for `query.kind: {self.query.kind}`, which must have `potential.members` of 2 or more"
            )
        return self

    @model_validator(mode="after")
    def _parallel_relaxes(self) -> RunSpec:
        if isinstance(self.query, ParallelQuerySpec):
            if not isinstance(self.simulation, RelaxationSpec):
                raise ValueError(
                    f"asks for `query.kind: parallel` with `simulation.kind: {self.simulation.kind}`, but must have "
                    "`simulation.kind: relaxation`, which it goes on with; take another kind of query"
                )
            if self.potential.members < 2:
                raise ValueError(
                    "asks for `query.kind: parallel` with `potential.members` of 1, but must have 2 or more, whose "
                    "disagreement it asks about; raise them or take another kind of query"
                )
        return self

    @property
    def target_fmax(self) -> float | None:
        """The DFT force at which the run is done, eV/Å; None for a simulation that is judged otherwise."""
        fmax = getattr(self.simulation, "fmax", None)
        return None if fmax is None else float(fmax)

    @property
    def confirm_minimum(self) -> Literal["never", "if_unsure", "always"]:
        """Whether a structure with small DFT forces counts only once its curvature has been checked."""
        found: Literal["never", "if_unsure", "always"] = getattr(self.simulation, "confirm_minimum", "never")
        return found
