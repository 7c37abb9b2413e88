"""What the commands show on the terminal: progress by cycle, and a run in one paragraph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from launchpad.cli.progress import Progress

if TYPE_CHECKING:
    from al_workflows.records import Cycle
    from al_workflows.results import RunResult
    from launchpad.settings import Source


class RunProgress(Progress):
    """A line for each finished cycle, and below them what is going on.

    ``target`` is the force at which the run is done, eV/Å, if it is one that is judged by it.
    """

    def __init__(self, target: float | None) -> None:
        super().__init__("starting")
        self._target = target
        self._calls = 0

    def cycle(self, cycle: Cycle) -> None:
        """Print the line of a finished cycle."""
        if self._calls == 0:
            self.say("cycle  DFT calls  DFT fmax (eV/Å)  DFT energy (eV)  train + simulate (s)")
        self._calls += cycle.dft_calls
        fmax = f"{cycle.fmax:.4f}" if cycle.fmax is not None else "failed" if cycle.dft_calls else "not asked"
        energy = f"{cycle.energy:.4f}" if cycle.energy is not None else "-"
        spent = cycle.seconds.get("train", 0.0) + cycle.seconds.get("simulate", 0.0)
        style = (
            "bold green" if self._target is not None and cycle.fmax is not None and cycle.fmax <= self._target else ""
        )
        line = f"{cycle.index:5d}  {self._calls:9d}  {fmax:>15}  {energy:>15}  {spent:20.1f}"
        if (error := cycle.verdict.evidence.get("force_mae_all_eV_per_A")) is not None:
            line += f"   force error {error:.4f} eV/Å"
        self.say(line, style)


def say_how_to_work(directory: Path, source: Source, launchpad_file: Path | None) -> None:
    """Say by which command workers take what was submitted, and let FireWorks' own commands find the database.

    Parameters
    ----------
    directory
        Where they may run: without a ``launchpad_file`` the files that they look for are written there.
    source
        The database.
    launchpad_file
        The user's own, which they are told of.
    """
    from launchpad.settings import write_worker_config

    if launchpad_file is None:
        # FireWorks' own commands do not know where we look for the database
        write_worker_config(directory, source)
        print(f"  work on it:  cd {directory} && rlaunch rapidfire --nlaunches infinite --sleep 1")
    else:
        print(f"  work on it:  rlaunch -l {launchpad_file} rapidfire --nlaunches infinite --sleep 1")


def summary(result: RunResult) -> str:
    """A run's end in one paragraph."""
    found = result.summary()
    seconds = found["seconds"]
    learning = seconds["train"] + seconds["simulate"] + seconds["query"]
    text = f"{found['run']}: {found['verdict']} after {found['dft_calls']} DFT calls in {found['cycles']} cycles: "
    text += f"{found['reason']}."
    if found["energy_eV"] is not None and found.get("barrier_eV") is None:  # a barrier's numbers are in the reason
        text += f" DFT energy {found['energy_eV']:.4f} eV, fmax {found['fmax_eV_per_A']:.4f} eV/Å."
    if "force_mae_eV_per_A" in found:
        errors = ", ".join(f"{group} {error:.4f}" for group, error in found["force_mae_eV_per_A"].items())
        text += f" Force MAE on new frames: {errors} eV/Å; energy MAE {found['energy_mae_eV']:.4f} eV."
    text += f" DFT took {seconds['dft']:.1f} s, learning and simulating {learning:.1f} s."
    if found["reused"]:
        text += f" {found['reused']} labels were taken over from other runs of this database."
    if found["borrowed"]:
        text += f" It learned from {found['borrowed']} labels of {found['borrowed_from']} other runs as well."
    if found["failures"]:
        text += f" {len(found['failures'])} single points failed; `alflow show {found['run']}` says why."
    return text
