"""The settings of each member's run: the campaign's, its kind's, and what overrides say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from al_workflows.campaign.file import Campaign
from al_workflows.campaign.member import Role
from al_workflows.dft.settings import own_settings
from al_workflows.dft.spec import DftSpec
from al_workflows.errors import InputError
from al_workflows.preflight import completed
from al_workflows.spec import NebSpec, RunSpec
from al_workflows.spec_file import parse_spec, settings_beside

#: what each member has of its own
_OWN = ("name", "seed", "structure", "final_structure")
#: settings that follow from the system and not from the method: k-points from the cell, spin from the species
_OF_THE_SYSTEM = frozenset(
    {"kpts", "koffset", "gamma", "kspacing", "kgamma"}
    | {"ispin", "magmom", "nupdown", "nspin", "starting_magnetization", "tot_magnetization", "spinpol"}
)


class FileError(InputError):
    """A part of the campaign's file is wrong whatever it is for: nothing of it is planned."""


class Settings:
    """Gives members their settings; each different one is read and checked once.

    Raises
    ------
    FileError
        ``run`` has what is a member's own, or is no run.
    """

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._known: dict[tuple[str, tuple[int, ...]], RunSpec] = {}
        self._used: set[int] = set()
        parts = {"run": campaign.spec.run} | {
            f"overrides.{n}.run": override.run for n, override in enumerate(campaign.spec.overrides)
        }
        for name, found in (("paths", campaign.spec.paths), ("dynamics", campaign.spec.dynamics)):
            if found is not None:
                parts[f"{name}.run"] = found.run
        for where, part in parts.items():
            for key in _OWN:
                if key in part:
                    raise FileError(f"`{where}.{key}` is each member's own; take it out of the campaign's file")
        kind = self.of(Role.ADSORPTION, {}).simulation.kind
        if kind in ("neb", "md"):
            raise FileError(
                f"`run.simulation.kind` is {kind} but must be one that relaxes; `paths:` makes barriers and "
                "`dynamics:` "
                "dynamics, each with a `run:` of its own"
            )
        for role, section in ((Role.PATH, campaign.spec.paths), (Role.DYNAMICS, campaign.spec.dynamics)):
            if section is not None:
                self.of(role, {})

    def of(self, role: Role, tags: Mapping[str, str]) -> RunSpec:
        """The settings of a member of these tags, ``role`` and ``key`` among them, without what is its own.

        Raises
        ------
        FileError
            They are no run's; the message names the overrides in them.
        """
        chosen = self._chosen(tags)
        self._used.update(chosen)
        known = (_family(role), chosen)
        if known not in self._known:
            self._known[known] = self._read(role, chosen)
        return self._known[known]

    def priority(self, tags: Mapping[str, str]) -> int:
        """Of the last override that selects the member and has one; 0 without any."""
        overrides = self._campaign.spec.overrides
        found = [priority for n in self._chosen(tags) if (priority := overrides[n].priority) is not None]
        return found[-1] if found else 0

    def unused(self) -> tuple[int, ...]:
        """Numbers of the overrides that no member has asked for.

        Raises
        ------
        FileError
            One of them would fit none of the kinds of run.
        """
        unused = tuple(n for n in range(len(self._campaign.spec.overrides)) if n not in self._used)
        for n in unused:
            problems = []
            for role in (Role.ADSORPTION, Role.PATH, Role.DYNAMICS):
                try:
                    self._read(role, (n,))
                except FileError as error:
                    problems.append(error)
            if len(problems) == 3:
                raise problems[0]
        return unused

    def _chosen(self, tags: Mapping[str, str]) -> tuple[int, ...]:
        if not tags:
            return ()
        return tuple(n for n, one in enumerate(self._campaign.spec.overrides) if one.where.selects(tags))

    def _read(self, role: Role, chosen: tuple[int, ...]) -> RunSpec:
        spec = self._campaign.spec
        data = {"sharing": {}} | spec.run  # members learn from each other, unless it says `sharing: null`
        if role in (Role.PATH, Role.DYNAMICS):
            section = spec.paths if role is Role.PATH else spec.dynamics
            data = {key: value for key, value in data.items() if key not in ("simulation", "query", "loop")}
            data["simulation"] = {"kind": "neb" if role is Role.PATH else "md"}
            data = merged(data, section.run if section is not None else {})
        elif role is Role.MOLECULE and data.get("simulation", {}).get("kind", "relaxation") == "relaxation":
            # they begin near their minima; to turn a molecule is a mode of no curvature, about which DFT would be asked
            data["simulation"] = {"kind": "relaxation", "confirm_minimum": "never", **data.get("simulation", {})}
        elif "simulation" not in data:
            data["simulation"] = {"kind": "relaxation"}
        for n in chosen:
            data = merged(data, spec.overrides[n].run)
        data |= {"name": spec.name, "structure": "member.extxyz"}
        if role is Role.PATH:
            data["final_structure"] = "member-final.extxyz"
        source = " with ".join([self._name(role), *(f"overrides.{n}" for n in chosen)])
        try:
            found = completed(settings_beside(parse_spec(data, source), self._campaign.directory))
        except InputError as error:
            raise FileError(str(error)) from error
        if isinstance(found.simulation, NebSpec):
            # paths are written as they are meant, beyond the cell where need be
            simulation = found.simulation.model_copy(update={"minimum_image": False})
            found = found.model_copy(update={"simulation": simulation})
        return found

    def _name(self, role: Role) -> str:
        return {"paths": "`paths.run` over `run`", "dynamics": "`dynamics.run` over `run`"}.get(_family(role), "`run`")


def _family(role: Role) -> str:
    """Roles that begin from the same part of the file."""
    return {Role.PATH: "paths", Role.DYNAMICS: "dynamics", Role.MOLECULE: "molecules"}.get(role, "run")


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``below`` with the values of ``above`` put over it, key by key; a section of another ``kind`` replaces it."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and value.get("kind", old.get("kind")) == old.get("kind"):
            result[key] = merged(old, value)
        else:
            result[key] = value
    return result


def bulk_dft(campaign: Campaign) -> DftSpec:
    """The DFT settings of equations of state: ``eos.dft`` over ``run.dft``.

    Raises
    ------
    InputError
        They are none, or differ from the members' in more than k-points and spin.
    """
    base = {"name": campaign.spec.name, "structure": "bulk.extxyz", "simulation": {"kind": "relaxation"}}
    data = {**base, "dft": campaign.spec.run.get("dft", {})}
    ours, theirs = (
        completed(settings_beside(parse_spec(one, source), campaign.directory)).dft
        for one, source in ((merged(data, {"dft": campaign.spec.eos.dft}), "`eos.dft` over `run`"), (data, "`run`"))
    )
    difference = differing(ours, theirs, one_cell=False)
    if difference is not None:
        raise InputError(
            f"`eos.dft` changes {difference} but may change k-points and spin alone; take the rest out of it"
        )
    return ours


def differing(one: DftSpec, other: DftSpec, one_cell: bool) -> str | None:
    """What two DFT settings differ in, as to be read; None if their energies may be compared.

    Parameters
    ----------
    one_cell
        Whether both are of a structure in one cell, with and without an adsorbate: then k-points and spin count too.
    """
    if one.kind != other.kind:
        return f"dft.kind ({one.kind}, {other.kind})"
    ours, theirs = _flat(own_settings(one)), _flat(own_settings(other))
    for name in sorted(ours.keys() | theirs.keys()):
        if not one_cell and _OF_THE_SYSTEM & {part.partition("(")[0].lower() for part in name.split(".")}:
            continue
        if ours.get(name) != theirs.get(name):
            return f"dft.{name} ({ours.get(name)!r}, {theirs.get(name)!r})"
    return None


def grid_of(dft: DftSpec) -> tuple[int, ...] | None:
    """The k-points along each axis, where the settings say just that."""
    flat = _flat(own_settings(dft))
    for name in ("kpts", "parameters.kpts", "parameters.kpts.size", "arguments.kpts", "arguments.kpts.size"):
        value = flat.get(name)
        if isinstance(value, list | tuple) and len(value) == 3 and all(isinstance(one, int) for one in value):
            return tuple(value)
    return None


def _flat(data: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return flat
