"""Figures show the numbers of the run, with units, in both themes; and none where there is nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from al_workflows.analysis.figures_model import energy_parity, force_parity, uncertainty
from al_workflows.analysis.figures_run import dft_force, relaxation_energies, step_seconds, structure_error
from al_workflows.analysis.gallery import GALLERY, Entry
from al_workflows.analysis.metrics import predictions, relaxed_errors
from al_workflows.analysis.style import DARK, LIGHT, Style, image
from al_workflows.history import RunHistory
from al_workflows.records import LabelStatus
from al_workflows.structures import max_force
from tests.builders import label, run_spec, slab

COUNTS = ("DFT calls", "training images", "step of the relaxation on the model", "cycle")


def panel(figure: Figure | None) -> Axes:
    assert figure is not None
    return figure.axes[0]


def ids(entry: Entry) -> str:
    return entry.name


@pytest.mark.parametrize("style", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("entry", GALLERY, ids=ids)
def test_every_figure_has_units_and_keeps_to_its_theme(entry: Entry, style: Style, history: RunHistory) -> None:
    figure = entry.draw(history, style)
    axes = panel(figure)
    assert figure is not None
    for text in (axes.get_xlabel(), axes.get_ylabel()):
        assert text in COUNTS or text.endswith(("(eV)", "(eV/Å)", "(Å)", "(s)")), text
    assert figure.get_facecolor() == axes.get_facecolor() == to_rgba(style.paper)
    assert axes.xaxis.label.get_color() == style.ink
    png = image(figure, "png")
    assert png.startswith(b"\x89PNG")
    assert image(figure, "pdf").startswith(b"%PDF")
    again = entry.draw(history, style)
    assert again is not None
    assert image(again, "png") == png


@pytest.mark.parametrize("entry", GALLERY, ids=ids)
def test_a_run_that_has_nothing_yet_has_no_figure(entry: Entry) -> None:
    assert entry.draw(RunHistory("run", run_spec(), slab()), LIGHT) is None


@pytest.mark.parametrize("entry", GALLERY, ids=ids)
def test_a_run_with_one_label_or_only_failures_is_drawn_or_left_out(entry: Entry) -> None:
    one = RunHistory("run", run_spec(), slab(), labels=(label(slab()),))
    failed = replace(one, labels=(label(slab(), status=LabelStatus.CRASHED),))
    for history in (one, failed):
        figure = entry.draw(history, LIGHT)
        assert (figure is not None) == (entry.name == "dft_force")
        if figure is not None:
            assert image(figure, "png").startswith(b"\x89PNG")


def test_a_run_of_one_network_has_no_figure_of_its_uncertainty(history: RunHistory) -> None:
    certain = tuple(replace(one, request=replace(one.request, uncertainty=0.0)) for one in history.labels)
    assert uncertainty(replace(history, labels=certain)) is None


def test_the_force_figure_shows_each_call_the_target_and_failures(history: RunHistory) -> None:
    lines = {line.get_label(): line for line in panel(dft_force(history)).lines}
    expected = [max_force(one.atoms, one.forces) for one in history.labels if one.forces is not None]
    assert np.asarray(lines["single point"].get_ydata()) == pytest.approx(expected)
    numbers = [number for number, one in enumerate(history.labels, 1) if one.ok]
    assert list(lines["single point"].get_xdata()) == numbers
    assert set(lines["target 0.05 eV/Å"].get_ydata()) == {0.05}
    (failed,) = (number for number, one in enumerate(history.labels, 1) if not one.ok)
    assert list(lines["failed"].get_xdata()) == [failed]
    assert np.asarray(lines["lowest so far"].get_ydata())[-1] == pytest.approx(min(expected))


def test_relaxations_are_the_pools_energies_above_the_answer(history: RunHistory) -> None:
    axes = panel(relaxation_energies(history))
    answer = history.answer
    assert answer is not None
    assert answer.energy is not None
    solid = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert len(solid) == len(history.relaxations)
    for line, pool in zip(solid, history.relaxations.values(), strict=True):
        assert np.asarray(line.get_ydata()) == pytest.approx(pool.energies - answer.energy)
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert len(points) == sum(one.ok for one in history.labels) - 1  # all but the start
    low, high = axes.get_ylim()
    assert all(low < float(np.asarray(point.get_ydata())[0]) < high for point in points)


def test_the_zero_of_the_answer_is_not_drawn_on_a_logarithmic_axis(history: RunHistory) -> None:
    _, line = panel(structure_error(history)).lines
    errors = [error.structure for error in relaxed_errors(history) if error.structure > 0]
    assert np.asarray(line.get_ydata()) == pytest.approx(errors)


def test_parity_shows_what_was_predicted(history: RunHistory) -> None:
    found = predictions(history.labels)
    points = panel(energy_parity(history)).collections[0].get_offsets()
    zero = min(one.dft_energy for one in found)
    expected = [(one.dft_energy - zero, one.model_energy - zero) for one in found]
    assert np.asarray(points) == pytest.approx(np.array(expected))
    components = panel(force_parity(history)).collections[0].get_offsets()
    assert len(np.asarray(components)) == 3 * len(history.start) * len(found)


def test_the_uncertainty_figure_compares_like_with_like(history: RunHistory) -> None:
    axes = panel(uncertainty(history))
    found = predictions(history.labels)
    points = np.asarray(axes.collections[0].get_offsets())
    assert points == pytest.approx(np.array([(one.uncertainty, one.force_error) for one in found]))
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlim() == axes.get_ylim()


def test_the_bars_add_up_to_the_time_of_the_cycle(history: RunHistory) -> None:
    axes = panel(step_seconds(history))
    tops = {}
    for bar in axes.patches:
        middle = round(bar.get_x() + bar.get_width() / 2)  # type: ignore[attr-defined]
        tops[middle] = max(tops.get(middle, 0.0), bar.get_y() + bar.get_height())  # type: ignore[attr-defined]
    spent = {cycle.index: sum(cycle.seconds.values()) for cycle in history.cycles if sum(cycle.seconds.values())}
    assert tops == pytest.approx(spent)
