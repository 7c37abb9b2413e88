"""Progress of `alflow benchmark`: how many there will be, and a line for everything that was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from launchpad.cli.progress import Progress

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


class Counter(Progress):
    """A line for each result as it comes, and how many there will be."""

    def relaxed(self, one: Relaxed, stored: bool, done: int, of: int) -> None:
        """Print the line of a relaxation; one that was stored counts only."""
        self.step(done, of, computed=not stored)
        if not stored:
            spent = sum(one.seconds.values())
            text = f"{one.system}  seed {one.seed}  {one.method}: {one.outcome.value}, {one.calls} calls, {spent:.1f} s"
            self.say(text)

    def path(self, one: PathRun, stored: bool, done: int, of: int) -> None:
        """Print the line of a barrier; one that was stored counts only."""
        self.step(done, of, computed=not stored)
        if not stored:
            said = "no barrier" if one.error is None else f"{1000 * one.error:+.2f} meV"
            text = f"{one.system}  seed {one.seed}  {one.method}: {one.outcome.value}, {one.calls} calls, {said}"
            self.say(f"{text}, {one.seconds:.1f} s")

    def campaign(self, one: CampaignTrial, stored: bool, done: int, of: int) -> None:
        """Print the line of a campaign; one that was stored counts only."""
        self.step(done, of, computed=not stored)
        if not stored:
            spent = sum(member.seconds for member in one.members)
            text = f"seed {one.seed}  {one.arm}: {len(one.members)} members, {one.calls()} calls, the last quarter "
            self.say(f"{text}{one.calls(0.75)}, {spent:.0f} s")

    def simulated(self, one: MdTrial, stored: bool, done: int, of: int) -> None:
        """Print the line of a run of dynamics; one that was stored counts only."""
        self.step(done, of, computed=not stored)
        if not stored:
            text = f"{one.system}  {one.temperature:g} K  seed {one.seed}  {one.variant}: {one.verdict.value}, "
            error = one.errors[-1]["all"]
            self.say(f"{text}{one.calls[-1]} calls, force MAE {error:.4f} eV/Å on the parent's trajectory")

    def trial(self, one: Trial, stored: bool, done: int, of: int) -> None:
        """Print the line of a study's trial; one that was stored counts only."""
        self.step(done, of, computed=not stored)
        if not stored:
            failed = f" ({one.failed} failed)" if one.failed else ""
            text = f"{done}/{of}  {one.system}  {one.arm}  seed {one.seed}: {one.outcome}, {one.calls} calls{failed}, "
            self.say(f"{text}{one.seconds:.1f} s")

    def predicted(self, row: PredictionRow | RelaxationRow) -> None:
        """Print how long it takes."""
        self.count()
        self.say(f"{row.potential}  {row.atoms} atoms: {row.said}")

    def trained(self, row: TrainingRow) -> None:
        """Print how long it takes."""
        self.count()
        self.say(f"{row.potential}  {row.images} images of {row.atoms} atoms: {row.seconds:.2f} s")

    def timed(self, cost: CycleCost | RunCost) -> None:
        """Print what a cycle or a run took."""
        self.count()
        self.say(f"{cost.way}  seed {cost.seed}  {cost.said}")

    def uncertain(self, rows: Sequence[UncertaintyRow]) -> None:
        """Print what was measured of one kind and number of labels."""
        for row in rows:
            text = f"{row.kind}  {row.members} members  {row.labels} labels  {row.where}: rank {row.rank:.2f}"
            self.say(f"{text}, within σ {row.within_1:.2f} ({row.nominal_1:.2f})")
