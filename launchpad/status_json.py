"""What is read of runs and campaigns, in the types of JSON: for scripts and pages. docs/terminal.md has the shapes.

A key says its unit: ``energy_eV``, ``fmax_eV_per_A``; ``seconds`` are s, and times are UTC (ISO 8601).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from al_workflows.records import Cycle, Label, Selection
from al_workflows.structures import max_force
from launchpad.campaign_status import CampaignStatus
from launchpad.held import utc
from launchpad.status import RunStatus, RunView


def status_record(one: RunStatus) -> dict[str, Any]:
    """A run's line of ``alflow status``."""
    return {
        "run": one.run,
        "state": one.state.value,
        "ended": one.state.ended,
        "cycles": one.cycles,
        "dft_calls": one.dft_calls,
        "fmax_eV_per_A": one.fmax,
        "target_fmax_eV_per_A": one.target,
        "energy_eV": one.energy,
        "reason": one.reason,
        "fireworks": dict(one.fireworks),
    }


def view_record(view: RunView) -> dict[str, Any]:
    """All of ``alflow status RUN``."""
    now = datetime.datetime.now(datetime.UTC)
    return {
        **status_record(view.status),
        "submitted": view.created.isoformat(),
        "stopped_by": view.stopped or None,
        "running": [
            {
                "step": one.step,
                "since": one.since.isoformat(),
                "seconds": round((now - one.since).total_seconds(), 1),
                "host": one.host,
            }
            for one in view.running
        ],
        "by_cycle": [cycle_record(cycle) for cycle in view.cycles],
    }


def ledger_record(
    one: RunStatus, labels: Sequence[Label], cycles: Sequence[Cycle], selections: Iterable[tuple[int, Selection]]
) -> dict[str, Any]:
    """All of ``alflow show``; ``selections`` are what was asked for, and passed over, by cycle."""
    rejected = [
        {"cycle": cycle, "frame": rejection.pool_index, "reason": rejection.reason}
        for cycle, selection in selections
        for rejection in selection.rejected
    ]
    return {
        **status_record(one),
        "single_points": [label_record(label) for label in labels],
        "by_cycle": [cycle_record(cycle) for cycle in cycles],
        "rejected": rejected,
    }


def label_record(label: Label) -> dict[str, Any]:
    """A single point: who asked for it and why, and what came back."""
    request = label.request
    return {
        "key": label.key,
        "cycle": label.cycle,
        "status": label.status.value,
        "cause": label.cause,
        "asked_by": request.strategy,
        "reason": request.reason,
        "force_uncertainty_eV_per_A": request.uncertainty,
        "predicted_energy_eV": request.predicted_energy,
        "energy_eV": label.energy,
        "fmax_eV_per_A": None if label.forces is None else max_force(label.atoms, label.forces),
        "seconds": label.seconds,
        "attempts": label.attempts,
        "reused_from": label.reused_from,
        "code": label.code,
        "directory": label.directory,
    }


def cycle_record(cycle: Cycle) -> dict[str, Any]:
    """A cycle that was checked."""
    return {
        "cycle": cycle.index,
        "verdict": cycle.verdict.kind.value,
        "criterion": cycle.verdict.criterion,
        "reason": cycle.verdict.reason,
        "evidence": dict(cycle.verdict.evidence),
        "dft_calls": cycle.dft_calls,
        "fmax_eV_per_A": cycle.fmax,
        "energy_eV": cycle.energy,
        "trust_radius_A": cycle.trust_radius,
        "seconds": dict(cycle.seconds),
    }


def campaign_record(found: CampaignStatus) -> dict[str, Any]:
    """All of ``alflow campaign status``."""
    campaign = found.campaign
    return {
        "campaign": campaign.name,
        "directory": str(campaign.directory),
        "submitted": utc(campaign.created).isoformat(),
        "members": found.members,
        "states": dict(found.states),
        "roles": {role: dict(states) for role, states in found.roles.items()},
        "over": found.over,
        "dft_calls": found.calls,
        "dft_calls_counted": campaign.spent,
        "max_dft_calls": campaign.limits.dft_calls,
        "at_once": campaign.limits.at_once,
        "seconds": found.seconds,
        "failed_single_points": found.failed,
        "waiting": [{"reason": why, "members": number} for why, number in campaign.waiting.items()],
        "under_way": [_member(one) for one in found.under_way],
        "parked": [_member(one) for one in found.parked],
        "skipped": [dict(one) for one in campaign.skipped],
        "trouble": campaign.trouble or None,
    }


def _member(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": one["key"],
        "run": one["run"],
        "state": one["state"],
        "reason": one["reason"],
        "tags": one["tags"],
        "dft_calls": one["calls"],
        "fmax_eV_per_A": one["fmax"],
        "target_fmax_eV_per_A": one["target"],
        "energy_eV": one["energy"],
        "seconds": one["seconds"],
    }
