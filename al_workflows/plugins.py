"""Variants that other packages bring: found by entry point, with no edit here.

A package that offers the query strategy `newest` says in its own setup.cfg ::

    [options.entry_points]
    al_workflows.queries =
        newest = my_package.strategies:Newest

and a run file asks for it by ``query: {kind: newest, …}``. What the entry point names is a class with

- ``Settings``: a pydantic model of its keys in the run file (:class:`PluginSettings` is a good base), and
- ``__init__(self, settings)``,

that offers what its room's Protocol asks for:

=================== ============================== ==========================================
entry-point group   key of the run file            Protocol
=================== ============================== ==========================================
``…simulations``    ``simulation``                 :class:`al_workflows.simulations.Simulation`
``…queries``        ``query``                      :class:`al_workflows.queries.Query`
``…criteria``       ``termination.criteria`` (list) :class:`al_workflows.termination.Criterion`
``…priors``         ``potential.prior``            :class:`al_workflows.potential.priors.plugin.BroughtPrior`
``…dft``            ``dft``                        :class:`al_workflows.dft.backend.Backend`
=================== ============================== ==========================================

Plug-ins run in every worker, so their package must be installed wherever workers are.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Discriminator, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class PluginSettings(BaseModel):
    """A plug-in's keys in a run file: frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    kind: str


def names(room: str) -> list[str]:
    """The kinds that installed packages bring to ``room`` (``queries``, …), sorted."""
    return sorted({point.name for point in entry_points(group=f"al_workflows.{room}")})


def find(room: str, kind: str) -> Any:
    """The class that an installed package brings to ``room`` under the name ``kind``.

    Raises
    ------
    ValueError
        No installed package does.
    """
    for point in entry_points(group=f"al_workflows.{room}", name=kind):
        return point.load()
    raise ValueError(f"no installed package brings the kind {kind!r} (entry points of al_workflows.{room})")


class PluginSpec(BaseModel):
    """The part of a run file that a plug-in answers: ``kind`` and the plug-in's own keys.

    ``room`` is where the plug-in belongs; ``builtin`` are the kinds that need none.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    room: ClassVar[str]
    builtin: ClassVar[tuple[str, ...]] = ()
    kind: str

    @model_validator(mode="after")
    def _known_to_the_plugin(self) -> PluginSpec:
        if self.kind not in names(self.room):
            known = ", ".join([*self.builtin, *names(self.room)])
            raise ValueError(f"must have one of these kinds: {known or 'none is installed'}")
        try:
            self.settings()
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in problem["loc"])
            raise ValueError(
                f"must fit the plug-in {self.kind!r}, which says of `{where}`: {problem['msg']}"
            ) from error
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Any keys, as the plug-in may have them, but no kind that is built in."""
        found = handler.resolve_ref_schema(handler(schema))
        found["properties"]["kind"] = {"type": "string", "not": {"enum": list(cls.builtin)}}
        return found

    def own(self) -> dict[str, Any]:
        """The keys that the plug-in reads."""
        return {"kind": self.kind, **(self.model_extra or {})}

    def settings(self) -> BaseModel:
        """The keys as the plug-in's own model."""
        model: type[BaseModel] = find(self.room, self.kind).Settings
        return model.model_validate(self.own())

    def build(self) -> Any:
        """The plug-in, ready for use."""
        return find(self.room, self.kind)(self.settings())


def by_kind(plugin: type[PluginSpec]) -> Discriminator:
    """Chooses the member of a union that answers ``kind``: the built-in of that name, else the plug-in."""

    def variant(value: Any) -> str | None:
        kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
        return kind if kind is None or kind in plugin.builtin else "plugin"

    return Discriminator(variant)


class SimulationPlugin(PluginSpec):
    """A simulation of another package. ``fmax`` (eV/Å), where it has that key, is the target of its DFT forces."""

    room: ClassVar[str] = "simulations"
    builtin: ClassVar[tuple[str, ...]] = ("relaxation", "neb", "md")


class QueryPlugin(PluginSpec):
    """A query strategy of another package."""

    room: ClassVar[str] = "queries"
    builtin: ClassVar[tuple[str, ...]] = (
        "final",
        "random",
        "final_random",
        "final_uncertainty",
        "farthest",
        "parallel",
        "saddle",
        "saddle_ends",
        "uncertainty",
        "mixed",
    )


class CriterionPlugin(PluginSpec):
    """A termination criterion of another package, asked before budget and stall."""

    room: ClassVar[str] = "criteria"


class PriorPlugin(PluginSpec):
    """A prior of another package."""

    room: ClassVar[str] = "priors"
    builtin: ClassVar[tuple[str, ...]] = ("morse", "repulsive", "ase", "sum", "none")
