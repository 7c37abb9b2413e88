"""The published numbers that ours stand beside are those of arXiv 2008.10773, and each stands beside its own arm."""

from __future__ import annotations

from dataclasses import astuple

from al_workflows.study import figure3, published, table2


def test_tables_1_and_2() -> None:
    assert {key: astuple(word)[:3] for key, word in published.TABLE_1.items()} == {
        (20, 1): (20, 0.0063, 0.0037),
        (10, 2): (20, 0.0069, 0.0063),
        (5, 4): (20, 0.0080, 0.0067),
    }
    found = {name: astuple(word)[:3] for name, (_, word) in table2.ARMS.items() if word is not None}
    assert found == {
        "offline-0.03": (17, 0.0039, 0.0032),
        "offline-0.05": (15, 0.0049, 0.0059),
        "offline-no-prior-0.05": (None, None, None),
        "online-0.05": (30, 0.0073, 0.0107),
        "online-no-prior-0.05": (22, 0.2884, 0.0263),
    }
    assert published.OFFLINE_NO_PRIOR.remark == "does not converge"
    assert published.DFT.calls == 51
    assert (published.INITIAL.energy, published.INITIAL.structure) == (2.82, 0.15)


def test_barriers_and_dynamics() -> None:
    found = {name: word.calls for name, (_, word) in figure3.BAND_ARMS.items() if word is not None}
    assert found == {"random": 26, "uncertainty": 16.6, "saddle-ends": 14.6}
    assert published.BAND_DFT.calls == 161
    assert (published.DYNAMICS_CYCLE, published.DYNAMICS_QUERIES) == ({300: 6, 800: 3}, 50)
    assert published.SAVED == (0.71, 0.75, 0.91)
