"""The ``dft:`` part of a run file: a code by its ``kind``, the settings that change its numbers, and the limits.

Energies eV, forces eV/Å, times s, unless a key is the code's own: those keep the code's units.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PositiveFloat, PositiveInt, Tag

from al_workflows.plugins import PluginSpec, by_kind
from al_workflows.strict import Strict


def _numbers(value: Any) -> Any:
    """``value`` with texts like 1e-7, which YAML does not take for numbers, as numbers."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(item) for item in value]
    return float(value) if isinstance(value, str) and _EXPONENTIAL.fullmatch(value) else value


_EXPONENTIAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")
#: keywords of a code
Keywords = Annotated[dict[str, Any], BeforeValidator(_numbers)]
#: import path of an ASE calculator's class
CalculatorPath = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
#: k-points along each reciprocal vector
Grid = tuple[PositiveInt, PositiveInt, PositiveInt]


class SinglePointSpec(Strict):
    """What every DFT backend shares."""

    timeout: PositiveFloat = Field(4 * 3600.0, description="wall time of one attempt, s")
    max_attempts: PositiveInt = Field(2, description="attempts after a crash, a time-out or unreadable output")
    reuse: bool = Field(True, description="take over a point that another run of the database has computed")
    scf_retries: int = Field(
        2,
        ge=0,
        description="further attempts when SCF does not converge, each with the next of the code's settings that are "
        "slower and safer but lead to the same result",
    )
    min_distance: float = Field(
        0.6, ge=0, description="reject before DFT when two atoms are closer than this times their covalent radii"
    )
    max_force: PositiveFloat = Field(200.0, description="reject a result with a larger force, eV/Å")


class EmtSpec(SinglePointSpec):
    """Effective medium theory: a fast analytic surface for tests and demonstrations, not DFT."""

    kind: Literal["emt"] = "emt"


class GpawSpec(SinglePointSpec):
    """GPAW; ``parameters`` are its own keywords and go over the defaults."""

    kind: Literal["gpaw"] = "gpaw"
    parameters: Keywords = Field(default_factory=dict)


class AseSpec(SinglePointSpec):
    """Any ASE calculator: ``package.module.Class`` and its keyword arguments."""

    kind: Literal["ase"] = "ase"
    calculator: CalculatorPath
    arguments: dict[str, Any] = Field(default_factory=dict)


class EspressoSpec(SinglePointSpec):
    """pw.x of Quantum ESPRESSO; ``input_data`` holds its namelists and goes over the preset's, keyword by keyword."""

    kind: Literal["espresso"] = "espresso"
    preset: Literal["paper", "sssp"] | None = None
    input_data: dict[str, Keywords] = Field(
        default_factory=dict, description="namelist → keyword → value, e.g. system: {ecutwfc: 35} (Ry)"
    )
    kpts: Grid | None = Field(None, description="null: the preset's, else 1 1 1")
    koffset: tuple[Literal[0, 1], Literal[0, 1], Literal[0, 1]] | None = Field(
        None, description="1: the grid is shifted by half a step; null: the preset's, else 0 0 0"
    )
    pseudopotentials: dict[str, str] = Field(description="element → file in pseudo_dir")
    pseudo_dir: Path | None = Field(None, description="null: that of the variable ESPRESSO_PSEUDO at submission")
    command: str = Field("pw.x", min_length=1, description="with its launcher, e.g. mpirun -np 8 pw.x")
    keep_scratch: bool = Field(False, description="keep densities and wave functions of points that succeeded")


class VaspSpec(SinglePointSpec):
    """VASP; ``parameters`` are INCAR keywords in lower case (and ASE's ``xc``) and go over the preset's."""

    kind: Literal["vasp"] = "vasp"
    preset: Literal["paper"] | None = None
    parameters: Keywords = Field(default_factory=dict)
    kpts: Grid | None = Field(None, description="null: the preset's, else 1 1 1")
    gamma: bool = Field(False, description="a grid that contains Γ, in place of Monkhorst and Pack's")
    setups: dict[str, str] = Field(description="element → directory of its POTCAR below pp_path, e.g. Cu: Cu_pv")
    pp_path: Path | None = Field(
        None, description="null: potpaw_PBE below that of the variable VASP_PP_PATH at submission"
    )
    command: str = Field("vasp_std", min_length=1, description="with its launcher, e.g. srun vasp_std")
    version: str | None = Field(None, description="the version to insist on, e.g. 6.4.2; enters the settings' hash")
    keep_scratch: bool = Field(False, description="keep densities and wave functions of points that succeeded")


class DftPlugin(PluginSpec, SinglePointSpec):
    """A DFT code that another package brings."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    room: ClassVar[str] = "dft"
    builtin: ClassVar[tuple[str, ...]] = ("emt", "gpaw", "espresso", "vasp", "ase")


DftSpec = Annotated[
    Annotated[EmtSpec, Tag("emt")]
    | Annotated[GpawSpec, Tag("gpaw")]
    | Annotated[AseSpec, Tag("ase")]
    | Annotated[EspressoSpec, Tag("espresso")]
    | Annotated[VaspSpec, Tag("vasp")]
    | Annotated[DftPlugin, Tag("plugin")],
    by_kind(DftPlugin),
]


def beside(dft: DftSpec, directory: Path) -> DftSpec:
    """``dft`` with its relative paths taken from ``directory``, where the run file lies; ``~`` is the user's home."""
    if isinstance(dft, EspressoSpec) and dft.pseudo_dir is not None:
        return dft.model_copy(update={"pseudo_dir": (directory / dft.pseudo_dir.expanduser()).resolve()})
    if isinstance(dft, VaspSpec) and dft.pp_path is not None:
        return dft.model_copy(update={"pp_path": (directory / dft.pp_path.expanduser()).resolve()})
    return dft


def resolved(dft: DftSpec, environment: Mapping[str, str] = os.environ) -> DftSpec:
    """``dft`` with what it leaves to the environment filled in.

    The one place where DFT settings come from the environment, asked once, where a run is submitted: its workers,
    whose environments may differ, then use the same files. ``ESPRESSO_PSEUDO`` and ``VASP_PP_PATH`` are read.
    """
    if isinstance(dft, EspressoSpec) and dft.pseudo_dir is None and environment.get("ESPRESSO_PSEUDO"):
        return dft.model_copy(update={"pseudo_dir": Path(environment["ESPRESSO_PSEUDO"]).resolve()})
    if isinstance(dft, VaspSpec) and dft.pp_path is None and environment.get("VASP_PP_PATH"):
        return dft.model_copy(update={"pp_path": Path(environment["VASP_PP_PATH"]).resolve() / "potpaw_PBE"})
    return dft
