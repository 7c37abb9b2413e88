"""Whose turn it is among a campaign's members: a pure function of what they do and of what is left to spend.

Members of one group (the same bulk and the same adsorbate) learn from each other, so they begin in waves of 1, 2, 4, …:
a wave waits for the one before it. A teacher that has stopped, or is held or paused, keeps nobody waiting.

With a budget of DFT calls, a run begins only while what is under way is expected to leave enough for it. Where the
budget does not suffice for what is under way, those nearest to their end go on, and the others are held.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from al_workflows.campaign.states import Limits, MemberState

#: DFT calls of a run before one of the campaign has ended
USUAL_CALLS = 8.0
#: why a member waits
TEACHER = "it waits for members of its bulk and adsorbate that teach it"
TURN = "as many runs are under way as the campaign allows"
BUDGET = "the campaign's DFT budget is spent or set aside for what is under way"


@dataclass(frozen=True)
class Entry:
    """A member that has not ended, as the schedule sees it.

    ``group`` is what it shares with those that teach it, ``wave`` (:func:`wave_of`) its place there. ``calls`` are the
    DFT calls of its run so far, ``fmax`` and ``target`` (eV/Å) how near to its end that is, ``above_best`` (eV) how far
    its energy lies above the best of its kind, ``uncertainty`` (eV/Å) that of the last structures asked for.
    """

    key: str
    state: MemberState
    group: str
    order: int
    wave: int = 0
    priority: int = 0
    calls: int = 0
    fmax: float | None = None
    target: float | None = None
    above_best: float | None = None
    uncertainty: float | None = None


@dataclass(frozen=True)
class Turn:
    """What is to be done: members to begin (in this order), to hold (with the reason) and to let go on.

    ``waiting`` says why the others wait. ``look_again``: so many DFT calls spent before this can change by spending
    alone; None without a budget.
    """

    begin: tuple[str, ...] = ()
    hold: Mapping[str, str] = field(default_factory=dict)
    release: tuple[str, ...] = ()
    waiting: Mapping[str, str] = field(default_factory=dict)
    look_again: int | None = None


def wave_of(position: int) -> int:
    """The wave of the group's member number ``position`` (from 0): waves hold 1, 2, 4, … members."""
    return (position + 1).bit_length() - 1


def calls_to_go(entry: Entry, usual: float) -> float:
    """DFT calls that a run is expected to need still: at least 1, by its forces where they are near the target."""
    left = max(usual - entry.calls, 1.0)
    if entry.fmax is None or not entry.target:
        return left
    return max(1.0, min(left, 1.0 + math.log2(max(entry.fmax / entry.target, 1.0))))


def decide(entries: Sequence[Entry], limits: Limits, spent: int = 0, usual: float | None = None) -> Turn:
    """Whose turn it is.

    Parameters
    ----------
    entries
        Members without a verdict; those that are paused, cancelled or stopped may be among them and count for nothing.
    spent
        DFT calls of the campaign so far.
    usual
        DFT calls of a whole run, on average over those that ended; None before the first.
    """
    usual = USUAL_CALLS if usual is None else max(usual, 1.0)
    left = math.inf if limits.dft_calls is None else max(limits.dft_calls - spent, 0)
    going, resting, need = _affordable(entries, left, usual)
    slots = math.inf if limits.at_once is None else limits.at_once - sum(e.state is _UNDER_WAY for e in going)
    release = [e for e in going if e.state is MemberState.HELD][: max(0, int(min(slots, len(going))))]
    going = [e for e in going if e.state is _UNDER_WAY] + release
    hold = {e.key: f"{BUDGET} ({spent} of {limits.dft_calls} calls)" for e in resting if e.state is _UNDER_WAY}
    waiting = [entry for entry in entries if entry.state is MemberState.WAITING]
    begin: list[str] = []
    why: dict[str, str] = {}
    if resting:  # what is under way comes first
        why = {entry.key: BUDGET for entry in waiting}
    else:
        room = _Room(slots - len(release), left - need, usual, idle=not going)
        begin, why = _begun(waiting, going, room, limits)
        need += usual * len(begin)
    look_again = None if limits.dft_calls is None else max(spent + 1, math.floor(limits.dft_calls - need))
    return Turn(tuple(begin), hold, tuple(e.key for e in release), why, look_again)


_UNDER_WAY = MemberState.UNDER_WAY


def _affordable(entries: Sequence[Entry], left: float, usual: float) -> tuple[list[Entry], list[Entry], float]:
    """What is under way or held: what can go on, what cannot, and the DFT calls that the former will need."""
    going: list[Entry] = []
    resting: list[Entry] = []
    need = 0.0
    begun = [entry for entry in entries if entry.state in (_UNDER_WAY, MemberState.HELD)]
    for entry in sorted(begun, key=lambda entry: _nearness(entry, usual)):
        more = calls_to_go(entry, usual)
        if need + more <= left or (not going and left >= 1):
            going.append(entry)
            need += more
        else:
            resting.append(entry)
    return going, resting, need


def _nearness(entry: Entry, usual: float) -> tuple[float, bool, float, float, int]:
    """Nearest to its end first, then what runs already, the most promising, the most uncertain, in the given order."""
    above = math.inf if entry.above_best is None else entry.above_best
    return (
        round(calls_to_go(entry, usual), 1),
        entry.state is not _UNDER_WAY,
        above,
        -(entry.uncertainty or 0.0),
        entry.order,
    )


@dataclass
class _Room:
    """What may begin: so many runs, as long as there are calls for each; one if nothing else is going on."""

    slots: float
    calls: float
    usual: float
    idle: bool

    def why_not(self) -> str | None:
        """Take a place; why there is none."""
        if self.slots < 1:
            return TURN
        if self.calls < self.usual and not (self.idle and self.calls >= 1):
            return BUDGET
        self.slots -= 1
        self.calls -= self.usual
        self.idle = False
        return None


def _begun(
    waiting: Sequence[Entry], going: Sequence[Entry], room: _Room, limits: Limits
) -> tuple[list[str], dict[str, str]]:
    """Who begins, in order, and why the others wait."""
    first = _first_waves([*waiting, *going])
    free, taught = list[Entry](), list[Entry]()
    for entry in waiting:
        (taught if limits.waves and entry.wave > first[entry.group] else free).append(entry)
    begin: list[str] = []
    why: dict[str, str] = {}
    running = Counter(entry.group for entry in going)
    for entry in _in_turn(free, running, _urgency(taught)):
        reason = next(iter(why.values()), None) or room.why_not()
        if reason is None:
            begin.append(entry.key)
        else:
            why[entry.key] = reason
    for entry in sorted(taught, key=lambda entry: (entry.wave, -entry.priority, entry.order)):
        idle = not why and len(begin) + len(going) < limits.at_least
        reason = room.why_not() if idle else TEACHER
        if reason is None:
            begin.append(entry.key)
        else:
            why[entry.key] = reason
    return begin, why


def _first_waves(entries: Iterable[Entry]) -> dict[str, int]:
    """The earliest unfinished wave of each group."""
    first: dict[str, int] = {}
    for entry in entries:
        first[entry.group] = min(entry.wave, first.get(entry.group, entry.wave))
    return first


def _urgency(taught: Sequence[Entry]) -> dict[str, int]:
    """The highest priority among those who wait for their group's teachers, which are as urgent as that."""
    highest: dict[str, int] = {}
    for entry in taught:
        highest[entry.group] = max(entry.priority, highest.get(entry.group, entry.priority))
    return highest


def _in_turn(free: Sequence[Entry], running: Counter[str], urgency: Mapping[str, int]) -> Iterable[Entry]:
    """The most urgent first; among equals the group of which the fewest are under way."""
    by_group: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in sorted(free, key=lambda entry: (-entry.priority, entry.order), reverse=True):
        by_group[entry.group].append(entry)

    def rank(group: str) -> tuple[int, int, int, int, str]:
        head = by_group[group][-1]
        return -max(head.priority, urgency.get(group, head.priority)), running[group], head.wave, head.order, group

    heap = [rank(group) for group in by_group]
    heapq.heapify(heap)
    while heap:
        group = heapq.heappop(heap)[-1]
        yield by_group[group].pop()
        running[group] += 1
        if by_group[group]:
            heapq.heappush(heap, rank(group))
