"""The commands around a campaign in the database: submit, run, status, pause, resume and cancel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from launchpad.cli import campaign_files
from launchpad.cli.campaign_options import NameArgument, WhereOption, selected
from launchpad.cli.keep import slurm_queue
from launchpad.cli.options import LaunchpadOption

if TYPE_CHECKING:
    from launchpad.campaign_status import CampaignStatus

#: the exit code of a campaign whose members did not all converge
NOT_CONVERGED = 1


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module and of :mod:`.campaign_files` to the table of `alflow campaign`."""
    example = "Example:  [cyan]alflow campaign {}[/cyan]"
    app.command(epilog=example.format("submit screening.yaml --budget 2000 --at-once 40"))(submit)
    app.command(epilog=example.format("run screening --workers 4"))(run)
    app.command(epilog=example.format("status screening"))(status)
    app.command(epilog=example.format("results screening --csv screening.csv"))(campaign_files.results)
    app.command(epilog=example.format("reference screening --where adsorbate=O --method BFGS"))(
        campaign_files.reference
    )
    app.command(epilog=example.format("report screening -o page"))(campaign_files.report)
    app.command(epilog=example.format("pause screening --where bulk=Pt"))(pause)
    app.command(epilog=example.format("resume screening --where 'site=hollow*' --where bulk=Pt"))(resume)
    app.command(epilog=example.format("cancel screening --where adsorbate=CO"))(cancel)
    app.command(epilog=example.format("export screening -o data"))(campaign_files.export)


def submit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The campaign's YAML file.")],
    directory: Annotated[
        Path | None,
        typer.Option(
            help="The runs will run below DIRECTORY; workers must see it. By default alflow-runs/<campaign>.",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(min=1, help="DFT calls of the whole campaign, in place of the file's.", show_default=False),
    ] = None,
    at_once: Annotated[
        int | None,
        typer.Option(min=1, help="Members under way at a time, in place of the file's.", show_default=False),
    ] = None,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Put a campaign's members into the database, or add what is new of one that is there.

    A member's workflow is made when its turn comes; the check that ends one begins the next. A changed entry is a new
    version; a run that is in the database already, of whichever campaign, is not made again.
    """
    from dataclasses import replace

    from launchpad.campaigns import submit_campaign
    from launchpad.cli.text import say_how_to_work
    from launchpad.planned_campaign import planned
    from launchpad.settings import connect, resolve

    plan = planned(file)
    limits = plan.limits if budget is None else replace(plan.limits, dft_calls=budget)
    limits = limits if at_once is None else replace(limits, at_once=at_once)
    directory = directory or Path("alflow-runs") / plan.name
    source = resolve(launchpad_file)
    done, begun = submit_campaign(connect(source), plan, directory, limits)
    print(f"campaign {plan.name} in {source.address}: {_numbers(done)}")
    for said in begun[:10]:
        print(f"  {said}")
    if len(begun) > 10:
        print(f"  and {len(begun) - 10} more")
    if plan.skipped:
        print(f"  {len(plan.skipped)} entries are left out; `alflow campaign status {plan.name}` says why")
    say_how_to_work(directory, source, launchpad_file)
    print(f"  look at it:  alflow campaign status {plan.name}")


def _numbers(done: Any) -> str:
    words = f"{done.new} new members, {done.unchanged} as before"
    words += f", {done.versions} changed (new versions)" if done.versions else ""
    return words + (f", {done.removed} no longer in the file (left as they are)" if done.removed else "")


def run(
    name: NameArgument,
    workers: Annotated[int, typer.Option(min=1, max=64, help="`rlaunch` processes on this machine.")] = 1,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Work a campaign off here until nothing is left to do; after an interruption, the same command goes on.

    Its workers take the campaign's Fireworks alone. Exit code 0: every member converged; 1: some did not.
    """
    import signal

    from launchpad.campaign_run import work_off_campaign
    from launchpad.settings import connect, resolve

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    source = resolve(launchpad_file)
    found = work_off_campaign(connect(source), source, name, workers, lambda one: print(_line(one), flush=True))
    _show(found)
    if found.states.get("CONVERGED", 0) < found.members:
        raise typer.Exit(NOT_CONVERGED)


def status(
    name: Annotated[
        str | None, typer.Argument(metavar="[CAMPAIGN]", help="By default all.", show_default=False)
    ] = None,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Say where a campaign stands: members by state, what it cost, what is under way, what is parked, and why."""
    from fw_specs.campaign_store import CampaignStore
    from launchpad.campaign_status import read_status
    from launchpad.settings import connect, resolve

    launchpad = connect(resolve(launchpad_file), read_only=True)
    if name is not None:
        _show(read_status(launchpad, name))
        return
    names = CampaignStore(launchpad.db).names()
    for one in names:
        print(_line(read_status(launchpad, one)))
    if not names:
        print("no campaigns yet: `alflow campaign submit FILE`")


def pause(name: NameArgument, where: WhereOption = None, launchpad_file: LaunchpadOption = None) -> None:
    """Begin none of the members that fit, and pause those under way; what runs now ends as it would."""
    from launchpad.campaign_control import pause as do
    from launchpad.settings import connect, resolve

    _say(do(connect(resolve(launchpad_file)), name, selected(where), slurm_queue()))


def resume(name: NameArgument, where: WhereOption = None, launchpad_file: LaunchpadOption = None) -> None:
    """Let paused members go on; with --where cancelled and parked ones too.

    A run that stopped by an error is run again from there. One that ended without an answer (STALLED, FAILED,
    BUDGET_SPENT) starts anew with another seed, once; its labels are taken over where they fit.
    """
    from launchpad.campaign_control import resume as do
    from launchpad.settings import connect, resolve

    _say(do(connect(resolve(launchpad_file)), name, selected(where)))


def cancel(name: NameArgument, where: WhereOption = None, launchpad_file: LaunchpadOption = None) -> None:
    """End the members that fit and have not ended, with their SLURM jobs; labels, models and files stay."""
    from launchpad.campaign_control import cancel as do
    from launchpad.settings import connect, resolve

    _say(do(connect(resolve(launchpad_file)), name, selected(where), slurm_queue()))


def _say(lines: list[str]) -> None:
    for line in lines:
        print(line)


def _line(found: CampaignStatus) -> str:
    states = ", ".join(f"{number} {state}" for state, number in sorted(found.states.items()))
    limit = found.campaign.limits.dft_calls
    calls = f"{found.calls} DFT calls" + ("" if limit is None else f" (budget {limit}, spent {found.campaign.spent})")
    return f"{found.campaign.name}: {found.members} members: {states or 'none'}; {calls}"


def _show(found: CampaignStatus) -> None:
    """Print all of the status."""
    campaign = found.campaign
    print(_line(found))
    print(f"  in {campaign.directory}; steps took {found.seconds / 3600:.2f} h; {found.failed} single points failed")
    for role, states in found.roles.items():
        print(f"  {role}: " + ", ".join(f"{number} {state}" for state, number in sorted(states.items())))
    for why, number in campaign.waiting.items():
        print(f"  {number} wait: {why}")
    for one in found.under_way:
        fmax = "" if one["fmax"] is None else f", fmax {one['fmax']:.3f} (target {one['target']}) eV/Å"
        why = f": {one['reason']}" if one["reason"] else ""
        print(f"  {one['state']}  {one['key']} ({one['run']}): {one['calls']} DFT calls{fmax}{why}")
    for one in found.parked:
        print(f"  {one['state']}  {one['key']} ({one['run']}): {one['reason']}")
    for one in campaign.skipped[:10]:
        print(f"  left out: {one['key']}: {one['why']}")
    if len(campaign.skipped) > 10:
        print(f"  left out: {len(campaign.skipped) - 10} more entries")
    if campaign.trouble:
        print(f"  trouble: {campaign.trouble}")
