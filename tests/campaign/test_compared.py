"""A campaign's ends beside those of plain DFT."""

from __future__ import annotations

import pytest

from al_workflows.campaign.compared import Direct, compare, conclusion
from al_workflows.campaign.results import campaign_results
from tests.campaign.test_results import outcome, references


def test_ends_are_the_same_lower_or_higher() -> None:
    members = [outcome("fcc", -14.5), outcome("hcp", -14.8), outcome("top", -13.0), outcome("far", -13.0)]
    results = campaign_results("c", [*references(), *members])
    direct = {
        "slab": Direct(-10.001, 7, "converged"),
        "O2": Direct(-4.0, 5, "converged"),
        "fcc": Direct(-14.497, 12, "converged"),
        "hcp": Direct(-14.5, 12, "converged"),
        "top": Direct(-13.2, 30, "converged"),
        "far": Direct(None, 400, "calls spent"),
    }
    found = {one.entry.outcome.key: one for one in compare(results.entries, direct)}
    assert {key: one.ends for key, one in found.items()} == {
        "slab": "same",
        "O2": "same",
        "fcc": "same",
        "hcp": "lower",
        "top": "higher",
        "far": "-",
    }
    assert found["fcc"].adsorption_difference == pytest.approx(-0.003 - 0.001)
    assert found["slab"].adsorption_difference is None
    text = conclusion(list(found.values()), "BFGS")
    assert "6 relaxations: 30 DFT calls, BFGS 466" in text
    assert "hcp ends 300 meV lower than BFGS" in text
    assert "top ends 200 meV higher than BFGS" in text
    assert "far: BFGS: calls spent" in text
    assert "adsorption energies differ by 4.00 meV at most" in text


def test_members_that_plain_dft_was_not_asked_about_are_left_out() -> None:
    results = campaign_results("c", [*references(), outcome("fcc", -14.5)])
    (one,) = compare(results.entries, {"fcc": Direct(-14.5, 12, "converged")})
    assert one.ends == "same"
    assert one.adsorption_difference is None  # of its references plain DFT's energy is not known
    assert one.row()["direct_dft_calls"] == 12
