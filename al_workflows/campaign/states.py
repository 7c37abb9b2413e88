"""What a campaign's members are doing, and what a campaign may spend."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from al_workflows.errors import InputError


class MemberState(enum.StrEnum):
    """A member's state: the verdict of its run once there is one."""

    WAITING = "WAITING"
    UNDER_WAY = "UNDER_WAY"
    HELD = "HELD"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"
    CONVERGED = "CONVERGED"
    BUDGET_SPENT = "BUDGET_SPENT"
    STALLED = "STALLED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"
    SUPERSEDED = "SUPERSEDED"

    @property
    def ended(self) -> bool:
        """Whether its run has a verdict."""
        return self in _ENDED

    @property
    def parked(self) -> bool:
        """Whether it ended, or stopped by an error, without an answer, and only its user takes it up again."""
        return self in _PARKED


_ENDED = frozenset({MemberState.CONVERGED, MemberState.BUDGET_SPENT, MemberState.STALLED, MemberState.FAILED})
_PARKED = frozenset({MemberState.BUDGET_SPENT, MemberState.STALLED, MemberState.FAILED, MemberState.STOPPED})
#: those of members whose run exists and has no verdict
BEGUN = (MemberState.UNDER_WAY, MemberState.HELD, MemberState.PAUSED, MemberState.CANCELLED, MemberState.STOPPED)


@dataclass(frozen=True)
class Limits:
    """What a campaign may do.

    ``dft_calls`` is what it may spend in all: structures for which the code was started, failures included (None: no
    limit). ``at_once`` runs are under way at most (None: no limit). ``at_least`` runs are under way wherever there are
    so many to do, if need be before those that would teach them; without ``waves`` nobody waits for a teacher.
    """

    dft_calls: int | None = None
    at_once: int | None = 20
    at_least: int = 1
    waves: bool = True

    def __post_init__(self) -> None:
        """Refuse what allows nothing."""
        for name in ("dft_calls", "at_once", "at_least"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(
                    f"`{name}` of a campaign is {value} but must be 1 or more; leave it out for its default"
                )
