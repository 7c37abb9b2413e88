"""Learning curves of the studies: errors of the model's relaxed structures and barriers against training images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from matplotlib.figure import Figure

from al_workflows.analysis.metrics import barrier_errors, relaxed_errors, structure_mae
from al_workflows.analysis.style import LIGHT, legend, new_axes, whole_numbers
from al_workflows.study.rows import SAME_ENERGY, SAME_STRUCTURE
from al_workflows.study.study import history_of
from al_workflows.study.trial import ENERGIES, ENERGY, Setting, Trial

#: what a logarithmic axis shows of an error that is smaller (eV, Å)
FLOOR = 1e-5
#: errors are capped there: a model without prior may be off by anything (eV, Å)
CEILING = 100.0
COLOURS = (LIGHT.blue, LIGHT.red, LIGHT.green, LIGHT.pink, LIGHT.yellow)


def truth_of(trial: Trial, reference: Trial) -> tuple[Atoms, float] | None:
    """What a relaxation is held against: the reference, if its end is near that; None (its own answer) if not."""
    assert reference.end is not None, "a reference has an end"
    energy = reference.numbers[ENERGY]
    if trial.end is None or ENERGY not in trial.numbers:
        return reference.end, energy
    near = structure_mae(trial.end, reference.end) <= SAME_STRUCTURE
    return (reference.end, energy) if near and abs(trial.numbers[ENERGY] - energy) <= SAME_ENERGY else None


def learning_curve(
    setting: Setting, arms: Mapping[str, Sequence[Trial]], reference: Trial, structures: bool
) -> Figure | None:
    """Energy errors (or, of ``structures``, structure MAEs) of the relaxed structures of each cycle, arm by arm.

    A thin line for each seed, a thick one for the median of those that have so many images.
    """
    what = "structure MAE of the relaxed structure (Å)" if structures else "|model energy − true energy| (eV)"
    figure, axes = new_axes(LIGHT, "training images", what)
    for number, (arm, trials) in enumerate(arms.items()):
        colour, found = COLOURS[number % len(COLOURS)], defaultdict[int, list[float]](list)
        for trial in trials:
            history = history_of(setting, trial)
            errors = [] if history is None else relaxed_errors(history, truth_of(trial, reference))
            points = {error.images: _shown(error.structure if structures else error.model) for error in errors}
            axes.plot(list(points), list(points.values()), "-", color=colour, lw=0.8, alpha=0.4)
            for images, size in points.items():
                found[images].append(size)
        middle = {images: median(sizes) for images, sizes in sorted(found.items())}
        failed = sum(trial.failed for trial in trials)
        said = f"{arm} ({failed} failed DFT)" if failed else arm
        axes.plot(list(middle), list(middle.values()), "o-", color=colour, lw=1.6, ms=4, label=said)
    if not axes.lines:
        return None
    axes.set_yscale("log")
    whole_numbers(axes)
    legend(axes, LIGHT)
    return figure


def barrier_curve(setting: Setting, arms: Mapping[str, Sequence[Trial]], truths: Mapping[int, float]) -> Figure | None:
    """Errors of each cycle's barrier against training images; ``truths`` (eV) are by seed."""
    figure, axes = new_axes(LIGHT, "training images", "|barrier − true barrier| (eV)")
    for number, (arm, trials) in enumerate(arms.items()):
        colour, dashes = COLOURS[number % len(COLOURS)], ("o-", "s--")[number // len(COLOURS) % 2]
        for trial in trials:
            history = history_of(setting, trial)
            errors = [] if history is None else barrier_errors(history, truths[trial.seed])
            first = trial is trials[0]
            sizes = [_shown(error.error) for error in errors]
            label = arm if first else None
            axes.plot([error.images for error in errors], sizes, dashes, color=colour, ms=4, lw=1.2, label=label)
    if not axes.lines:
        return None
    axes.axhline(0.01, color=LIGHT.ink, ls="--", lw=1, label="tolerance 0.01 eV")
    axes.set_yscale("log")
    axes.set_ylim(top=100.0)  # room for the legend
    whole_numbers(axes)
    legend(axes, LIGHT)
    return figure


def with_energies(trial: Trial) -> tuple[Atoms, ...]:
    """The images of a band with their DFT energies."""
    images = []
    for atoms, energy in zip(trial.images, trial.curves[ENERGIES], strict=True):
        images.append(atoms.copy())
        images[-1].calc = SinglePointCalculator(images[-1], energy=energy)
    return tuple(images)


def _shown(error: float) -> float:
    return min(max(abs(error), FLOOR), CEILING) if error == error else CEILING
