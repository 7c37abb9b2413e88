"""A process that is killed at one of its checkpoints: ``python -m tests.killed_steps WHERE AT COMMAND...``.

At the checkpoint number ``AT`` of a step it sends itself SIGKILL, once for each step: ``WHERE`` is a directory that
remembers which have been. Every step of training and of dynamics writes one. ``AT`` may be ``label``: with a single
point's label in its file and not in the database. COMMAND is ``step NAME DIRECTORY`` (one
of ``STEPS``) or the words of an ``rlaunch``.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from al_workflows import step_checkpoint, steps
from al_workflows.potential import dump
from al_workflows.step_checkpoint import CHECKPOINT_FILE, NOWHERE, Checkpoint
from tests.builders import cycle, label, run_spec, slab

LABELS = [label(slab(1.2, seed=0)), label(slab(1.0, seed=1), cycle=1), label(slab(0.8, seed=2), cycle=2)]
MINIBATCH = {"kind": "minibatch", "epochs": 6, "batch_images": 1, "device": "cpu"}
PAPER = {"kind": "paper", "epochs": 14}
NETWORKS = {"hidden": [5], "members": 2}
OFFLINE = {"kind": "offline"}


def trained(training: Mapping[str, Any], checkpoint: Checkpoint) -> bytes:
    """The potential of a cycle that is trained so."""
    return dump(steps.train(run_spec(potential={**NETWORKS, "training": training}), 1, LABELS, None, checkpoint))


def simulated(simulation: Mapping[str, Any], checkpoint: Checkpoint, loop: Mapping[str, Any] = OFFLINE) -> bytes:
    """The pool of a cycle of such dynamics."""
    dynamics = {"kind": "md", "steps": 20, "equilibration": 12, "stride": 5, "max_uncertainty": None, **simulation}
    spec = run_spec(simulation=dynamics, loop=loop)
    potential = steps.train(spec, 1, LABELS)
    return steps.simulate(spec, 1, slab(1.0), potential, LABELS, [], None, checkpoint).to_bytes()


def gone_on(threshold: float, checkpoint: Checkpoint) -> bytes:
    """The pool of a cycle whose dynamics go on from where those of the last one stopped to ask."""
    dynamics = {"kind": "md", "steps": 20, "equilibration": 12, "stride": 5}
    spec = run_spec(simulation=dynamics, loop={"kind": "online", "threshold": threshold})
    known = LABELS[:1]
    before = steps.simulate(spec, 1, slab(1.0), steps.train(spec, 1, known), known, [cycle(0)])
    (request,) = steps.query(spec, "run", 1, before, steps.train(spec, 1, known), known).requests
    known = [*known, replace(label(request.atoms, cycle=1), request=request)]
    potential, history = steps.train(spec, 2, known), [cycle(0), cycle(1)]
    return steps.simulate(spec, 2, slab(1.0), potential, known, history, None, checkpoint, (), before).to_bytes()


STEPS: dict[str, Callable[[Checkpoint], bytes]] = {
    "minibatch": lambda checkpoint: trained(MINIBATCH, checkpoint),
    "paper": lambda checkpoint: trained(PAPER, checkpoint),
    "lbfgs": lambda checkpoint: trained({"kind": "lbfgs", "max_iterations": 5}, checkpoint),
    "langevin": lambda checkpoint: simulated({}, checkpoint),
    "berendsen": lambda checkpoint: simulated({"thermostat": {"kind": "berendsen"}}, checkpoint),
    "nose_hoover": lambda checkpoint: simulated({"thermostat": {"kind": "nose_hoover"}}, checkpoint),
    "nve": lambda checkpoint: simulated({"thermostat": {"kind": "nve"}}, checkpoint),
    "online": lambda checkpoint: simulated({}, checkpoint, {"kind": "online", "threshold": 100.0}),
    "gone_on": lambda checkpoint: gone_on(0.3, checkpoint),
    "gone_on_early": lambda checkpoint: gone_on(0.1, checkpoint),
}


def undisturbed(name: str) -> bytes:
    """What the step gives where nothing happens to it."""
    return STEPS[name](NOWHERE)


def at_every_step(told: Callable[[int, Path], None]) -> None:
    """Write a checkpoint whenever it is possible; ``told`` of the number and the file of each."""
    step_checkpoint.INTERVAL, step_checkpoint.SHARE = 0.0, float("inf")
    write, count = Checkpoint.write, dict[Path, int]()

    def counted(self: Checkpoint, values: Mapping[str, Any], arrays: step_checkpoint.Arrays) -> None:
        write(self, values, arrays)
        path = self._path
        assert path is not None
        count[path] = count.get(path, 0) + 1
        told(count[path], path)

    Checkpoint.write = counted  # type: ignore[method-assign]


def killed_once(marker: Path) -> None:
    """Be killed, but for a second time."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def before_a_label_is_stored(told: Callable[[], None]) -> None:
    """``told`` whenever a label is about to be stored."""
    from al_workflows.records import Label
    from fw_specs.store import Store

    put = Store.put_label

    def announced(self: Store, run: str, label: Label) -> None:
        told()
        put(self, run, label)

    Store.put_label = announced  # type: ignore[method-assign]


def main(where: Path, at: str, words: list[str]) -> None:
    """Run the command, killed."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    if at == "label":
        before_a_label_is_stored(lambda: killed_once(where / "killed-label"))
    else:
        at_every_step(lambda n, path: killed_once(where / f"killed-{path.parent.name}") if n == int(at) else None)
    if words[0] == "step":
        STEPS[words[1]](Checkpoint(Path(words[2]) / CHECKPOINT_FILE))
        return
    from fireworks.scripts.rlaunch_run import rlaunch

    sys.argv = words
    rlaunch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
