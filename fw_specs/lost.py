"""How often a Firework was lost (its worker, job or node gone), and who repairs that: one document a launch."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from pymongo.database import Database

from fw_specs.keys import LOSSES

#: s after which a repair that was claimed and not done may be claimed again
CLAIM = 60


def claim(database: Database[dict[str, Any]], launch_id: int, fw_id: int, reason: str, *, outage: bool = False) -> bool:
    """Count the loss of a launch, once however often it is seen; whether the caller is the one to repair it.

    With ``outage`` (a full disk, a database that was away) it is noted, but spends none of the losses that a Firework
    may have.
    """
    seen = {"fw_id": fw_id, "reason": reason} | ({"outage": True} if outage else {})
    database[LOSSES].update_one({"_id": launch_id}, {"$set": seen}, upsert=True)
    free = [
        {"at": {"$exists": False}},
        {"$expr": {"$lt": ["$at", {"$dateSubtract": {"startDate": "$$NOW", "unit": "second", "amount": CLAIM}}]}},
    ]
    mine = database[LOSSES].find_one_and_update({"_id": launch_id, "$or": free}, [{"$set": {"at": "$$NOW"}}])
    return mine is not None


def retract(database: Database[dict[str, Any]], launch_id: int | None) -> None:
    """It was no loss."""
    database[LOSSES].delete_one({"_id": launch_id})


def count(database: Database[dict[str, Any]], fw_id: int) -> int:
    """How often the Firework was lost so far, outages left out."""
    return database[LOSSES].count_documents({"fw_id": fw_id, "outage": {"$ne": True}})


def outages(database: Database[dict[str, Any]], fw_id: int) -> int:
    """How often an outage ended a launch of the Firework so far."""
    return database[LOSSES].count_documents({"fw_id": fw_id, "outage": True})


def seconds_since(database: Database[dict[str, Any]], fw_id: int) -> float | None:
    """Time since its last loss or outage, s; None if there was none."""
    last = database[LOSSES].find_one({"fw_id": fw_id}, {"at": 1}, sort=[("at", -1)])
    if last is None:
        return None
    at: datetime.datetime = last["at"].replace(tzinfo=datetime.UTC)
    return (datetime.datetime.now(datetime.UTC) - at).total_seconds()


def forget(database: Database[dict[str, Any]], fw_ids: Iterable[int]) -> None:
    """Begin to count anew."""
    database[LOSSES].delete_many({"fw_id": {"$in": list(fw_ids)}})
