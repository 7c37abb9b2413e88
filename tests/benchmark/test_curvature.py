"""The curvature study: symmetric starts, and rows that say what the parent's Hessian says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.calculators.emt import EMT

from al_workflows.benchmark.curvature import PointRow, Study, curvature_study
from al_workflows.benchmark.curvature_tables import by_kind, document
from al_workflows.benchmark.sites import SITES, Site, draw_sites
from al_workflows.structures import min_distance_ratio


def point(true: float, model: float, verdict: str, false: bool = False, negative: int = 0) -> PointRow:
    tells = int(model < 0)
    return PointRow("x", 0, 0, 3, negative, true, tells, model, tells, model, true, verdict, 2, false)


def test_sites_are_drawn_by_their_seed_alone_and_none_twice() -> None:
    sites = draw_sites(2020, 18)
    assert sites == draw_sites(2020, 20)[:18] != draw_sites(1, 18)
    assert len(set(sites)) == 18
    assert len({site.metal for site in sites}) >= 6
    assert {site.site for site in sites} <= {"ontop", "bridge", "hollow", "fcc"}


@pytest.mark.parametrize("facet", SITES)
def test_a_start_is_symmetric_and_not_in_the_metal(facet: str) -> None:
    for site in SITES[facet]:
        atoms = Site("Cu", facet, "O", site).start()
        assert min_distance_ratio(atoms).ratio > 0.7
        atoms.calc = EMT()
        assert np.abs(atoms.get_forces()[-1, :2]).max() < 1e-3  # along the surface


def test_a_saddle_and_the_minimum_below_it(tmp_path: Path) -> None:
    told: list[Study] = []
    study = curvature_study(1, [Site("Cu", "100", "O", "bridge")], fmax=0.05, listener=told.append)
    assert told == [study]
    saddle, *_, minimum = study.points
    assert (saddle.true_negative, saddle.verdict, saddle.place) == (1, "saddle", 0)
    assert saddle.dft_curvature == pytest.approx(saddle.true_curvature, abs=0.05)
    assert (minimum.true_negative, minimum.verdict, minimum.calls) == (0, "minimum", 1)
    assert not any(row.false for row in study.points)
    (run,) = study.runs
    assert (run.verdict, run.negative, run.questions) == ("CONVERGED", 0, len(study.points))
    assert run.gain is not None
    assert run.gain > 0.1
    assert run.displaced == sum(row.calls for row in study.points)
    assert Study.from_dict(study.to_dict()) == study
    written = document(study, "alflow …", {"seeds": 1}).write(tmp_path, "curvature")
    assert "saddle of order 1" in written[0].read_text()


def test_what_the_parent_contradicts_is_counted_as_false_and_a_flat_one_never() -> None:
    rows = [
        point(0.3, 0.2, "minimum"),
        point(0.3, -0.2, "saddle", false=True),
        point(-0.3, 0.1, "minimum", false=True, negative=1),
        point(-0.3, -0.1, "undecided", negative=1),
        point(-0.02, -0.2, "saddle"),
    ]
    found = {row.kind: row for row in by_kind(rows)}
    assert found.keys() == {"minimum", "saddle of order 1", "flat", "all"}
    both = found["all"]
    assert (both.points, both.false, both.undecided, both.verdict) == (5, 2, 1, 2)
    assert (both.model, both.retrained, both.calls) == (3, 3, 2.0)
    assert found["flat"].model == 1
