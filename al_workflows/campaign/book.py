"""Where a campaign's members are entered as they are found, and what cannot be made is named."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ase import Atoms

from al_workflows.campaign.checks import Checks
from al_workflows.campaign.file import Campaign
from al_workflows.campaign.member import Member, Role
from al_workflows.campaign.plan import Plan, Skipped
from al_workflows.campaign.settings import FileError, Settings, differing, grid_of
from al_workflows.dft.spec import DftSpec
from al_workflows.errors import InputError


class Book:
    """Members by key, in the order of entering; each is checked before it is entered."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.settings = Settings(campaign)
        self.checks = Checks()
        self.members: dict[str, Member] = {}
        self.duplicates: Counter[str] = Counter()
        self.remarks: list[str] = []
        self._skipped: dict[str, str] = {}
        self._compared: dict[tuple[int, int, bool], str | None] = {}

    @contextmanager
    def entry(self, key: str) -> Iterator[None]:
        """An InputError within is why ``key`` is skipped; those of the file's settings pass."""
        try:
            yield
        except FileError:
            raise
        except InputError as error:
            self.skip(key, str(error))

    def skip(self, key: str, why: str) -> None:
        """Name what cannot be made."""
        self._skipped.setdefault(key, " ".join(why.split()))

    def why_not(self, key: str) -> str | None:
        """Why ``key`` was skipped; None if it was not."""
        return self._skipped.get(key)

    def seed(self, key: str) -> int:
        """The seed of the member ``key``: it follows from the campaign's and from the key."""
        digest = hashlib.sha256(f"{self.campaign.spec.seed}/{key}".encode()).digest()
        return int.from_bytes(digest[:4], "big")

    def add(
        self,
        key: str,
        role: Role,
        tags: Mapping[str, str],
        start: Atoms,
        final: Atoms | None = None,
        references: Mapping[str, float] | None = None,
    ) -> Member:
        """Enter a member.

        Raises
        ------
        InputError
            DFT or potential cannot treat its elements, or its DFT settings are not those of a reference.
        """
        full = {**tags, "role": role.value, "key": key}
        settings = self.settings.of(role, full)
        self.checks.ask(settings, start)
        for name in references or {}:
            self._refuse_other_dft(settings.dft, self.members[name])
        spec = settings.model_copy(
            update={
                "name": f"{self.campaign.spec.name}-{key}"[:80].rstrip("-._"),
                "seed": self.seed(key),
                "structure": Path(f"{key}.extxyz"),
                "final_structure": None if final is None else Path(f"{key}-final.extxyz"),
            }
        )
        member = Member(key, role, spec, start, final, dict(tags), dict(references or {}), self.settings.priority(full))
        self.members[key] = member
        return member

    def plan(self) -> Plan:
        """All of it.

        Raises
        ------
        InputError
            An override that selects nothing would fit no kind of run.
        """
        remarks = [
            *self.remarks,
            *self.checks.remarks,
            *(
                f"`overrides.{n}` selects no member; correct its `where`, or take it out"
                for n in self.settings.unused()
            ),
        ]
        compared = {name for member in self.members.values() for name in member.references}
        for key, member in list(self.members.items()):
            if member.role is Role.MOLECULE and key not in compared:
                del self.members[key]
                self.skip(key, "no member is compared with it")
        skipped = tuple(Skipped(key, why) for key, why in self._skipped.items())
        members = tuple(self.members.values())
        remarks += self._mixed_dft() + self._many_k_points()
        return Plan(self.campaign.spec.name, members, skipped, dict(self.duplicates), tuple(remarks))

    def _refuse_other_dft(self, dft: DftSpec, reference: Member) -> None:
        """Raise an :class:`InputError` unless energies by ``dft`` may be compared with the reference's."""
        one_cell = reference.role is not Role.MOLECULE
        asked = id(dft), id(reference.spec.dft), one_cell
        if asked not in self._compared:
            self._compared[asked] = differing(dft, reference.spec.dft, one_cell)
        difference = self._compared[asked]
        if difference is not None:
            raise InputError(
                f"its DFT settings are not those of its reference {reference.key}: {difference}; let the override "
                "select "
                "both"
            )

    def _many_k_points(self) -> list[str]:
        """A remark if gas-phase species are computed at more k-points than a box needs."""
        for member in self.members.values():
            grid = grid_of(member.spec.dft) if member.role is Role.MOLECULE else None
            if grid is not None and max(grid) > 1:
                return [
                    f"{member.key} is computed with {' × '.join(map(str, grid))} k-points but one is enough for a box: "
                    "override `dft` where {role: molecule}; k-points may differ in what is compared with them"
                ]
        return []

    def _mixed_dft(self) -> list[str]:
        """A remark if members' DFT settings differ in more than k-points and spin."""
        groups: list[tuple[Member, int]] = []
        numbers = Counter(id(member.spec.dft) for member in self.members.values())
        first = {id(member.spec.dft): member for member in reversed(self.members.values())}
        for which, number in numbers.items():
            for n, (other, count) in enumerate(groups):
                if differing(first[which].spec.dft, other.spec.dft, one_cell=False) is None:
                    groups[n] = other, count + number
                    break
            else:
                groups.append((first[which], number))
        if len(groups) < 2:
            return []
        against = [
            f"{count} as {one.key}" + (f" ({differing(one.spec.dft, groups[0][0].spec.dft, False)})" if n else "")
            for n, (one, count) in enumerate(groups)
        ]
        return [f"members have {len(groups)} different DFT settings, which cannot be compared: {', '.join(against)}"]
