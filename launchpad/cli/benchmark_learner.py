"""The commands that measure the learner: relax, neb, sharing, held-out, uncertainty, curvature, md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from launchpad.cli.benchmark_options import (
    DEFAULT_OUTPUT,
    NOT_CONVERGED,
    CacheOption,
    DrawOption,
    JobsOption,
    OutputOption,
    PotentialsOption,
    SeedsOption,
    SystemsOption,
    command_line,
    directories,
    split_names,
    write,
)
from launchpad.cli.benchmark_progress import Counter


def relax(
    systems: SystemsOption = ["paper"],  # noqa: B006  # typer copies it
    seeds: SeedsOption = "5",
    peers: Annotated[list[str], typer.Option(metavar="NAMES", help="BFGS, …; all or none.")] = ["all"],  # noqa: B006
    variants: Annotated[
        list[str],
        typer.Option(
            metavar="NAMES", help="default, ablation, loops, batches, batch-N, …, none, YAML files of changes."
        ),
    ] = ["default"],  # noqa: B006
    fmax: Annotated[float, typer.Option(min=1e-4, max=1.0, help="Largest force on a free atom, eV/Å.")] = 0.03,
    draw_seed: DrawOption = None,
    output: OutputOption = DEFAULT_OUTPUT,
    cache: CacheOption = None,
    jobs: JobsOption = 1,
) -> None:
    """Relax surfaces with EMT as the parent: calls, rounds, ends, CPU time, beside peers from the same starts.

    What is done is kept: after an interruption, or with more seeds, the same command makes only what is missing.
    Exit code 1: a run with the default settings did not converge.
    """
    from al_workflows.benchmark.cache import Cache
    from al_workflows.benchmark.choices import seeds_of, systems_of
    from al_workflows.benchmark.peers import peers_of
    from al_workflows.benchmark.relax import Plan, document, relaxations
    from al_workflows.benchmark.variants import variants_of

    plan = Plan(
        systems=systems_of(split_names(systems), draw_seed),
        seeds=seeds_of(seeds),
        variants=variants_of(split_names(variants)),
        peers=peers_of(split_names(peers)),
        fmax=fmax,
    )
    tasks = plan.tasks()
    output, kept = directories(output, cache)
    with Counter() as counter:
        found = relaxations(tasks, Cache(kept), jobs, counter.relaxed)
    write(document(plan, found, command_line()), output, "relax")
    if not all(one.converged for one in found if one.method == "default"):
        raise typer.Exit(NOT_CONVERGED)


def neb(
    systems: Annotated[list[str], typer.Option(metavar="NAMES", help="paper, C-Ni100, N-Au111, or all.")] = ["all"],  # noqa: B006
    seeds: SeedsOption = "6",
    peers: Annotated[list[str], typer.Option(metavar="NAMES", help="CI-NEB-BFGS, …; all or none.")] = ["all"],  # noqa: B006
    variants: Annotated[
        list[str],
        typer.Option(metavar="NAMES", help="default, no-prior, saddle-ends, uncertainty, random; all or none."),
    ] = ["default", "no-prior"],  # noqa: B006
    output: OutputOption = DEFAULT_OUTPUT,
    cache: CacheOption = None,
    jobs: JobsOption = 1,
) -> None:
    """Barriers of hops on surfaces with EMT as the parent: calls, ends included, and errors, beside ASE's CI-NEB.

    Exit code 1: a run with the default settings found no barrier.
    """
    from al_workflows.benchmark.cache import Cache
    from al_workflows.benchmark.choices import seeds_of
    from al_workflows.benchmark.neb import PathRun, PathTask, path_methods_of
    from al_workflows.benchmark.neb_systems import paths_of
    from al_workflows.benchmark.neb_tables import document
    from al_workflows.benchmark.work import results

    methods = path_methods_of(split_names(variants), split_names(peers))
    paths, numbers = paths_of(split_names(systems)), seeds_of(seeds)
    tasks = [PathTask(path, seed, method) for path in paths for seed in numbers for method in methods]
    output, kept = directories(output, cache)
    with Counter() as counter:
        found = results(tasks, PathRun, Cache(kept), jobs, counter.path)
    write(document(found, command_line()), output, "neb")
    if not all(one.barrier is not None for one in found if one.method == "default"):
        raise typer.Exit(NOT_CONVERGED)


def sharing(
    seeds: SeedsOption = "3",
    arms: Annotated[
        list[str], typer.Option(metavar="NAMES", help="alone (always), sharing, sharing-start; or all.")
    ] = ["all"],  # noqa: B006
    output: OutputOption = DEFAULT_OUTPUT,
    cache: CacheOption = None,
    jobs: JobsOption = 1,
) -> None:
    """Campaigns of 48 members with EMT as the parent: calls with and without learning from the members before.

    Metals, adsorbates, sites and the order are drawn by the seed. Exit code 1: a member that shares did not converge.
    """
    from al_workflows.benchmark.cache import Cache
    from al_workflows.benchmark.choices import named, seeds_of
    from al_workflows.benchmark.sharing import ARMS, CampaignTask, CampaignTrial
    from al_workflows.benchmark.sharing_tables import ALONE, document, draw_curve
    from al_workflows.benchmark.work import results

    chosen = {ALONE: ARMS[ALONE]} | {arm.name: arm for arm in named("arm", split_names(arms), ARMS)}
    tasks = [CampaignTask(seed, arm) for seed in seeds_of(seeds) for arm in chosen.values()]
    output, kept = directories(output, cache)
    with Counter() as counter:
        found = results(tasks, CampaignTrial, Cache(kept), jobs, counter.campaign)
    write(document(found, command_line()), output, "sharing")
    draw_curve(found, output / "sharing.png")
    if any(one.verdict != "CONVERGED" for trial in found if trial.arm != ALONE for one in trial.members):
        raise typer.Exit(NOT_CONVERGED)


def held_out(
    train: Annotated[Path, typer.Argument(metavar="TRAIN", help="Labels to train on, in their order.")],
    test: Annotated[Path, typer.Argument(metavar="TEST", help="Labels of another run on the same surface.")],
    output: OutputOption = DEFAULT_OUTPUT,
) -> None:
    """Errors on the labels of another run, by training labels, with and without prior. Labels are extxyz files."""
    from al_workflows.benchmark.held_out import held_out_document
    from al_workflows.preflight import writable_directory

    output = writable_directory(output)
    with Counter("training on more and more of the labels"):
        found = held_out_document(train, test, command_line())
    write(found, output, "held-out")


def uncertainty(
    systems: SystemsOption = ["paper", "drawn:4"],  # noqa: B006
    seeds: SeedsOption = "1",
    potentials: PotentialsOption = ["gaussian_process", "behler_parrinello"],  # noqa: B006
    members: Annotated[str, typer.Option(metavar="LIST", help="Sizes of the ensemble, from 2 on.")] = "3,5,8",
    labels: Annotated[str, typer.Option(metavar="LIST", help="How many labels of a relaxation.")] = "1,3,10",
    draw_seed: DrawOption = None,
    output: OutputOption = DEFAULT_OUTPUT,
) -> None:
    """Compare predicted with true errors of forces, on and off the path of a relaxation, with EMT as the parent."""
    from al_workflows.benchmark.choices import seeds_of, systems_of
    from al_workflows.benchmark.ensembles import kinds_of
    from al_workflows.benchmark.uncertainty import document, numbers_of, uncertainty_rows
    from al_workflows.preflight import writable_directory

    chosen, numbers = systems_of(split_names(systems), draw_seed), seeds_of(seeds)
    kinds = kinds_of(split_names(potentials))
    sizes, counts = numbers_of("--members", members, least=2), numbers_of("--labels", labels, least=1)
    output = writable_directory(output)
    with Counter() as counter:
        rows = uncertainty_rows(chosen, numbers, kinds, sizes, counts, counter.uncertain, counter.step)
    write(document(rows, [system.name for system in chosen], numbers, command_line()), output, "uncertainty")


def curvature(
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Runs of each start, with the seeds 0 to N - 1.")] = 1,
    fmax: Annotated[float, typer.Option(min=1e-4, max=1.0, help="Largest force on a free atom, eV/Å.")] = 0.03,
    draw_seed: DrawOption = None,
    output: OutputOption = DEFAULT_OUTPUT,
    jobs: JobsOption = 1,
) -> None:
    """Minimum or saddle: what confirm_minimum says from symmetric starts, beside the parent's Hessian (EMT)."""
    from al_workflows.benchmark.curvature import SITES, curvature_study
    from al_workflows.benchmark.curvature_tables import document
    from al_workflows.benchmark.sites import draw_sites
    from al_workflows.benchmark.systems import REPORTED_DRAW
    from al_workflows.preflight import writable_directory

    output = writable_directory(output)
    draw = REPORTED_DRAW if draw_seed is None else draw_seed
    sites = draw_sites(draw, SITES)
    with Counter() as counter:
        counter.step(0, seeds * len(sites), computed=False)
        study = curvature_study(seeds, sites=sites, fmax=fmax, jobs=jobs, listener=lambda _: counter.count())
    settings = {"parent": "EMT", "target fmax, eV/Å": fmax, "draw": draw}
    write(document(study, command_line(), settings), output, "curvature")


def md(
    systems: Annotated[list[str], typer.Option(metavar="NAMES", help="O-Cu100-3x3x3, N-Pd100Ag-2x2x4, …; or all.")] = [  # noqa: B006
        "O-Cu100-3x3x3"
    ],
    seeds: SeedsOption = "6",
    variants: Annotated[list[str], typer.Option(metavar="NAMES", help="default, no-prior, random, networks.")] = [  # noqa: B006
        "default",
        "no-prior",
    ],
    temperatures: Annotated[str, typer.Option(metavar="LIST", help="K.")] = "300",
    output: OutputOption = DEFAULT_OUTPUT,
    cache: CacheOption = None,
    jobs: JobsOption = 1,
) -> None:
    """Run dynamics with EMT as the parent: calls to forces that are right on a trajectory of EMT's own; with a figure.

    What is done is kept, as by `relax`. Exit code 1: a run with the default settings did not converge.
    """
    from al_workflows.benchmark.cache import Cache
    from al_workflows.benchmark.choices import seeds_of
    from al_workflows.benchmark.md import MdTask, md_trials, md_variants_of
    from al_workflows.benchmark.md_figure import draw_errors
    from al_workflows.benchmark.md_systems import md_systems_of
    from al_workflows.benchmark.md_tables import document
    from al_workflows.benchmark.uncertainty import numbers_of

    chosen, numbers, kinds = md_systems_of(split_names(systems)), seeds_of(seeds), md_variants_of(split_names(variants))
    kelvins = numbers_of("--temperatures", temperatures, least=1)
    tasks = [
        MdTask(system, float(kelvin), seed, variant)
        for system in chosen
        for kelvin in kelvins
        for seed in numbers
        for variant in kinds
    ]
    output, kept = directories(output, cache)
    with Counter() as counter:
        found = md_trials(tasks, Cache(kept), jobs, counter.simulated)
    draw_errors(found, output / "md.png")
    write(document(tasks, found, command_line()), output, "md")
    if not all(one.converged for one in found if one.variant == "default"):
        raise typer.Exit(NOT_CONVERGED)
