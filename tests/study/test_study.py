"""A study on a tiny system: it is made, kept, taken up again, made afresh, and written with all that belongs to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import ase.io
import pytest
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.calculators.emt import EMT

from al_workflows.benchmark.peers import PEERS
from al_workflows.benchmark.tables import Table
from al_workflows.dft.spec import AseSpec
from al_workflows.errors import InputError
from al_workflows.study.arms import ours, random_queries
from al_workflows.study.catalogue import STUDIES, study_of
from al_workflows.study.curves import learning_curve
from al_workflows.study.direct import direct, reference, the_one
from al_workflows.study.learned import Learned, learned
from al_workflows.study.parent import Failing, dft_of
from al_workflows.study.rows import NOTES, by_arm, row
from al_workflows.study.study import Findings, Study, history_of, make, write
from al_workflows.study.systems import StudySystem
from al_workflows.study.trial import ENERGY, NEGATIVE, Setting, Task, Trial
from tests.builders import slab


def start(seed: int) -> tuple[Atoms, None]:
    return slab(1.4, seed=seed), None


TINY = StudySystem("tiny", start)
QUICK = {"potential": {"kind": "gaussian_process", "features": 60, "members": 2, "descriptor": {"g4_eta": []}}}
ARMS = [ours("quick", "few features", QUICK), ours("random", "two random frames", QUICK, random_queries(1, 2))]


def plan(setting: Setting) -> Sequence[Task]:
    simulation = {"kind": "relaxation", "fmax": 0.05}
    return [
        *reference(TINY, setting.seeds, setting.dft, setting.root),
        *direct([TINY], [PEERS["BFGS"]], setting.seeds, 0.05, setting.dft, setting.root),
        *learned([TINY], ARMS, setting.seeds, simulation, setting.dft, setting.root),
    ]


def conclude(setting: Setting, trials: Sequence[Trial]) -> Findings:
    true = [trial for trial in trials if trial.arm == "reference"]
    arms = by_arm(trials)
    figure = learning_curve(setting, {"quick": arms["quick"]}, true[0], True)
    rows = [row(name, some, true) for name, some in arms.items()]
    return Findings([Table("Tiny", rows, NOTES)], {"curve": (figure, "a curve"), "none": (None, "no such thing")})


STUDY = Study("tiny", "nowhere", "a tiny one", plan, conclude, elements=("Cu", "O"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Setting, list[Trial]]:
    setting = Setting(tmp_path_factory.mktemp("study"), (0,))
    return setting, make(STUDY, setting)


def test_all_are_counted_alike_and_end_where_the_reference_does(made: tuple[Setting, list[Trial]]) -> None:
    _, trials = made
    true, peer, quick, asked = trials
    assert [trial.arm for trial in trials] == ["reference", "BFGS", "quick", "random"]
    assert true.converged
    assert peer.converged
    assert quick.converged
    assert (asked.outcome, asked.calls) == ("BUDGET_SPENT", 3)
    assert asked.end is not None  # where the model of all labels goes
    assert quick.curves["energies"][0] == peer.curves["energies"][0]
    assert len(quick.curves["energies"]) == quick.calls - quick.failed
    shown = row("quick", [quick], [true])
    assert (shown.calls, shown.converged, shown.saddles) == (quick.calls, "1/1", "0/1")
    assert shown.energy == pytest.approx(abs(quick.numbers[ENERGY] - true.numbers[ENERGY]))
    assert shown.energy < 0.01
    assert shown.structure is not None
    assert shown.structure < 0.05
    assert row("random", [asked], [true]).by_seed == ("(3)",)
    assert Trial.from_dict(quick.to_dict()).to_dict() == quick.to_dict()


def test_what_is_made_is_not_made_again(made: tuple[Setting, list[Trial]], monkeypatch: pytest.MonkeyPatch) -> None:
    setting, trials = made
    heard: list[tuple[str, int, bool]] = []

    def again(seeds: tuple[int, ...], fresh: bool = False, arms: tuple[str, ...] = ()) -> list[Trial]:
        heard.clear()
        wanted = Setting(setting.root, seeds, arms=arms)
        return make(STUDY, wanted, fresh=fresh, listener=lambda one, old, *_: heard.append((one.arm, one.seed, old)))

    assert [one.to_dict() for one in again((0,))] == [one.to_dict() for one in trials]
    assert all(old for *_, old in heard)
    again((0, 1), arms=("BFGS",))
    assert heard == [
        ("reference", 0, True),
        ("BFGS", 0, True),
        ("reference", 1, False),
        ("BFGS", 1, False),
    ]
    afresh = again((0,), fresh=True, arms=("quick",))
    assert heard == [("reference", 0, False), ("quick", 0, False)]
    assert afresh[1].curves == trials[2].curves  # the same seed gives the same numbers


def test_an_interrupted_study_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setting, real, made = Setting(tmp_path, (0,)), Learned.run, []

    def stop(self: Learned) -> Trial:
        if self.name == "random":
            raise KeyboardInterrupt
        made.append(self.name)
        return real(self)

    monkeypatch.setattr(Learned, "run", stop)
    with pytest.raises(KeyboardInterrupt):
        make(STUDY, setting)
    monkeypatch.setattr(Learned, "run", lambda self: made.append(self.name) or real(self))
    assert len(make(STUDY, setting)) == 4
    assert made == ["quick", "random"]


def test_all_is_written(made: tuple[Setting, list[Trial]]) -> None:
    setting, trials = made
    _, written = write(STUDY, setting, trials, "alflow study tiny")
    names = {path.name for path in written}
    assert names == {"curve.png", "curve.pdf", "tiny.md", "tiny.json", "tiny-ends.extxyz"}
    text = (setting.root / "tiny.md").read_text()
    assert "    alflow study tiny" in text
    assert "- published: Shuaibi et al., arXiv 2008.10773" in text
    assert "- seeds: 0" in text
    assert "- date: 20" in text
    assert "![curve](curve.png)\n\n*a curve*" in text
    assert "Not drawn (none): no such thing" in text
    data = json.loads((setting.root / "tiny.json").read_text())
    assert [trial["arm"] for trial in data["trials"]] == ["reference", "BFGS", "quick", "random"]
    assert {"ase", "torch"} <= data["settings"]["versions"].keys()
    ends = ase.io.read(setting.root / "tiny-ends.extxyz", index=":")
    assert [atoms.info["arm"] for atoms in ends] == ["reference", "BFGS", "quick", "random"]
    history = history_of(setting, trials[2])
    assert history is not None
    assert history.dft_calls == trials[2].calls
    assert history_of(setting, trials[1]) is None


def test_emt_fails_where_dft_would() -> None:
    atoms = slab(1.6)
    atoms.calc = Failing()
    free = slab(1.6)
    free.calc = EMT()
    assert atoms.get_potential_energy() == free.get_potential_energy()
    assert atoms.get_forces() == pytest.approx(free.get_forces())
    near = near_start(0)[0]
    near.calc = Failing()
    with pytest.raises(CalculationFailed, match="times the sum of their covalent radii"):
        near.get_potential_energy()
    pressed = Atoms("Pt2", [(0, 0, 0), (0, 0, 0.61 * 2 * 1.36)])
    pressed.calc = Failing()
    with pytest.raises(CalculationFailed, match="the force on an atom is 114 eV/Å"):
        pressed.get_potential_energy()


def near_start(seed: int) -> tuple[Atoms, None]:
    """O 0.8 Å above an atom."""
    atoms = slab(1.6)
    atoms.positions[-1] = atoms.positions[-2] + [0.0, 0.0, 0.8]
    return atoms, None


def test_a_failed_calculation_counts(tmp_path: Path) -> None:
    near = StudySystem("near", near_start)
    setting = Setting(tmp_path, (0,))
    (peer,) = direct([near], [PEERS["BFGS"]], (0,), 0.05, setting.dft, tmp_path)
    found = peer.run()
    assert (found.outcome, found.calls, found.failed) == ("crashed", 1, 1)
    free = [ours("free", "", QUICK)]
    (mine,) = learned(
        [near], free, (0,), {"kind": "relaxation"}, setting.dft.model_copy(update={"min_distance": 0.0}), tmp_path
    )
    trial = mine.run()
    assert (trial.outcome, trial.calls, trial.failed, trial.images) == ("FAILED", 1, 1, ())
    assert "the sum of their covalent radii" in trial.remark


def test_a_code_of_its_own_computes_each_geometry_once_for_all_arms(tmp_path: Path) -> None:
    dft = AseSpec(calculator="ase.calculators.emt.EMT")
    (peer,) = direct([TINY], [PEERS["BFGS"]], (0,), 1.0, dft, tmp_path)
    (mine,) = learned([TINY], ARMS[:1], (0,), {"kind": "relaxation", "fmax": 1.0}, dft, tmp_path)
    theirs, found = peer.run(), mine.run()
    assert theirs.converged
    assert found.converged
    assert found.curves["energies"][0] == theirs.curves["energies"][0]
    assert NEGATIVE not in found.numbers  # what is not asked for a run's sake costs nothing
    places = list((tmp_path / "points").iterdir())
    assert len(places) <= theirs.calls + found.calls - 1
    before = {place: (place / "label.json").stat().st_mtime_ns for place in places}
    assert mine.run().curves == found.curves
    assert {place: (place / "label.json").stat().st_mtime_ns for place in (tmp_path / "points").iterdir()} == before


def test_what_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="study 'table3' is not known; give one of table1, table2"):
        study_of("table3")
    with pytest.raises(InputError, match=r"arm 'offline' is not one of study table2; give some of BFGS-0\.04, "):
        STUDIES["table2"].tasks(Setting(tmp_path, (0,), arms=("offline",)))
    with pytest.raises(InputError, match="cannot be read"):
        dft_of(tmp_path / "none.yaml")
    (tmp_path / "run.yaml").write_text("simulation: {kind: relaxation}\n")
    with pytest.raises(InputError, match="has no `dft:` section"):
        dft_of(tmp_path / "run.yaml")
    (tmp_path / "run.yaml").write_text("structure: any.xyz\ndft: {kind: ase, calculator: ase.calculators.emt.EMT}\n")
    assert dft_of(tmp_path / "run.yaml").kind == "ase"
    with pytest.raises(InputError, match="no trial 'reference' with an answer"):
        the_one([], "reference")


def test_ends_on_a_saddle_are_counted() -> None:
    one = Trial("s", "a", 0, "CONVERGED", "", 4, 0, {ENERGY: 1.0, NEGATIVE: 2.0}, {}, (slab(1.6),), "", 0.0)
    true = Trial("s", "reference", 0, "CONVERGED", "", 9, 0, {ENERGY: 1.2}, {}, (slab(1.6),), "", 0.0)
    shown = row("a", [one], [true])
    assert shown.saddles == "1/1"
    assert shown.lower == pytest.approx(-0.2)
    assert (shown.energy, shown.structure) == (None, None)  # elsewhere than the reference, and nobody looked below
