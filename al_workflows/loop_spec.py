"""The part of a run file that says when DFT is asked: after a whole simulation, or where one stops to ask.

``loop: {kind: online}`` fills in what suits it elsewhere in the file, and refuses what contradicts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from al_workflows.strict import Strict

#: simulations whose state can be gone on from
ONLINE_KINDS = ("relaxation", "md")
#: what other defaults they have then
_DEFAULTS: dict[str, dict[str, Any]] = {"relaxation": {"also_from_start": False}, "md": {"max_uncertainty": None}}


class OfflineSpec(Strict):
    """Each cycle simulates as a whole; then DFT is asked about structures of its trajectory."""

    kind: Literal["offline"] = "offline"


class OnlineSpec(Strict):
    """A cycle's simulation stops where the ensemble is not sure of a force, for DFT to say; the next cycle's goes on
    from there. `query` says what is asked where a simulation comes to its own end."""

    kind: Literal["online"] = "online"
    threshold: PositiveFloat = Field(
        0.05, description="DFT is asked where the force of an atom is less certain than this (standard deviation, eV/Å)"
    )
    apart: float = Field(
        0.05, ge=0, description="but not within this of a label, Å: there it would tell the same once more"
    )
    every: PositiveInt = Field(1, description="steps of dynamics between two looks at the ensemble")
    rollback: PositiveFloat | None = Field(
        3.0,
        description="where DFT's force is off by more than this times what was expected (the threshold at least), the "
        "simulation goes back to the last frame of which the new model is sure; null: never",
    )


LoopSpec = Annotated[OfflineSpec | OnlineSpec, Field(discriminator="kind")]


def with_online_defaults(data: Any) -> Any:
    """A run's ``data`` as it came; of an online one with the defaults that suit that, where it names none."""
    if not isinstance(data, Mapping) or _kind(data.get("loop")) != "online":
        return data
    out, simulation, termination = dict(data), data.get("simulation"), data.get("termination", {})
    if isinstance(simulation, Mapping):
        out["simulation"] = {**_DEFAULTS.get(_kind(simulation) or "", {}), **simulation}
    if isinstance(termination, Mapping):  # a cycle asks once: calls are what is to be bounded
        out["termination"] = {"max_cycles": 1000, **termination}
    return out


def refuse_contradictions(run: Any) -> Any:
    """``run``, a RunSpec; a ValueError if its simulation cannot go on from where it stopped, or is told otherwise."""
    if not isinstance(run.loop, OnlineSpec):
        return run
    simulation = run.simulation
    if simulation.kind not in ONLINE_KINDS:
        raise ValueError(
            f"asks for `loop.kind: online` with `simulation.kind: {simulation.kind}`, but must have one of "
            f"{', '.join(ONLINE_KINDS)}: only these can go on from where they stopped; take `loop.kind: offline`"
        )
    if run.potential.members < 2:
        raise ValueError(
            "asks for `loop.kind: online` with `potential.members` of 1, but must have 2 or more, whose disagreement "
            "is held against `loop.threshold`; raise them"
        )
    if simulation.max_uncertainty is not None:
        raise ValueError(
            f"asks for `loop.kind: online` with `simulation.max_uncertainty` of {simulation.max_uncertainty:g}, which "
            "must be left out: `loop.threshold` says where a simulation stops"
        )
    if simulation.kind == "relaxation" and (simulation.also_from_start or simulation.start_from == "start"):
        key = "also_from_start: true" if simulation.also_from_start else "start_from: start"
        raise ValueError(
            f"asks for `loop.kind: online` with `simulation.{key}`, which must be left out: each cycle goes on from "
            "where the last one stopped"
        )
    if simulation.kind == "md" and simulation.accuracy is None:
        raise ValueError(
            "asks for `loop.kind: online` with `simulation.accuracy: null`, but must have one: a trajectory that was "
            "driven within the threshold has converged only once DFT has confirmed frames of it"
        )
    return run


def _kind(part: Any) -> str | None:
    kind = part.get("kind") if isinstance(part, Mapping) else getattr(part, "kind", None)
    return kind if isinstance(kind, str) else None
