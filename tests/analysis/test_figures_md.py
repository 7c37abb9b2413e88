"""Figures and page of a run of dynamics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ase.io
import pytest
from ase.calculators.emt import EMT

from al_workflows import offline
from al_workflows.analysis import figures_md
from al_workflows.analysis.figures_md import displacements, energies, force_errors, radial
from al_workflows.analysis.gallery import GALLERY, MD_GALLERY, Entry, gallery_of
from al_workflows.analysis.reference import with_reference
from al_workflows.analysis.report import write_report
from al_workflows.analysis.style import DARK, LIGHT, image
from al_workflows.analysis.trajectory_file import write_trajectory
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.errors import InputError
from al_workflows.history import RunHistory
from al_workflows.run_directory import read_run_directory
from tests.builders import label, run_spec, slab


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> RunHistory:
    directory, emt = tmp_path_factory.mktemp("md"), EMT()
    spec = run_spec(simulation={"kind": "md", "steps": 100, "equilibration": 40, "stride": 5, "validation_frames": 8})
    offline.run(spec, slab(1.0), directory, lambda request, where: single_point_in_process(request, emt, None, where))
    return read_run_directory(directory)


@pytest.mark.parametrize("entry", MD_GALLERY, ids=lambda entry: entry.name)
def test_every_figure_is_drawn_and_has_units(entry: Entry, history: RunHistory) -> None:
    figure = entry.draw(history, DARK)
    assert figure is not None
    axes = figure.axes[0]
    for text in (axes.get_xlabel(), axes.get_ylabel()):
        assert text in ("DFT calls", "cycle", "g(r) relative to its peak") or text.endswith(")"), text
    assert image(figure, "png").startswith(b"\x89PNG")


@pytest.mark.parametrize("entry", MD_GALLERY, ids=lambda entry: entry.name)
def test_a_run_that_has_nothing_yet_has_no_figure(entry: Entry) -> None:
    empty = RunHistory("run", run_spec(simulation={"kind": "md"}), slab())
    assert entry.draw(empty, LIGHT) is None
    entry.draw(replace(empty, labels=(label(slab()),)), LIGHT)
    assert entry in gallery_of(empty)


def test_checked_frames_lie_on_the_trajectory(history: RunHistory) -> None:
    figure = energies(history)
    assert figure is not None
    model, checked = figure.axes[0].lines
    assert len(model.get_xdata()) == 21
    assert len(checked.get_xdata()) == 8  # the frames of the validation
    times = dict(zip(model.get_xdata(), model.get_ydata(), strict=True))
    for time, energy in zip(checked.get_xdata(), checked.get_ydata(), strict=True):
        assert times[time] == pytest.approx(energy, abs=0.05)


def test_errors_fall_below_the_limit(history: RunHistory) -> None:
    figure = force_errors(history)
    assert figure is not None
    lines = {str(line.get_label()): line for line in figure.axes[0].lines}
    assert {"all free atoms", "Cu", "O", "limit 0.05 eV/Å", "bound (95 %)"} <= lines.keys()
    assert lines["all free atoms"].get_ydata()[-1] < 0.05
    assert lines["all free atoms"].get_xdata()[-1] == history.dft_calls


def test_a_trajectory_is_read_back(history: RunHistory, tmp_path: Path) -> None:
    last = max(history.pools)
    assert write_trajectory(history, tmp_path / "md.extxyz") == (last, 21)
    frames = ase.io.read(tmp_path / "md.extxyz", index=":")
    pool = history.pools[last]
    assert [frame.info["time_fs"] for frame in frames] == [5.0 * n for n in range(21)]
    assert frames[7].get_potential_energy() == pytest.approx(pool.energies[7])
    assert frames[7].get_forces(apply_constraint=False) == pytest.approx(pool.forces[7], abs=1e-7)
    assert frames[7].info["uncertainty"] == pytest.approx(pool.uncertainties[7])
    assert write_trajectory(history, tmp_path / "md.extxyz", cycle=1)[0] == 1
    with pytest.raises(InputError, match="no simulation of cycle 99; cycles that have one: 1, 2"):
        write_trajectory(history, tmp_path / "md.extxyz", cycle=99)
    with pytest.raises(InputError, match="none yet"):
        write_trajectory(replace(history, pools={}), tmp_path / "md.extxyz")


def test_a_reference_is_drawn_over_it(history: RunHistory, tmp_path: Path) -> None:
    path = tmp_path / "other.traj"
    ase.io.write(path, [slab(1.0, seed=seed) for seed in range(3)])
    figure = radial(with_reference(history, path))
    plain = radial(history)
    assert figure is not None
    assert plain is not None
    assert len(figure.axes[0].lines) == 2 * len(plain.axes[0].lines)
    ase.io.write(path, slab(1.0, size=(2, 2, 3)))
    with pytest.raises(InputError, match="frame 0 is Cu12O"):
        with_reference(history, path)
    with pytest.raises(InputError, match="cannot be read"):
        with_reference(history, tmp_path / "missing.traj")
    with pytest.raises(InputError, match="is of kind relaxation"):
        with_reference(RunHistory("run", run_spec(), slab()), path)


def test_frames_that_dft_answered_for_have_a_radial_distribution_if_they_are_many(
    history: RunHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = radial(history)
    monkeypatch.setattr(figures_md, "ENOUGH_FRAMES", 1)
    figure = radial(history)
    assert plain is not None
    assert figure is not None
    assert len(figure.axes[0].lines) == 2 * len(plain.axes[0].lines)


def test_a_relaxation_has_none_of_them() -> None:
    other = RunHistory("run", run_spec(), slab())
    assert gallery_of(other) == GALLERY
    assert all(draw(other) is None for draw in (force_errors, energies, radial, displacements))


def test_the_page_tells_errors_and_not_a_largest_force(history: RunHistory, tmp_path: Path) -> None:
    (tmp_path / "relaxation_energies.png").write_bytes(b"of an earlier run")
    text = write_report(history, tmp_path).read_text()
    assert "force error of O" in text
    assert "largest DFT force" not in text
    assert "drawn at random" in text
    assert (tmp_path / "radial.pdf").exists()
    assert not (tmp_path / "relaxation_energies.png").exists()
