"""What a user writes: a run's YAML as typed, frozen models that refuse unknown keys.

Every key has a default that works; ``structure``, ``simulation`` and ``dft`` are enough. Lengths are Å, energies eV,
forces eV/Å, times s.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import yaml
from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from al_workflows.dft.spec import AseSpec as AseSpec
from al_workflows.dft.spec import DftSpec as DftSpec
from al_workflows.dft.spec import EmtSpec as EmtSpec
from al_workflows.dft.spec import EspressoSpec as EspressoSpec
from al_workflows.dft.spec import GpawSpec as GpawSpec
from al_workflows.dft.spec import SinglePointSpec as SinglePointSpec
from al_workflows.dft.spec import VaspSpec as VaspSpec
from al_workflows.dft.spec import beside
from al_workflows.errors import InputError
from al_workflows.strict import Strict as Strict

# --- potential --------------------------------------------------------------------------------------------------

#: eight widths from 0.05 to 80: the published four (to 5) leave C and O with 3-4 independent directions
DEFAULT_G2_ETA = tuple(float(f"{eta:.6g}") for eta in np.logspace(np.log10(0.05), np.log10(80.0), 8))


class DescriptorSpec(Strict):
    """Behler-Parrinello symmetry functions. ``eta`` is in units of 1/cutoff²; every G2 has R_s = 0."""

    cutoff: PositiveFloat = Field(6.0, description="cutoff radius, Å")
    g2_eta: tuple[PositiveFloat, ...] = Field(DEFAULT_G2_ETA, min_length=1)
    g4_eta: tuple[PositiveFloat, ...] = (0.005,)
    g4_zeta: tuple[Annotated[float, Field(ge=1)], ...] = (1.0, 4.0)
    g4_gamma: tuple[Literal[1, -1], ...] = (1, -1)


class MorseParameters(Strict):
    """E(r) = well_depth (exp[-2 a (r - r_e)] - 2 exp[-a (r - r_e)]): eV, Å and 1/Å."""

    well_depth: PositiveFloat
    r_e: PositiveFloat
    a: PositiveFloat


class MorsePriorSpec(Strict):
    """Pairwise Morse prior, mixed from elements' dimers, tapered to zero between ``taper_start`` and ``cutoff``."""

    kind: Literal["morse"] = "morse"
    refit: bool = Field(True, description="refit every pair to the run's own labels in each cycle")
    parameters: dict[str, MorseParameters] = Field(
        default_factory=dict, description="per element, in place of the shipped dimer values"
    )
    taper_start: PositiveFloat = 5.0
    cutoff: PositiveFloat = 6.0

    @model_validator(mode="after")
    def _cutoff_beyond_taper(self) -> Self:
        if self.cutoff <= self.taper_start:
            raise ValueError(f"cutoff {self.cutoff} Å must be larger than taper_start {self.taper_start} Å")
        return self


class NoPriorSpec(Strict):
    """The network learns the whole energy (relative to the first label)."""

    kind: Literal["none"] = "none"


PriorSpec = Annotated[MorsePriorSpec | NoPriorSpec, Field(discriminator="kind")]


class FitSpec(Strict):
    """Least squares to the noise one needs, stopped at about half of it, anchored at the initial weights.

    ``levenberg_marquardt`` for few small images, ``lbfgs`` (with line search) beyond; ``auto`` chooses by size.
    """

    kind: Literal["auto", "levenberg_marquardt", "lbfgs"] = "auto"
    sigma_forces: PositiveFloat = Field(0.01, description="eV/Å")
    sigma_energy: PositiveFloat = Field(0.003, description="eV")
    max_iterations: PositiveInt | None = Field(
        None, description="of each network; null: 100 of levenberg_marquardt, 2000 of lbfgs"
    )
    warm_start: bool = Field(False, description="start from the previous cycle's weights")


class PaperTrainingSpec(Strict):
    """Shuaibi et al. 2020: LBFGS without line search under cosine annealing with warm restarts."""

    kind: Literal["paper"] = "paper"
    learning_rate: PositiveFloat = 1e-2
    epochs: PositiveInt = 200
    force_coefficient: PositiveFloat = 0.04
    restart_period: PositiveInt = 10
    restart_factor: PositiveInt = 2


TrainingSpec = Annotated[FitSpec | PaperTrainingSpec, Field(discriminator="kind")]


class PotentialSpec(Strict):
    """Per-element networks on symmetry functions, learning the difference between DFT and a prior."""

    kind: Literal["behler_parrinello"] = "behler_parrinello"
    descriptor: DescriptorSpec = DescriptorSpec()
    hidden: tuple[PositiveInt, ...] = Field((20, 20), min_length=1)
    members: int = Field(3, ge=1, le=50, description="networks of the ensemble; 1 gives no uncertainty")
    prior: PriorSpec = MorsePriorSpec()
    training: TrainingSpec = FitSpec()


# --- simulation, query, termination -----------------------------------------------------------------------------


class RelaxationSpec(Strict):
    """Relax on the model; converged when the DFT forces at the model's relaxed structure are below ``fmax``."""

    kind: Literal["relaxation"] = "relaxation"
    fmax: PositiveFloat = Field(0.03, description="largest DFT force on a free atom, eV/Å")
    optimizer: str = Field("BFGS", description="a class of ase.optimize")
    max_steps: PositiveInt = 300
    model_fmax_fraction: PositiveFloat = Field(0.5, le=1, description="the model is relaxed to this share of fmax")
    start_from: Literal["lowest_energy", "start"] = Field(
        "lowest_energy", description="where each cycle's relaxation begins: the lowest label so far, or the run's start"
    )
    trust_radius: PositiveFloat | None = Field(
        0.8, description="largest displacement of an atom from the nearest label, Å; null: none"
    )
    max_uncertainty: PositiveFloat | None = Field(
        3.0, description="stop where the ensemble disagrees by more on the force of an atom, eV/Å; null: never"
    )

    @field_validator("optimizer")
    @classmethod
    def _known_optimizer(cls, name: str) -> str:
        import ase.optimize
        from ase.optimize.optimize import Optimizer

        found = getattr(ase.optimize, name, None)
        if not (isinstance(found, type) and issubclass(found, Optimizer)):
            known = sorted(
                key
                for key, value in vars(ase.optimize).items()
                if isinstance(value, type) and issubclass(value, Optimizer)
            )
            raise ValueError(f"must be an optimizer of ase.optimize: {', '.join(known)}")
        return name


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


QuerySpec = Annotated[
    FinalQuerySpec | RandomQuerySpec | FinalRandomQuerySpec | FinalUncertaintyQuerySpec | FarthestQuerySpec,
    Field(discriminator="kind"),
]


class TerminationSpec(Strict):
    """When a run ends other than by convergence."""

    max_cycles: PositiveInt = 50
    max_dft_calls: PositiveInt = 100
    stall_cycles: PositiveInt = Field(
        12, description="cycles in a row without a lower DFT fmax or energy before the run counts as stalled"
    )
    max_failed_cycles: PositiveInt = Field(
        5, description="cycles in a row whose every single point failed before the run counts as failed"
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

    name: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")
    seed: int = Field(0, ge=0, lt=2**32)
    structure: Path
    simulation: RelaxationSpec
    potential: PotentialSpec = PotentialSpec()
    query: QuerySpec = FinalQuerySpec()
    termination: TerminationSpec = TerminationSpec()
    dft: DftSpec
    resources: ResourcesSpec = ResourcesSpec()


def load_spec(path: Path) -> RunSpec:
    """The run that the YAML file ``path`` describes, its paths made absolute relative to the file.

    Raises
    ------
    InputError
        The file is missing, no YAML, or breaks a rule; the message names the first broken key.
    """
    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise InputError(f"run file {path} cannot be read: {reason}; give the path of a run's YAML") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise InputError(f"{path} is not valid YAML{where}; see `alflow example relax` for a complete file") from error
    if not isinstance(data, dict):
        raise InputError(
            f"{path} holds {type(data).__name__} but must hold keys and values; see `alflow example relax`"
        )
    spec = parse_spec(data, source=str(path))
    return spec.model_copy(
        update={
            "structure": (path.parent / spec.structure).resolve(),
            "name": spec.name or path.stem,
            "dft": beside(spec.dft, path.parent),
        }
    )


def parse_spec(data: dict[str, Any], source: str = "run") -> RunSpec:
    """A :class:`RunSpec` from plain data; an :class:`InputError` names the first broken key in one line."""
    try:
        return RunSpec.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{source}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    # pydantic names the chosen variant of a union in the path; the user did not write it
    kinds = {"relaxation", "behler_parrinello", "morse", "none", "auto", "levenberg_marquardt", "lbfgs", "paper"}
    kinds |= {
        "final",
        "random",
        "final_random",
        "final_uncertainty",
        "farthest",
        "emt",
        "gpaw",
        "ase",
        "espresso",
        "vasp",
    }
    where = ".".join(str(part) for part in problem["loc"] if part not in kinds) or "the file"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if problem["type"] == "extra_forbidden":
        return f"`{where}` is not a key of this file; remove it or correct its spelling{more}"
    if problem["type"] == "missing" and "." in where:
        return f"`{where}` is missing but must be given{more}"
    if problem["type"] == "missing":
        return f"`{where}` is missing; `structure`, `simulation` and `dft` must be given{more}"
    if problem["type"] == "union_tag_not_found":
        return f"`{where}` has no `kind:` but must say which one it is{more}"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"`{where}` is {problem['input']!r} but {message[0].lower() + message[1:]}{more}"
