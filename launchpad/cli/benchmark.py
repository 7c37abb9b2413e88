"""`alflow benchmark`: measurements of the learner beside its peers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launchpad.cli.benchmark_progress import Counter

if TYPE_CHECKING:
    from al_workflows.benchmark.tables import Document

#: the exit code when a run with the default settings has not converged
NOT_CONVERGED = 1
DEFAULT_OUTPUT = Path("alflow-benchmark")

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Measure the learner beside its peers, with every single point counted.",
    short_help="Measure the learner beside its peers.",
    epilog="Each command writes a Markdown table and JSON into its output directory.",
)

SeedsOption = Annotated[str, typer.Option(metavar="N", help="10 for the seeds 0 to 9; or seeds as 5-9 or 0,3,7.")]
SystemsOption = Annotated[
    list[str],
    typer.Option(
        metavar="NAMES", help="paper, drawn, drawn:N, drawn:I-J, or a system's name; several with commas or repeated."
    ),
]
DrawOption = Annotated[
    int | None,
    typer.Option(
        metavar="SEED",
        min=0,
        help="Which draw; by default the reported one. The learner's defaults were chosen on that of seed 1.",
        show_default=False,
    ),
]
OutputOption = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Directory of the tables.")]
CacheOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where results are kept; by default cache in the output.", show_default=False),
]
PotentialsOption = Annotated[
    list[str], typer.Option(metavar="KINDS", help="gaussian_process, behler_parrinello; with commas or repeated.")
]
JobsOption = Annotated[int, typer.Option("--jobs", "-j", min=1, max=256, help="Processes, one thread each.")]


@app.command(
    epilog="Examples:  [cyan]alflow benchmark relax --seeds 10[/cyan]   or   [cyan]alflow benchmark relax --systems "
    "drawn --seeds 5 --variants ablation --jobs 4[/cyan]"
)
def relax(
    systems: SystemsOption = ["paper"],  # noqa: B006  # typer copies it
    seeds: SeedsOption = "5",
    peers: Annotated[list[str], typer.Option(metavar="NAMES", help="BFGS, …; all or none.")] = ["all"],  # noqa: B006
    variants: Annotated[
        list[str],
        typer.Option(metavar="NAMES", help="default, ablation, batches, batch-N, …, none, or YAML files of changes."),
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
        systems=systems_of(_split(systems), draw_seed),
        seeds=seeds_of(seeds),
        variants=variants_of(_split(variants)),
        peers=peers_of(_split(peers)),
        fmax=fmax,
    )
    tasks = plan.tasks()
    output, kept = _directories(output, cache)
    with Counter() as counter:
        found = relaxations(tasks, Cache(kept), jobs, counter.relaxed)
    _write(document(plan, found, _command()), output, "relax")
    if not all(one.converged for one in found if one.method == "default"):
        raise typer.Exit(NOT_CONVERGED)


@app.command(
    epilog="Examples:  [cyan]alflow benchmark neb --seeds 6[/cyan]   or   [cyan]alflow benchmark neb --systems paper "
    "--variants all --peers none[/cyan]"
)
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

    methods = path_methods_of(_split(variants), _split(peers))
    paths, numbers = paths_of(_split(systems)), seeds_of(seeds)
    tasks = [PathTask(path, seed, method) for path in paths for seed in numbers for method in methods]
    output, kept = _directories(output, cache)
    with Counter() as counter:
        found = results(tasks, PathRun, Cache(kept), jobs, counter.path)
    _write(document(found, _command()), output, "neb")
    if not all(one.barrier is not None for one in found if one.method == "default"):
        raise typer.Exit(NOT_CONVERGED)


@app.command(
    name="held-out", epilog="Example:  [cyan]alflow benchmark held-out run-1/labels.extxyz run-2/labels.extxyz[/cyan]"
)
def held_out(
    train: Annotated[Path, typer.Argument(metavar="TRAIN", help="Labels to train on, in their order.")],
    test: Annotated[Path, typer.Argument(metavar="TEST", help="Labels of another run on the same surface.")],
    output: OutputOption = DEFAULT_OUTPUT,
) -> None:
    """Errors on the labels of another run, by training labels, with and without prior. Labels are extxyz files."""
    from al_workflows.benchmark.held_out import held_out_document
    from al_workflows.preflight import writable_directory

    _write(held_out_document(train, test, _command()), writable_directory(output), "held-out")


@app.command(epilog="Example:  [cyan]alflow benchmark uncertainty --systems paper,drawn:4 --seeds 2[/cyan]")
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

    chosen, numbers = systems_of(_split(systems), draw_seed), seeds_of(seeds)
    kinds = kinds_of(_split(potentials))
    sizes, counts = numbers_of("--members", members, least=2), numbers_of("--labels", labels, least=1)
    output = writable_directory(output)
    with Counter() as counter:
        rows = uncertainty_rows(chosen, numbers, kinds, sizes, counts, counter.uncertain)
    _write(document(rows, [system.name for system in chosen], numbers, _command()), output, "uncertainty")


@app.command(epilog="Example:  [cyan]alflow benchmark curvature --seeds 3 --jobs 4[/cyan]")
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
    study = curvature_study(seeds, sites=draw_sites(draw, SITES), fmax=fmax, jobs=jobs)
    settings = {"parent": "EMT", "target fmax, eV/Å": fmax, "draw": draw}
    _write(document(study, _command(), settings), output, "curvature")


@app.command(
    epilog="Examples:  [cyan]alflow benchmark md --seeds 6[/cyan]   or   [cyan]alflow benchmark md --systems all "
    "--temperatures 300,800 --variants default[/cyan]"
)
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

    chosen, numbers, kinds = md_systems_of(_split(systems)), seeds_of(seeds), md_variants_of(_split(variants))
    kelvins = numbers_of("--temperatures", temperatures, least=1)
    tasks = [
        MdTask(system, float(kelvin), seed, variant)
        for system in chosen
        for kelvin in kelvins
        for seed in numbers
        for variant in kinds
    ]
    output, kept = _directories(output, cache)
    with Counter() as counter:
        found = md_trials(tasks, Cache(kept), jobs, counter.simulated)
    draw_errors(found, output / "md.png")
    _write(document(tasks, found, _command()), output, "md")
    if not all(one.converged for one in found if one.variant == "default"):
        raise typer.Exit(NOT_CONVERGED)


@app.command(epilog="Example:  [cyan]alflow benchmark predict --largest 120[/cyan]")
def predict(
    largest: Annotated[int, typer.Option(min=29, help="Most atoms of a structure.")] = 509,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the relaxation.")] = 150,
    output: OutputOption = DEFAULT_OUTPUT,
) -> None:
    """Time predictions from 13 to 509 atoms and a relaxation, beside autograd in torch and a floor."""
    from al_workflows.benchmark.speed import document, sizes_up_to
    from al_workflows.preflight import writable_directory

    output = writable_directory(output)
    with Counter() as counter:
        found = document(_command(), sizes_up_to(largest), steps, counter.predicted)
    _write(found, output, "predict")


@app.command(epilog="Example:  [cyan]alflow benchmark train --atoms 13 --images 1,10,40[/cyan]")
def train(
    atoms: Annotated[str, typer.Option(metavar="LIST", help="Atoms of an image: 13, 29, or both.")] = "13,29",
    images: Annotated[str, typer.Option(metavar="LIST", help="Sizes of the training sets.")] = "1,10,40,200",
    output: OutputOption = DEFAULT_OUTPUT,
) -> None:
    """Time training by images and atoms, beside autograd in torch and a floor."""
    from al_workflows.benchmark.speed_training import atoms_of, document
    from al_workflows.benchmark.uncertainty import numbers_of
    from al_workflows.preflight import writable_directory

    sizes, counts = atoms_of(numbers_of("--atoms", atoms, least=1)), numbers_of("--images", images, least=1)
    output = writable_directory(output)
    with Counter() as counter:
        found = document(_command(), sizes, counts, counter.trained)
    _write(found, output, "train")


@app.command(epilog="Example:  [cyan]alflow benchmark cycle --seeds 5[/cyan]")
def cycle(
    seeds: SeedsOption = "5",
    rlaunch: Annotated[
        bool, typer.Option("--rlaunch/--no-rlaunch", help="Through rlaunch as well, on a local database of its own.")
    ] = True,
    output: OutputOption = DEFAULT_OUTPUT,
) -> None:
    """CPU time of a cycle beyond DFT, C on Cu(100): in one process, and by rlaunch processes with their imports."""
    from al_workflows.benchmark.choices import seeds_of
    from al_workflows.benchmark.cycle import document, in_process
    from al_workflows.preflight import writable_directory
    from launchpad.benchmark_cycle import through_rlaunch

    numbers, output = seeds_of(seeds), writable_directory(output)
    with Counter() as counter:
        cycles = in_process(numbers, counter.timed)
        by_workers, runs = through_rlaunch(numbers, counter.timed) if rlaunch else ([], [])
    _write(document([*cycles, *by_workers], runs, numbers, _command()), output, "cycle")


def _split(names: list[str]) -> list[str]:
    return [name.strip() for text in names for name in text.split(",") if name.strip()]


def _directories(output: Path, cache: Path | None) -> tuple[Path, Path]:
    from al_workflows.preflight import writable_directory

    output = writable_directory(output)
    return output, writable_directory(cache or output / "cache")


def _command() -> str:
    import shlex
    import sys

    return shlex.join(["alflow", *sys.argv[1:]])


def _write(document: Document, output: Path, stem: str) -> None:
    for table in document.tables:
        print(table.markdown())
    markdown, data = document.write(output, stem)
    print(f"Written: {markdown} and {data}")
