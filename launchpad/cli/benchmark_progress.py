"""Progress of `alflow benchmark`: a bar that counts, and a line for everything that was measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from al_workflows.benchmark.cycle import CycleCost, RunCost
    from al_workflows.benchmark.md import MdTrial
    from al_workflows.benchmark.neb import PathRun
    from al_workflows.benchmark.relaxed import Relaxed
    from al_workflows.benchmark.sharing import CampaignTrial
    from al_workflows.benchmark.speed import PredictionRow, RelaxationRow
    from al_workflows.benchmark.speed_training import TrainingRow
    from al_workflows.benchmark.uncertainty import UncertaintyRow
    from al_workflows.study.trial import Trial


class Counter:
    """A line for each result as it comes, and a bar below them (on a terminal only)."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

        console = Console(highlight=False, markup=False)
        self._bar = Progress(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True)
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def relaxed(self, one: Relaxed, stored: bool, done: int, of: int) -> None:
        """Print the line of a relaxation; one that was stored counts only."""
        self._bar.update(self._task, completed=done, total=of)
        if not stored:
            spent = sum(one.seconds.values())
            text = f"{one.system}  seed {one.seed}  {one.method}: {one.outcome.value}, {one.calls} calls, {spent:.1f} s"
            self._bar.console.print(text, soft_wrap=True)

    def path(self, one: PathRun, stored: bool, done: int, of: int) -> None:
        """Print the line of a barrier; one that was stored counts only."""
        self._bar.update(self._task, completed=done, total=of)
        if not stored:
            said = "no barrier" if one.error is None else f"{1000 * one.error:+.2f} meV"
            text = f"{one.system}  seed {one.seed}  {one.method}: {one.outcome.value}, {one.calls} calls, {said}"
            self._bar.console.print(f"{text}, {one.seconds:.1f} s", soft_wrap=True)

    def campaign(self, one: CampaignTrial, stored: bool, done: int, of: int) -> None:
        """Print the line of a campaign; one that was stored counts only."""
        self._bar.update(self._task, completed=done, total=of)
        if not stored:
            spent = sum(member.seconds for member in one.members)
            text = f"seed {one.seed}  {one.arm}: {len(one.members)} members, {one.calls()} calls, the last quarter "
            self._bar.console.print(f"{text}{one.calls(0.75)}, {spent:.0f} s", soft_wrap=True)

    def simulated(self, one: MdTrial, stored: bool, done: int, of: int) -> None:
        """Print the line of a run of dynamics; one that was stored counts only."""
        self._bar.update(self._task, completed=done, total=of)
        if not stored:
            text = f"{one.system}  {one.temperature:g} K  seed {one.seed}  {one.variant}: {one.verdict.value}, "
            self._bar.console.print(
                f"{text}{one.calls[-1]} calls, force MAE {one.errors[-1]['all']:.4f} eV/Å on the parent's trajectory",
                soft_wrap=True,
            )

    def trials(self) -> Callable[[Trial, bool, int, int], None]:
        """What prints the line of a study's trial, with the time that the others may take; one that was stored counts
        only. Trials differ, so that the time is a guess from those that were made."""
        began, made = time.monotonic(), 0

        def tell(one: Trial, stored: bool, done: int, of: int) -> None:
            nonlocal made
            self._bar.update(self._task, completed=done, total=of)
            if stored:
                return
            made += 1
            failed = f" ({one.failed} failed)" if one.failed else ""
            text = f"{done}/{of}  {one.system}  {one.arm}  seed {one.seed}: {one.outcome}, {one.calls} calls{failed}, "
            left = (time.monotonic() - began) / made * (of - done)
            shown = f"{left:.0f} s" if left < 100 else f"{left / 60:.0f} min"
            about = f"; about {shown} left" if done < of else ""
            self._bar.console.print(f"{text}{one.seconds:.1f} s{about}", soft_wrap=True)

        return tell

    def predicted(self, row: PredictionRow | RelaxationRow) -> None:
        """Print how long it takes."""
        self._bar.console.print(f"{row.potential}  {row.atoms} atoms: {row.said}", soft_wrap=True)

    def trained(self, row: TrainingRow) -> None:
        """Print how long it takes."""
        text = f"{row.potential}  {row.images} images of {row.atoms} atoms: {row.seconds:.2f} s"
        self._bar.console.print(text, soft_wrap=True)

    def timed(self, cost: CycleCost | RunCost) -> None:
        """Print what a cycle or a run took."""
        self._bar.console.print(f"{cost.way}  seed {cost.seed}  {cost.said}", soft_wrap=True)

    def said(self, line: str) -> None:
        """Print a line."""
        self._bar.console.print(line, soft_wrap=True)

    def uncertain(self, rows: Sequence[UncertaintyRow]) -> None:
        """Print what was measured of one kind and number of labels."""
        for row in rows:
            text = f"{row.kind}  {row.members} members  {row.labels} labels  {row.where}: rank {row.rank:.2f}"
            self._bar.console.print(f"{text}, within σ {row.within_1:.2f} ({row.nominal_1:.2f})", soft_wrap=True)
