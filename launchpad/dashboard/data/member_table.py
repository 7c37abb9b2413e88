"""The table of a campaign's members: filtered, sorted and turned by what the address says, all in this process.

Nothing of an address gets into a query: the members are read whole (:mod:`.members`), and kept while nothing changes.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from launchpad.dashboard.data.members import MemberRow, Members

PAGE_SIZE = 100
#: keys of an address that are no tag's; a tag of such a name is found by the text in a member's key alone
OWN = ("q", "state", "role", "sort", "page")
#: how many different values a tag may have to be chosen from a list
CHOICES = 500

Value = str | float | datetime.datetime | None

#: what `?sort=` sorts by
COLUMNS: Mapping[str, Callable[[MemberRow], Value]] = {
    "order": lambda row: row.order,
    "member": lambda row: row.outcome.key,
    "state": lambda row: row.outcome.state.value,
    "role": lambda row: row.outcome.role.value,
    "run": lambda row: row.outcome.run,
    "calls": lambda row: row.outcome.calls,
    "cycles": lambda row: row.cycles,
    "fmax": lambda row: row.outcome.fmax,
    "target": lambda row: row.target,
    "energy": lambda row: row.outcome.energy,
    "adsorption": lambda row: row.entry.adsorption_energy,
    "barrier": lambda row: row.barrier,
    "ended": lambda row: row.ended,
    "reason": lambda row: row.outcome.reason or None,
}


@dataclass(frozen=True)
class Wanted:
    """Which members: ``text`` within the key, and values of state, role and tags by name."""

    text: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether some may be left out."""
        return bool(self.text or self.values)


@dataclass(frozen=True)
class Choice:
    """A list to choose from: values with how many members would be shown, as all else is chosen."""

    name: str
    chosen: str
    options: Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Found:
    """Members that fit, sorted; ``choices`` by which fewer would."""

    rows: Sequence[MemberRow]
    choices: Sequence[Choice]


def wanted(query: Mapping[str, str], tags: Sequence[str]) -> Wanted:
    """What an address asks for; keys that are no filter's are nobody's."""
    names = ("state", "role", *(tag for tag in tags if tag not in OWN))
    values = {name: query[name][:200] for name in names if query.get(name)}
    return Wanted(query.get("q", "").strip()[:200], values)


def find_members(members: Members, want: Wanted, sort: str, down: bool) -> Found:
    """The members that fit, and what could be chosen besides; a column's empty places come last either way."""
    names = ("state", "role", *(tag for tag in members.tags if tag not in OWN))
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    fitting, text, conditions = [], want.text.casefold(), list(want.values.items())
    for row in members.rows:
        outcome = row.outcome
        if text and text not in outcome.key.casefold():
            continue
        missed = [name for name, value in conditions if _value(row, name) != value]
        if not missed:
            fitting.append(row)
        elif len(missed) == 1:  # it would be shown if only this were not asked
            counts[missed[0]][_value(row, missed[0])] += 1
    for name in names:
        counts[name].update(_values(fitting, name))
    choices = [_choice(name, counts[name], want.values.get(name, "")) for name in names]
    return Found(_sorted(fitting, sort, down), [one for one in choices if one is not None])


def _value(row: MemberRow, name: str) -> str:
    outcome = row.outcome
    if name == "state":
        return outcome.state.value
    return outcome.role.value if name == "role" else outcome.tags.get(name, "")


def _values(rows: Sequence[MemberRow], name: str) -> list[str]:
    if name in OWN:
        return [_value(row, name) for row in rows]
    return [row.entry.outcome.tags.get(name, "") for row in rows]


def _choice(name: str, counts: Counter[str], chosen: str) -> Choice | None:
    options = {value: number for value, number in counts.items() if value}
    if chosen:
        options.setdefault(chosen, 0)
    if not chosen and (len(counts) < 2 or len(options) > CHOICES):
        return None  # nothing to choose, or too much
    return Choice(name, chosen, sorted(options.items(), key=lambda one: _natural(one[0])))


def _natural(value: str) -> tuple[bool, float, str]:
    try:
        return False, float(value), value
    except ValueError:
        return True, 0.0, value


def _sorted(rows: Sequence[MemberRow], sort: str, down: bool) -> list[MemberRow]:
    of = COLUMNS[sort]
    known = [(value, row) for row in rows if (value := of(row)) is not None]
    known.sort(key=lambda one: one[0], reverse=down)
    return [row for _, row in known] + [row for row in rows if of(row) is None]
