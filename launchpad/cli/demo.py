"""`alflow demo`: the whole thing in a minute."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from launchpad.cli.options import LaunchpadOption
from launchpad.cli.runs import through_fireworks


def demo(
    output: Annotated[Path, typer.Option(help="Directory of the results.")] = Path("alflow-demo"),
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Relax C on Cu(100) from 3 Å above by active learning, in about a minute.

    Everything but the DFT is real: a MongoDB of your own, FireWorks, an `rlaunch` process. EMT stands in for DFT.
    """
    import time

    from ase.calculators.emt import EMT

    from al_workflows.analysis.baseline import relax_directly
    from al_workflows.analysis.figures import convergence_figure
    from al_workflows.preflight import claimed_directory, prepare, prepare_structure, writable_directory
    from al_workflows.results import write_result
    from launchpad.cli.progress import Progress
    from launchpad.cli.text import summary
    from launchpad.examples import copy_example

    output = writable_directory(output)
    path = copy_example("relax", output)
    prepared = prepare(path)
    # a name of its own, so that every demo is a new run
    dft = prepared.spec.dft.model_copy(update={"reuse": False})  # or the second demo would compute nothing
    spec = prepared.spec.model_copy(update={"name": time.strftime("demo-%Y%m%d-%H%M%S"), "dft": dft})
    prepared = prepare_structure(spec, prepared.start)
    target = spec.target_fmax or 0.03
    place = claimed_directory(output / prepared.run, prepared.run)
    print(f"Relaxing {prepared.start.symbols} to {target} eV/Å; EMT stands in for DFT.")
    result = through_fireworks(prepared, place, workers=1, launchpad_file=launchpad_file)
    write_result(result, place)
    with Progress("relaxing without a model as well, and drawing both"):
        baseline = relax_directly(prepared.start, EMT(), target)
        figure = place / "convergence.png"
        convergence_figure(result, target, figure, [baseline])
    print(summary(result))
    calls, verdict = result.dft_calls, result.verdict.kind.value.lower()
    energy = result.answer.energy if result.answer is not None else None
    lower = baseline.energies[-1] - energy if energy is not None else 0.0
    print(
        f"{verdict} to {target:g} eV/Å with {calls} DFT calls; "
        f"{baseline.optimizer} on the same surface takes {baseline.calls}"
        + (f" and stops {lower:.2f} eV higher, on a saddle" if lower > 0.01 else "")
    )
    print(f"Figure: {figure}")
    print(f"Next: alflow report {prepared.run}   alflow show {prepared.run}   alflow run {path}")
    print("(alflow db stop ends the local database)")
