"""What `alflow campaign status` shows: campaigns in lines, and as a picture with a bar of their members' states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launchpad.cli.tables import Column, fitted, number

if TYPE_CHECKING:
    from fireworks import LaunchPad
    from rich.console import RenderableType
    from rich.text import Text

    from launchpad.campaign_status import CampaignStatus

NO_CAMPAIGNS = "no campaigns yet: `alflow campaign submit FILE`"
#: what is told apart in the bar: states, style, and character where there are no colours
PARTS = (
    (("CONVERGED",), "green", "█"),
    (("UNDER_WAY",), "cyan", "▓"),
    (("BUDGET_SPENT", "STALLED", "FAILED", "STOPPED", "CANCELLED"), "red", "▒"),
    (("HELD", "PAUSED"), "yellow", "░"),
    (("WAITING",), "dim", "·"),
)


def status_line(found: CampaignStatus) -> str:
    """A campaign in one line."""
    states = ", ".join(f"{many} {state}" for state, many in sorted(found.states.items()))
    limit = found.campaign.limits.dft_calls
    calls = f"{found.calls} DFT calls" + ("" if limit is None else f" (budget {limit}, spent {found.campaign.spent})")
    return f"{found.campaign.name}: {found.members} members: {states or 'none'}; {calls}"


def show_status(found: CampaignStatus) -> None:
    """Print all of the status."""
    campaign = found.campaign
    print(status_line(found))
    print(f"  in {campaign.directory}; steps took {found.seconds / 3600:.2f} h; {found.failed} single points failed")
    for role, states in found.roles.items():
        print(f"  {role}: " + ", ".join(f"{many} {state}" for state, many in sorted(states.items())))
    for why, many in campaign.waiting.items():
        print(f"  {many} wait: {why}")
    for one in found.under_way:
        fmax = "" if one["fmax"] is None else f", fmax {one['fmax']:.3f} (target {one['target']}) eV/Å"
        why = f": {one['reason']}" if one["reason"] else ""
        print(f"  {one['state']}  {one['key']} ({one['run']}): {one['calls']} DFT calls{fmax}{why}")
    for one in found.parked:
        print(f"  {one['state']}  {one['key']} ({one['run']}): {one['reason']}")
    for one in campaign.skipped[:10]:
        print(f"  left out: {one['key']}: {one['why']}")
    if len(campaign.skipped) > 10:
        print(f"  left out: {len(campaign.skipped) - 10} more entries")
    if campaign.trouble:
        print(f"  trouble: {campaign.trouble}")


def look_at(name: str | None) -> Callable[[LaunchPad], CampaignsLook]:
    """How to look at one campaign, or at all."""
    from fw_specs.campaign_store import CampaignStore
    from launchpad.campaign_status import read_status

    def look(launchpad: LaunchPad) -> CampaignsLook:
        names = CampaignStore(launchpad.db).names() if name is None else [name]
        return CampaignsLook([read_status(launchpad, one) for one in names], one=name is not None)

    return look


@dataclass(frozen=True)
class CampaignsLook:
    """Campaigns; ``one``: a single one, in detail."""

    found: Sequence[CampaignStatus]
    one: bool = False

    @property
    def over(self) -> bool:
        """Whether none of them goes on."""
        return all(campaign.over for campaign in self.found)

    def lines(self) -> Mapping[str, str]:
        """A line for each."""
        return {found.campaign.name: status_line(found) for found in self.found} or {"": NO_CAMPAIGNS}

    def draw(self, width: int, height: int) -> Iterator[RenderableType]:
        """A bar for each; of a single one also what is under way and what is parked."""
        from rich.text import Text

        if not self.found:
            yield Text(NO_CAMPAIGNS)
        room = max(1, height // 2)
        for found in self.found[-room:]:
            yield _title(found)
            yield states_bar(found.states, width)
        if len(self.found) > room:
            yield Text(f"and {len(self.found) - room} older campaigns")
        if self.one:
            yield from _details(self.found[0], width, height - 2)


def states_bar(states: Mapping[str, int], width: int) -> Text:
    """Members by state as one bar, with a part for all that there are any of."""
    from rich.text import Text

    text, total = Text(no_wrap=True), max(1, sum(states.values()))
    numbers = [sum(states.get(state, 0) for state in group) for group, _, _ in PARTS]
    there = sum(many > 0 for many in numbers)
    for many, (_, style, sign) in zip(numbers, PARTS, strict=True):
        if many:
            text.append(sign * (1 + (width - there) * many // total), style=style)
    return text


def _title(found: CampaignStatus) -> Text:
    from rich.text import Text

    limit = found.campaign.limits.dft_calls
    calls = f"{found.calls} DFT calls" + ("" if limit is None else f" of {limit}")
    converged = found.states.get("CONVERGED", 0)
    text = Text(found.campaign.name, style="bold", no_wrap=True, overflow="ellipsis")
    said = f"  {converged} of {found.members} CONVERGED, {calls}, {found.failed} failed"
    return text.append(said, style="not bold")


def _details(found: CampaignStatus, width: int, height: int) -> Iterator[RenderableType]:
    from rich.text import Text

    states = ", ".join(f"{many} {state}" for state, many in sorted(found.states.items()))
    said = [states, *(f"{many} wait: {why}" for why, many in found.campaign.waiting.items())]
    said += [f"trouble: {found.campaign.trouble}"] if found.campaign.trouble else []
    yield from (Text(line, no_wrap=True, overflow="ellipsis") for line in said)
    room = height - len(said)
    under_way = list(found.under_way)[: max(1, room - 1 if not found.parked else room * 2 // 3 - 1)]
    if under_way:
        yield _members(under_way, width)
        room -= len(under_way) + 1
    for one in found.parked[: max(0, room)]:
        yield Text(f"{one['state']}  {one['key']}: {one['reason']}", no_wrap=True, overflow="ellipsis")


def _members(found: Sequence[Mapping[str, Any]], width: int) -> RenderableType:
    keys = [str(one["key"]) for one in found]
    columns = [
        Column("member", keys, right=False, ids=keys),
        Column("state", [one["state"] for one in found], right=False, spare=4),
        Column("DFT calls", [str(one["calls"]) for one in found], spare=1),
        Column("fmax (eV/Å)", [number(one["fmax"]) for one in found], spare=2),
        Column("target", ["-" if one["target"] is None else f"{one['target']:g}" for one in found], spare=3),
        Column("energy (eV)", [number(one["energy"]) for one in found], spare=5),
        Column("run", [str(one["run"]) for one in found], right=False, spare=6),
    ]
    return fitted(columns, width)
