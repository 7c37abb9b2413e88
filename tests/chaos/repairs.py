"""How each fault was repaired, and how long that took: read from the states of the Fireworks that it hit."""

from __future__ import annotations

import re
from collections import Counter
from statistics import median
from typing import Any

from tests.chaos.faults import Strike
from tests.chaos.world import World, documents

ON_ITS_OWN = "the same launch went on"
#: what the supervisor says that it did
REPAIRS = ("put back", "run again", "brought up to date", "what it left in its directory was taken in")


def look(world: World, strikes: list[Strike], executor: Any) -> None:
    """Note of every victim that is done, or runs again in another launch, when that was seen, and how it came."""
    open_ = [strike for strike in strikes if len(strike.repaired) < len(strike.victims)]
    ids = [victim.fw_id for strike in open_ for victim in strike.victims]
    if not ids:
        return
    shown = {"fw_id": 1, "state": 1, "launches": 1}
    found = {fw["fw_id"]: fw for fw in documents(world.launchpad.fireworks, {"fw_id": {"$in": ids}}, shown)}
    for strike in open_:
        for victim in strike.victims:
            firework = found.get(victim.fw_id)
            if victim.fw_id in strike.repaired or firework is None:
                continue
            same = victim.launch_id in firework["launches"]
            if firework["state"] == "COMPLETED" or (firework["state"] == "RUNNING" and not same):
                how = ON_ITS_OWN if same else _how(victim.fw_id, strike, executor)
                strike.repaired[victim.fw_id] = (world.seconds - strike.over, how)


def _how(fw_id: int, strike: Strike, executor: Any) -> str:
    """What was said of the Firework since the fault, by who keeps the runs or else by its worker."""
    its = re.compile(rf"(fw_id|Firework) {fw_id}\b")
    lines = [line for line in executor.log()[strike.log_length :].splitlines() if its.search(line)]
    if lines:
        said = lines[-1].rpartition("; ")[2].strip()
        return f"{said if said in REPAIRS else 'run again'} by {executor.name}"
    if any(its.search(line) for line in executor.workers_log().splitlines() if "ready again" in line):
        return "given back by its worker"
    return f"run again by {executor.name}"


def rows(strikes: list[Strike]) -> list[tuple[str, ...]]:
    """The table: a row for each kind of fault."""
    kinds: dict[str, list[Strike]] = {}
    for strike in strikes:
        kinds.setdefault(strike.kind, []).append(strike)
    table = []
    for kind, some in sorted(kinds.items()):
        hit = sum(len(strike.victims) for strike in some)
        repaired = [one for strike in some for one in strike.repaired.values()]
        # a fault is repaired when the last Firework that it hit goes on
        whole = [one for one in some if one.victims and len(one.repaired) == len(one.victims)]
        times = [max(seconds for seconds, _ in strike.repaired.values()) for strike in whole]
        how = Counter(words for _, words in repaired)
        table.append(
            (
                kind,
                str(len(some)),
                f"{len(repaired)}/{hit}",
                "; ".join(f"{words} {number}" for words, number in how.most_common()) or "—",
                f"{max(0.0, median(times)):.0f}" if times else "—",
                f"{max(0.0, *times):.0f}" if times else "—",
            )
        )
    return table


def unrepaired(strikes: list[Strike]) -> list[str]:
    """Faults whose victims neither ended nor were run again."""
    return [
        f"{strike.kind}: {victim.name} (fw_id {victim.fw_id}) was not seen to go on"
        for strike in strikes
        for victim in strike.victims
        if victim.fw_id not in strike.repaired
    ]


def drawn(directories: list[Any]) -> Counter[str]:
    """The failures that DFT drew, by kind, from what the attempts left."""
    found = [path.read_text() for directory in directories for path in directory.glob("*/*/attempt_*/fate")]
    return Counter(kind for kind in found if kind)  # nothing could be written on a full disk
