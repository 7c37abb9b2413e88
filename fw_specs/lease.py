"""Leases in the database: one holder at a time, who renews it, and whose lease runs out if it is gone.

A lease is the field ``lease`` of a document. The database's clock decides, so that the holders' clocks need not agree.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from pymongo.errors import PyMongoError


def take(documents: Any, key: str, owner: str, seconds: float, where: Mapping[str, Any] | None = None) -> bool:
    """Take the lease of the document ``key`` for ``seconds`` if nobody else holds it and ``where`` fits it."""
    free = [
        {"lease": {"$exists": False}},
        {"lease.owner": owner},  # ours: its first holder was lost
        {"$expr": {"$lt": ["$lease.until", "$$NOW"]}},
    ]
    found = documents.find_one_and_update({"_id": key, **(where or {}), "$or": free}, _until(owner, seconds))
    return found is not None


def give_back(documents: Any, key: str, owner: str) -> None:
    """End the lease if ``owner`` holds it."""
    documents.update_one({"_id": key, "lease.owner": owner}, {"$unset": {"lease": 1}})


def holder(documents: Any, key: str) -> str | None:
    """Who holds the lease, or held it last without giving it back."""
    found = documents.find_one({"_id": key}) or {}
    owner = found.get("lease", {}).get("owner")
    return None if owner is None else str(owner)


@contextmanager
def renewed(documents: Any, key: str, owner: str, seconds: float) -> Iterator[None]:
    """Renew the lease while the block runs."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(seconds / 4):
            with suppress(PyMongoError):  # the database is away: the next renewal may be in time
                documents.update_one({"_id": key, "lease.owner": owner}, _until(owner, seconds))

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _until(owner: str, seconds: float) -> list[dict[str, Any]]:
    until = {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": int(1000 * seconds)}}
    return [{"$set": {"lease": {"owner": owner, "until": until}}}]
