"""The indexes of the project's collections: collection, and keys."""

from __future__ import annotations

from fw_specs.keys import ACTIONS, CYCLES, FIRST_CYCLE, LABELS, LENDS, LOSSES, MEMBERS, RUN, RUNS

#: collection and keys of what the look-ups by run need
INDEXES = (
    (CYCLES, ("run", "cycle")),
    (LABELS, ("run", "cycle")),
    (RUNS, ("created",)),
    (RUNS, (f"{LENDS}.dft", "created")),
    (LOSSES, ("fw_id", "at")),
    ("fireworks", (f"spec.{RUN}", "state")),
    (CYCLES, ("run", "closed.verdict.kind")),
    (MEMBERS, ("campaign", "state")),
    (MEMBERS, ("campaign", "order")),
    (MEMBERS, ("run",)),
    (LABELS, ("status", "run")),
    (CYCLES, ("closed.verdict.kind", "run")),
    (ACTIONS, ("at",)),
)
FIRST_CYCLES = (f"metadata.{RUN}", f"metadata.{FIRST_CYCLE}")
