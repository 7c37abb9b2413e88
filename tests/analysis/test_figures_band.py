"""The figures of a path, and its page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.io import write

from al_workflows import offline
from al_workflows.analysis.figures_band import band_energies, barrier_error
from al_workflows.analysis.figures_saddle import saddle_convergence
from al_workflows.analysis.gallery import BAND_GALLERY, gallery_of
from al_workflows.analysis.metrics import barrier_errors
from al_workflows.analysis.reference import with_reference
from al_workflows.analysis.report import page, write_report
from al_workflows.analysis.style import LIGHT
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.errors import InputError
from al_workflows.history import RunHistory
from al_workflows.run_directory import read_run_directory
from tests.bands import hop, neb_spec
from tests.builders import run_spec, slab


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> RunHistory:
    directory, (initial, final) = tmp_path_factory.mktemp("run"), hop(seed=0)
    offline.run(
        neb_spec(),
        initial,
        directory,
        lambda request, where: single_point_in_process(request, EMT(), directory=where),
        final=final,
    )
    return read_run_directory(directory)


def test_each_cycle_has_its_band(history: RunHistory) -> None:
    figure = band_energies(history)
    assert figure is not None
    axes = figure.axes[0]
    drawn = [line for line in axes.lines if len(line.get_xdata()) == 7]
    assert len(drawn) == len(history.bands) == len(history.cycles) - 1
    last = drawn[-1]
    assert history.verdict is not None
    assert max(last.get_ydata()) == pytest.approx(history.verdict.evidence["barrier_eV"], abs=0.01)
    assert axes.get_ylim()[1] > max(last.get_ydata())


def test_the_barriers_error_falls_to_the_tolerance(history: RunHistory) -> None:
    errors = barrier_errors(history)
    assert [error.cycle for error in errors] == list(history.bands)
    assert abs(errors[-1].error) < 0.01 < abs(errors[0].error)
    figure = barrier_error(history)
    assert figure is not None
    assert np.asarray(figure.axes[0].lines[0].get_xdata()).tolist() == [error.images for error in errors]


def test_the_saddle_converges_by_dfts_word(history: RunHistory) -> None:
    figure = saddle_convergence(history)
    assert figure is not None
    axes = figure.axes[0]
    lines = {str(line.get_label()).partition(" (")[0]: line for line in axes.lines}
    assert set(lines) == {
        "|model − DFT| energy at the saddle",
        "DFT force at the saddle",
        "DFT force at the ends",
        "limit",
    }
    assert list(lines.pop("limit").get_ydata()) == [1.0, 1.0]
    for line in lines.values():  # the run has converged: all are below their limits in its last cycle
        assert line.get_xdata()[-1] == history.cycles[-1].index
        assert line.get_ydata()[-1] <= 1.0
    assert lines["DFT force at the saddle"].get_ydata()[0] > 1.0
    assert history.verdict is not None
    force = history.verdict.evidence["saddle_fmax_eV_per_A"]
    assert lines["DFT force at the saddle"].get_ydata()[-1] == pytest.approx(force / 0.05)


def test_a_relaxation_has_no_saddle_to_converge() -> None:
    assert saddle_convergence(RunHistory("run", run_spec(), slab())) is None


def test_another_band_is_drawn_over_it(history: RunHistory, tmp_path: Path) -> None:
    images = [history.bands[max(history.bands)].frame(index) for index in range(7)]
    write(tmp_path / "bare.extxyz", images)
    with pytest.raises(InputError, match="frame 0 has no energy"):
        with_reference(history, tmp_path / "bare.extxyz")
    for image in images:
        image.calc = EMT()
        image.get_potential_energy()
    write(tmp_path / "band.extxyz", images)
    figure = band_energies(with_reference(history, tmp_path / "band.extxyz"))
    assert figure is not None
    drawn = next(line for line in figure.axes[0].lines if line.get_label() == "reference")
    assert drawn.get_ydata()[0] == 0.0
    assert history.verdict is not None
    assert max(drawn.get_ydata()) == pytest.approx(history.verdict.evidence["barrier_eV"], abs=0.01)


def test_a_path_without_records_has_no_figures() -> None:
    initial, final = hop()
    empty = RunHistory("run", neb_spec(), initial, final=final)
    assert [entry.draw(empty, LIGHT) for entry in BAND_GALLERY] == [None] * len(BAND_GALLERY)
    assert gallery_of(empty) == BAND_GALLERY
    assert "band_energies" not in {entry.name for entry in gallery_of(RunHistory("run", run_spec(), slab()))}


def test_the_page_says_the_barrier(history: RunHistory, tmp_path: Path) -> None:
    assert history.verdict is not None
    content = page(history, [])
    assert "<dt>barrier</dt>" in content
    assert f"{history.verdict.evidence['barrier_eV']:.4f} eV" in content
    write_report(history, tmp_path)
    assert {"band_energies.png", "barrier_error.pdf"} <= {path.name for path in tmp_path.iterdir()}
    assert not (tmp_path / "structure_error.png").exists()
