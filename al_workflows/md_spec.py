"""The parts of a run file that only molecular dynamics have: ``simulation: {kind: md}`` and ``query: {kind: mixed}``.

Temperatures are K, times fs, forces eV/Å, unless a key says otherwise.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from al_workflows.strict import Strict, keyed_by_element

#: a force error is judged on so many freshly computed frames at least
LEAST_FRAMES = 3


class LangevinSpec(Strict):
    """Friction and random forces: canonical, and it thermalises every mode by itself."""

    kind: Literal["langevin"] = "langevin"
    friction: PositiveFloat = Field(0.01, le=1, description="1/fs")


class BerendsenSpec(Strict):
    """Velocities scaled towards the temperature (the paper's): the mean is right, the fluctuations are too small."""

    kind: Literal["berendsen"] = "berendsen"
    tau: PositiveFloat = Field(100.0, description="time constant, fs")


class NoseHooverSpec(Strict):
    """A Nosé-Hoover chain: canonical and deterministic."""

    kind: Literal["nose_hoover"] = "nose_hoover"
    tau: PositiveFloat = Field(50.0, description="time constant, fs")
    chain: int = Field(3, ge=1, le=20, description="thermostats of the chain")


class NveSpec(Strict):
    """No thermostat after the equilibration, which is by Langevin dynamics."""

    kind: Literal["nve"] = "nve"


ThermostatSpec = Annotated[
    LangevinSpec | BerendsenSpec | NoseHooverSpec | NveSpec,
    Field(discriminator="kind"),
]


class AccuracySpec(Strict):
    """When the forces are good enough: mean absolute errors of components on free atoms, of frames that DFT computed
    after the model had predicted them."""

    force_mae: PositiveFloat = Field(0.05, description="of all free atoms, eV/Å")
    element_force_mae: PositiveFloat = Field(
        0.08, description="of the free atoms of each element, eV/Å: a slab's mean hides an adsorbate"
    )
    elements: Annotated[dict[str, PositiveFloat], AfterValidator(keyed_by_element)] = Field(
        default_factory=dict, description="element → eV/Å, in place of element_force_mae"
    )
    confidence: float = Field(
        0.95, ge=0.5, lt=1, description="of the bound that must be below: by bootstrap over whole frames"
    )
    passes: PositiveInt = Field(2, le=10, description="cycles in a row, each on a new trajectory with new velocities")

    def limit(self, element: str) -> float:
        """The largest force error of ``element`` that is allowed, eV/Å."""
        return self.elements.get(element, self.element_force_mae)


class MdSpec(Strict):
    """Molecular dynamics on the model; converged when fresh frames, checked by DFT, have forces of the wanted
    accuracy."""

    kind: Literal["md"] = "md"
    temperature: PositiveFloat = Field(300.0, le=20000, description="K; with NVE that of the equilibration")
    thermostat: ThermostatSpec = LangevinSpec()
    timestep: PositiveFloat = Field(1.0, le=20, description="fs")
    steps: PositiveInt = Field(2000, description="of each cycle's trajectory, after its equilibration")
    equilibration: int = Field(500, ge=0, description="steps before them, whose frames are not asked about")
    stride: PositiveInt = Field(10, description="steps from frame to frame of the pool")
    start_from: Literal["label", "start"] = Field(
        "label", description="each cycle begins at a label drawn at random, or at the run's start; velocities are new"
    )
    max_uncertainty: PositiveFloat | None = Field(
        0.5, description="stop where the force of an atom is less certain than this, eV/Å; null: never"
    )
    max_temperature_ratio: float = Field(
        5.0,
        gt=1,
        description="stop where it is hotter than this times the temperature (5 times that in equilibration)",
    )
    accuracy: AccuracySpec | None = Field(
        AccuracySpec(), description="null: as many cycles as termination.max_cycles says"
    )
    validation_frames: int = Field(
        0, ge=0, le=10000, description="random frames of a last trajectory for DFT to confirm the accuracy; 0: none"
    )

    @model_validator(mode="after")
    def _frames_in_the_trajectory(self) -> Self:
        if self.stride > self.steps:
            raise ValueError(f"stride {self.stride} must not be larger than steps {self.steps}")
        if self.validation_frames > self.frames:
            raise ValueError(
                f"validation_frames {self.validation_frames} must not be more than the {self.frames} frames that "
                f"{self.steps} steps give with stride {self.stride}"
            )
        if 0 < self.validation_frames < LEAST_FRAMES:
            raise ValueError(f"validation_frames {self.validation_frames} must be 0, or {LEAST_FRAMES} or more")
        return self

    @property
    def frames(self) -> int:
        """Frames of a whole trajectory."""
        return self.steps // self.stride + 1


class MixedQuerySpec(Strict):
    """Frames at random, by disagreement of the ensemble and by distance in descriptor space; the last frame is one
    like the others. Random ones, which test the model, are asked for only where the simulation ran to its end."""

    kind: Literal["mixed"] = "mixed"
    random_frames: int = Field(2, ge=0, le=1000, description="a cycle, drawn at random")
    uncertain_frames: int = Field(1, ge=0, le=1000, description="a cycle, of the most uncertain forces")
    farthest_frames: int = Field(1, ge=0, le=1000, description="a cycle, farthest in descriptor space from all labels")

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.batch == 0:
            raise ValueError("must ask for one frame at least: raise one of its three numbers")
        return self

    @property
    def batch(self) -> int:
        """Frames a cycle."""
        return self.random_frames + self.uncertain_frames + self.farthest_frames


def refuse_unjudged(run: Any) -> Any:
    """``run``, a RunSpec; a ValueError if it is of dynamics whose frames cannot be asked for or judged as it says."""
    simulation, query = run.simulation, run.query
    if not isinstance(simulation, MdSpec):
        return run
    if query.kind == "mixed" and query.uncertain_frames and run.potential.members < 2:
        raise ValueError("asks for `query.uncertain_frames`, which must have `potential.members` of 2 or more")
    most = run.termination.max_dft_calls
    if simulation.validation_frames >= most:
        raise ValueError(
            f"asks for {simulation.validation_frames} `simulation.validation_frames`, which must be fewer than "
            f"`termination.max_dft_calls` ({most}), as they count; raise that"
        )
    batch = 1 if query.kind == "final" else getattr(query, "batch", LEAST_FRAMES)
    if simulation.accuracy is not None and batch < LEAST_FRAMES:
        raise ValueError(
            f"asks for {batch} frames a cycle by `query.kind: {query.kind}`, but must have {LEAST_FRAMES} or more for "
            "`simulation.accuracy` to be judged on; ask for more, or set accuracy to null and count cycles"
        )
    return run
