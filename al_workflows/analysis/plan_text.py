"""A campaign's plan as text, and as values of JSON."""

from __future__ import annotations

from collections import Counter
from typing import Any

from al_workflows.campaign.member import Member, Role
from al_workflows.campaign.plan import Plan, Skipped

#: DFT calls of one run: of relaxations from the shipped example, whose adsorbates begin where they bind, to the highest
#: median of docs/benchmarks/drawn.md; of paths neb.md and docs/real-dft, of dynamics md.md and md-others.md
MEASURED = {"relaxation": (3, 18), "neb": (7, 17), "md": (11, 35)}
#: slabs, and causes, of which text shows lines
SHOWN = 20
#: keys that are shown for one cause
KEYS = 3


def plan_text(plan: Plan) -> str:
    """What would be made, what is left out as equal, what cannot be made and why; a line each."""
    counts = ", ".join(f"{number:,} {_ROLES[role][number > 1]}" for role, number in plan.roles.items())
    lines = [f"campaign {plan.name}: {_number(len(plan.members), 'member')}" + (f": {counts}" if counts else "")]
    if plan.members:
        sizes = [len(member.start) for member in plan.members]
        lines.append(f"  {_range(min(sizes), max(sizes))} atoms; elements {', '.join(_elements(plan))}")
        lines += _slabs(plan)
        lines.append(f"  at most {plan.max_dft_calls:,} DFT calls: the sum of `termination.max_dft_calls`")
        expected = expected_calls(plan)
        if expected is not None:
            lines.append(
                f"  some {_range(*expected)} by what runs took elsewhere, mostly on EMT (3 to 18 a relaxation, "
                "7 to 17 a path, 11 to 35 for dynamics: docs/campaigns.md); what members share comes off"
            )
    equal = {what: number for what, number in plan.duplicates.items() if number}
    if equal:
        lines.append(
            "  made once, as equal by symmetry: "
            + ", ".join(_number(number, what[:-1]) for what, number in equal.items())
        )
    if plan.skipped:
        lines.append(f"  left out, as they cannot be made: {_number(len(plan.skipped), 'entry', 'entries')}")
        lines += [f"    {line}" for line in _causes(plan.skipped)]
    lines += [f"  remark: {remark}" for remark in plan.remarks]
    return "\n".join(lines)


def plan_record(plan: Plan) -> dict[str, Any]:
    """The plan in the types of JSON: totals, each member without its atoms, all that is skipped."""
    expected = expected_calls(plan)
    return {
        "name": plan.name,
        "roles": {role.value: number for role, number in plan.roles.items()},
        "max_dft_calls": plan.max_dft_calls,
        "expected_dft_calls": list(expected) if expected is not None else None,
        "duplicates": dict(plan.duplicates),
        "skipped": [{"key": one.key, "why": one.why} for one in plan.skipped],
        "remarks": list(plan.remarks),
        "members": [_member(member) for member in plan.members],
    }


def expected_calls(plan: Plan) -> tuple[int, int] | None:
    """DFT calls from :data:`MEASURED`; None where a kind of simulation is not measured. A lone atom takes one."""
    low, high = 0, 0
    for member in plan.members:
        least, most = MEASURED.get(member.spec.simulation.kind, (0, 0)) if len(member.start) > 1 else (1, 1)
        if not most:
            return None
        limit = member.spec.termination.max_dft_calls
        low, high = low + min(least, limit), high + min(most, limit)
    return low, high


def _member(member: Member) -> dict[str, Any]:
    return {
        "key": member.key,
        "role": member.role.value,
        "run": member.run,
        "formula": member.start.get_chemical_formula(),
        "atoms": len(member.start),
        "tags": dict(member.tags),
        "references": dict(member.references),
        "simulation": member.spec.simulation.kind,
        "max_dft_calls": member.spec.termination.max_dft_calls,
        "priority": member.priority,
        "seed": member.spec.seed,
    }


_ROLES = {
    Role.ADSORPTION: ("adsorption", "adsorptions"),
    Role.SLAB: ("clean slab", "clean slabs"),
    Role.MOLECULE: ("gas-phase species", "gas-phase species"),
    Role.PATH: ("path", "paths"),
    Role.DYNAMICS: ("dynamics", "dynamics"),
}


def _slabs(plan: Plan) -> list[str]:
    """A line for each slab: its cell and what is made of it."""
    members: dict[str, list[Member]] = {}
    for member in plan.members:
        if "bulk" in member.tags:
            name = f"{member.tags['bulk']}-{member.tags['miller']}-t{member.tags['termination']}"
            members.setdefault(name, []).append(member)
    lines = []
    for name, own in list(members.items())[:SHOWN]:
        roles = Counter(member.role for member in own)
        clean = min((member.start for member in own), key=len)
        lengths = " × ".join(f"{length:.2f}" for length in clean.cell.lengths()[:2])
        what = ", ".join(f"{roles[role]} {_ROLES[role][roles[role] > 1]}" for role in Role if roles[role])
        fixed = sum(len(constraint.index) for constraint in clean.constraints)
        lines.append(f"  {name}: {len(clean)} atoms, {fixed} fixed, {lengths} Å, {what}{_sites(own)}")
    if len(members) > SHOWN:
        lines.append(f"  … and {_number(len(members) - SHOWN, 'slab')} more")
    return lines


def _sites(members: list[Member]) -> str:
    places: dict[str, list[str]] = {}
    for member in members:
        if member.role is Role.ADSORPTION and (site := member.tags["site"]) not in places.setdefault(
            member.tags["adsorbate"], []
        ):
            places[member.tags["adsorbate"]].append(site)
    groups: dict[str, list[str]] = {}
    for adsorbate, sites in places.items():
        groups.setdefault(" ".join(sites), []).append(adsorbate)
    text = "; ".join(f"{' '.join(adsorbates)} on {sites}" for sites, adsorbates in groups.items())
    return f": {text}" if text else ""


def _causes(skipped: tuple[Skipped, ...]) -> list[str]:
    """A line for each cause, the most frequent first."""
    causes: dict[str, list[str]] = {}
    for one in skipped:
        causes.setdefault(one.why, []).append(one.key)
    ordered = sorted(causes.items(), key=lambda cause: -len(cause[1]))
    lines = []
    for why, keys in ordered[:SHOWN]:
        more = f" and {len(keys) - KEYS} more" if len(keys) > KEYS else ""
        lines.append(f"{', '.join(keys[:KEYS])}{more}: {why}")
    if len(ordered) > SHOWN:
        lines.append(f"… and {_number(len(ordered) - SHOWN, 'cause')} more; `--json` has all")
    return lines


def _elements(plan: Plan) -> list[str]:
    return sorted({symbol for member in plan.members for symbol in member.start.symbols.formula.count()})


def _number(number: int, what: str, several: str | None = None) -> str:
    return f"{number:,} {what if number == 1 else several or what + 's'}"


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
