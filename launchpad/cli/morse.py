"""`alflow fit-morse`: Morse parameters of elements from DFT."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launchpad.cli.options import LaunchpadOption

if TYPE_CHECKING:
    from al_workflows.morse_fit.element import ElementFit
    from al_workflows.morse_fit.spec import MorseFitSpec
    from al_workflows.records import Label, Request
    from al_workflows.spec import DftSpec

#: the exit code when an element has no curve
NOT_FITTED = 1


def fit_morse(
    elements: Annotated[list[str], typer.Argument(metavar="ELEMENT...", help="Symbols: Cu O.", show_default=False)],
    dft: Annotated[
        Path, typer.Option(metavar="SPEC", help="YAML file with a `dft:` section; a run's will do.", show_default=False)
    ],
    output: Annotated[Path, typer.Option(help="Directory of morse.yaml, morse.png and the single points.")] = Path(
        "alflow-morse"
    ),
    submit: Annotated[bool, typer.Option("--submit", help="Put it into the database as a workflow instead.")] = False,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Fit Morse parameters to DFT: the lone atom, the dimer at eight distances, D_e, r_e and a.

    Atoms and dimers are spin-polarised by their ground states' multiplicities. A point that has finished in the output
    directory is not computed again. Exit code 0: all elements fitted; 1: an element has no curve, and why.
    """
    from al_workflows.dft.settings import check_available
    from al_workflows.morse_fit.points import check_element
    from al_workflows.morse_fit.spec import isolated, load_fit_spec
    from al_workflows.preflight import writable_directory

    spec, wanted = load_fit_spec(dft), list(dict.fromkeys(elements))
    for element in wanted:
        check_element(element, spec)
    check_available(isolated(spec, polarised=True), wanted)
    if submit:
        _submit(wanted, spec, output, launchpad_file)
    else:
        _fit_here(wanted, spec, writable_directory(output))


def _submit(elements: list[str], spec: MorseFitSpec, output: Path, launchpad_file: Path | None) -> None:
    from al_workflows.errors import InputError
    from al_workflows.preflight import writable_directory
    from fw_specs.morse import morse_id, submit_morse
    from launchpad.settings import connect, resolve

    source = resolve(launchpad_file)
    launchpad = connect(source)
    place, run = writable_directory(output), morse_id(elements, spec)
    if not submit_morse(launchpad, elements, spec, place):
        raise InputError(f"fit {run} is already submitted; `lpad get_wflows -n {run}` shows it")
    print(f"submitted {run} to {source.address}; morse.yaml and morse.png will be in {place}")
    file = source.local.launchpad_file() if source.local else launchpad_file
    print(f"  work on it:  rlaunch {f'-l {file} ' if file else ''}rapidfire --nlaunches infinite --sleep 1")


def _fit_here(elements: list[str], spec: MorseFitSpec, output: Path) -> None:
    from al_workflows.dft.label_file import LABEL_FILE
    from al_workflows.dft.single_point import single_point
    from al_workflows.morse_fit.element import fit_element
    from al_workflows.morse_fit.points import first_points
    from al_workflows.morse_fit.table import FIGURE_FILE, TABLE_FILE, write_fit
    from launchpad.cli.progress import Progress

    fits: list[ElementFit] = []
    with Progress("single points") as progress:
        number = sum(len(first_points(element, spec)) for element in elements)

        def counted(request: Request, dft: DftSpec, directory: Path) -> Label:
            progress.activity(f"{request.atoms.symbols}: single points")
            there = (directory / LABEL_FILE).exists()
            label = single_point(request, dft, directory)
            progress.count(number, computed=not there)
            return label

        for element in elements:
            fits.append(fit_element(element, spec, output / "work", counted))
            write_fit(fits, spec, output)  # after each, so that an interruption leaves those that are done
            progress.say("\n    ".join([_line(fits[-1]), *fits[-1].remarks]))
    fitted = [fit for fit in fits if fit.curve is not None]
    if fitted:
        print(f"Written to {output}: {TABLE_FILE}, {FIGURE_FILE}; use it by `potential.prior.file`")
    if len(fitted) < len(fits):
        raise typer.Exit(NOT_FITTED)


def _line(fit: ElementFit) -> str:
    if fit.curve is None:
        return f"{fit.element:2}  {fit.outcome.value}: {fit.cause}"
    found = fit.curve.parameters
    return (
        f"{fit.element:2}  D_e {found.well_depth:7.4f} eV  r_e {found.r_e:6.4f} Å  a {found.a:6.4f} 1/Å  "
        f"residual {fit.curve.residual:6.4f} eV over {len(fit.curve.distances)} points  {fit.seconds:.0f} s of DFT"
    )
