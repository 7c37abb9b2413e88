"""The ledger shows what DFT said, whatever it said."""

from __future__ import annotations

from pathlib import Path

import pytest
from fireworks import LaunchPad

from al_workflows.records import LabelStatus
from fw_specs.store import Store
from tests.builders import cycle, label, run_spec, slab
from tests.launchpad.test_bad_input import alflow


@pytest.mark.workflow
def test_brackets_in_a_cause_are_shown(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    store, cause = Store(lpad.db), "[n1:123] cannot read [/scratch/x] [red]"
    store.add_run("run", run_spec(), slab(), tmp_path)
    store.put_label("run", label(slab(), status=LabelStatus.CRASHED, cause=cause))
    store.put_label("run", label(slab(2.0), cycle=1, reused_from="other/0000/00"))
    store.put_cycle("run", cycle(0))
    done = alflow("show", "run", "--launchpad", str(lpad_file), cwd=tmp_path, COLUMNS="220")
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.split())
    for part in ("[n1:123]", "[/scratch/x]", "[red]", "other/0000/00"):
        assert part in words
