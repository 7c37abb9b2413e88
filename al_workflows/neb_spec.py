"""What a run file says of a path between two structures, and of which images on it DFT is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from al_workflows.strict import Strict


class NebSpec(Strict):
    """The barrier between two structures: a nudged elastic band with a climbing image, on the model.

    Converged when DFT's energy at the model's saddle is the model's and DFT's forces at both ends are small.
    """

    kind: Literal["neb"] = "neb"
    images: int = Field(7, ge=1, le=100, description="between the ends; on the model they cost next to nothing")
    interpolation: Literal["idpp", "linear"] = Field("idpp", description="where the band begins")
    minimum_image: bool = Field(
        True, description="each atom goes the shorter way round; false: from where to where the files say"
    )
    atom_order: Literal["check", "match"] = Field(
        "check", description="match: the final structure's atoms are put in the order that moves them least"
    )
    spring: PositiveFloat = Field(0.1, description="eV/Å²")
    climb: bool = Field(True, description="the highest image climbs to the saddle")
    optimizer: Literal["FIRE", "BFGS", "LBFGS", "MDMin"] = Field("FIRE", description="of the band, from ase.optimize")
    max_steps: PositiveInt = Field(500, description="of the band, and of each end")
    band_fmax: PositiveFloat = Field(0.03, description="the model's band is relaxed to this, eV/Å")
    end_fmax: PositiveFloat = Field(0.05, description="largest DFT force on a free atom at both ends, eV/Å")
    saddle_tolerance: PositiveFloat = Field(
        0.01, description="largest difference of the model's and DFT's energy at the saddle, eV"
    )
    saddle_fmax: PositiveFloat | None = Field(
        0.05, description="largest DFT force on a free atom at the saddle, eV/Å; null: any"
    )
    check_mode: bool = Field(
        False, description="at the saddle, DFT is asked for one structure more: does its energy fall along the mode?"
    )
    trust_radius: PositiveFloat | None = Field(
        0.8,
        description="largest displacement of an atom from the nearest label, or from where the band began, Å; "
        "null: no limit",
    )
    leave_saddles: bool = Field(True, description="an end that is a saddle of the model is followed downhill")


class SaddleQuerySpec(Strict):
    """The saddle and each end that DFT has not found relaxed; the most uncertain image where these are known."""

    kind: Literal["saddle"] = "saddle"


class SaddleEndsQuerySpec(Strict):
    """The saddle and both ends, in every cycle (Shuaibi et al. 2020)."""

    kind: Literal["saddle_ends"] = "saddle_ends"


class UncertaintyQuerySpec(Strict):
    """The ``batch`` frames on which the ensemble disagrees most."""

    kind: Literal["uncertainty"] = "uncertainty"
    batch: PositiveInt = 1


#: kinds of query that make sense of a band alone, and of it as well, beside those of plug-ins
BAND_ALONE, BAND_TOO = ("saddle", "saddle_ends"), ("uncertainty", "random")


def band_problem(simulation: str, query: str | None, final_structure: Path | None) -> str | None:
    """Why the kinds of a run's parts and its final structure do not fit; None if they do, or ``query`` is a plug-in."""
    if simulation == "neb":
        if final_structure is None:
            return "has `simulation.kind: neb` but no `final_structure`; name the file where the path ends"
        if query is not None and query not in (kinds := (*BAND_ALONE, *BAND_TOO)):
            return (
                f"asks for `query.kind: {query}` with `simulation.kind: neb`, but must have one of {', '.join(kinds)}; "
                "leave `query` out for the first"
            )
    elif final_structure is not None:
        return f"has a `final_structure` with `simulation.kind: {simulation}`, but only neb has one; take it out"
    elif query in BAND_ALONE:
        return (
            f"asks for `query.kind: {query}` with `simulation.kind: {simulation}`, but must have `simulation.kind: "
            "neb`, which alone has a saddle; take another kind of query"
        )
    return None
