"""Is it a minimum? The paper's symmetric start ends in the hollow, and a minimum is known for one at little cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from al_workflows.benchmark.peers import PEERS
from al_workflows.dft.spec import EmtSpec
from al_workflows.study.direct import Direct
from al_workflows.study.learned import Learned
from al_workflows.study.minimum import ARMS, TARGET
from al_workflows.study.systems import CARBON, HOLLOW, StudySystem
from al_workflows.study.trial import ENERGY, NEGATIVE, Trial

WORDS = {arm.name: arm for arm in ARMS}


def by(word: str, system: StudySystem, root: Path) -> Trial:
    simulation = {"kind": "relaxation", "fmax": TARGET}
    return Learned(system, WORDS[word], 0, simulation, EmtSpec(), root).run()


@pytest.fixture(scope="module")
def stationary(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """Where a peer ends from the symmetric start: forces vanish, and it is a saddle."""
    found = Direct(CARBON, PEERS["BFGS"], 0, TARGET, EmtSpec(), tmp_path_factory.mktemp("peer")).run()
    assert found.converged
    assert found.numbers[NEGATIVE] > 0
    return found


@pytest.mark.parametrize("word", ["if_unsure", "always"])
def test_from_a_symmetric_start_it_ends_in_the_hollow(word: str, stationary: Trial, tmp_path: Path) -> None:
    found = by(word, CARBON, tmp_path)
    assert found.converged
    assert found.numbers[NEGATIVE] == 0
    assert found.numbers[ENERGY] - stationary.numbers[ENERGY] == pytest.approx(-0.33, abs=0.02)
    assert found.calls < stationary.calls


@pytest.mark.parametrize(("word", "most"), [("never", 1), ("if_unsure", 2), ("always", 2)])
def test_a_start_that_is_a_minimum_costs_one_call_more_at_most(word: str, most: int, tmp_path: Path) -> None:
    found = by(word, HOLLOW, tmp_path)
    assert found.converged
    assert 1 <= found.calls <= most
