"""Campaigns in MongoDB: their limits, what they have cost, and how the last look at them went."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pymongo import ASCENDING, ReturnDocument
from pymongo.database import Database

from al_workflows.campaign.states import Limits
from al_workflows.errors import InputError
from fw_specs.keys import CAMPAIGNS
from fw_specs.member_store import Document as Document
from fw_specs.member_store import MemberStore


@dataclass(frozen=True)
class StoredCampaign:
    """A campaign: its runs' directories lie below ``directory``. ``spent``: DFT calls at the last look.

    ``waiting`` counts the members that wait by their reason; ``trouble`` is the last error of whoever looked after it,
    empty if the last look went well. ``skipped`` are entries that the campaign's file describes and its plan left out,
    with the reason. ``reference`` is what plain DFT took for some members, once that was asked
    (:meth:`CampaignStore.put_reference`).
    """

    name: str
    directory: Path
    limits: Limits
    created: datetime.datetime
    spent: int
    waiting: Mapping[str, int]
    trouble: str
    skipped: Sequence[Any]
    reference: Mapping[str, Any] | None = None


class CampaignStore(MemberStore):
    """The project's collections of campaigns in the database of a LaunchPad."""

    def __init__(self, database: Database[Document]) -> None:
        super().__init__(database)
        #: also the documents of the campaigns' leases
        self.campaigns = database[CAMPAIGNS]

    # --- campaigns ------------------------------------------------------------------------------------------------

    def put_campaign(self, name: str, directory: Path, limits: Limits | None, skipped: Sequence[Any]) -> None:
        """Store a new campaign, or what changed of one that is there (its directory stays)."""
        new: Document = {"directory": str(directory), "created": datetime.datetime.now(datetime.UTC), "spent": 0}
        always: Document = {"skipped": list(skipped)}
        (new if limits is None else always)["limits"] = asdict(limits or Limits())
        self.campaigns.update_one({"_id": name}, {"$set": always, "$setOnInsert": new}, upsert=True)

    def campaign(self, name: str) -> StoredCampaign:
        """The campaign of that name.

        Raises
        ------
        InputError
            There is none.
        """
        found = self.campaigns.find_one({"_id": name})
        if found is None:
            there = ", ".join(self.names()[:5]) or "none"
            raise InputError(f"campaign {name!r} is not in this database; those that are: {there}")
        return StoredCampaign(
            name=name,
            directory=Path(found["directory"]),
            limits=Limits(**found["limits"]),
            created=found["created"],
            spent=found.get("spent", 0),
            waiting={one["why"]: one["members"] for one in found.get("waiting", ())},
            trouble=found.get("trouble", ""),
            skipped=found.get("skipped", ()),
            reference=found.get("reference"),
        )

    def keep_busy(self, name: str, workers: int) -> None:
        """Have so many runs under way wherever there are so many to do."""
        self.campaigns.update_one({"_id": name}, {"$set": {"limits.at_least": workers}})

    def names(self) -> list[str]:
        """The campaigns, the oldest first."""
        return [found["_id"] for found in self.campaigns.find({}, {"_id": 1}).sort("created", ASCENDING)]

    def ask(self, name: str) -> None:
        """Have the campaign looked after once more, by whoever does so now or by the next."""
        self.campaigns.update_one({"_id": name}, {"$inc": {"asked": 1}})

    def asked(self, name: str) -> tuple[int, int]:
        """How often that was asked for, and how often of these it was done."""
        found = self.campaigns.find_one({"_id": name}, {"asked": 1, "answered": 1}) or {}
        return found.get("asked", 0), found.get("answered", 0)

    def put_look(
        self, name: str, answered: int, waiting: Mapping[str, int], spent: int | None, look_again: int | None
    ) -> None:
        """Store what a look found; ``spent`` None: it did not count."""
        found = {"answered": answered, "look_again": look_again, "trouble": ""} | (
            {} if spent is None else {"spent": spent}
        )
        why = [{"why": text, "members": number} for text, number in waiting.items()]
        self.campaigns.update_one({"_id": name}, {"$set": {**found, "waiting": why}})

    def spend(self, name: str, calls: int) -> tuple[int, int | None]:
        """Count DFT calls; how many there are now, and how many there may be before the schedule must look."""
        shown = {"spent": 1, "look_again": 1}
        found = self.campaigns.find_one_and_update(
            {"_id": name}, {"$inc": {"spent": calls}}, shown, return_document=ReturnDocument.AFTER
        )
        return (0, None) if found is None else (found["spent"], found.get("look_again"))

    def put_reference(self, name: str, method: str, members: int, calls: int, direct_calls: int) -> None:
        """Store that ``members`` took ``direct_calls`` DFT calls by the optimizer ``method``, and ``calls`` here."""
        found = {"method": method, "members": members, "dft_calls": calls, "direct_dft_calls": direct_calls}
        self.campaigns.update_one({"_id": name}, {"$set": {"reference": found}})

    def put_trouble(self, names: Collection[str], text: str) -> None:
        """Have the status of these campaigns say what went wrong."""
        self.campaigns.update_many({"_id": {"$in": sorted(names)}}, {"$set": {"trouble": text}})
