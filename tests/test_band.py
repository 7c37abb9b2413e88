"""What a band tells, what the queries make of it, and what the criterion says: each outcome has its name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT

from al_workflows.band import has_barrier, minima_between, path_lengths, saddle_index, tangle
from al_workflows.path_ends import End, ends_so_far
from al_workflows.records import Pool, StopReason, VerdictKind
from al_workflows.simulations.neb import NudgedBand
from al_workflows.spec import NebSpec
from al_workflows.structures import max_force
from al_workflows.termination import Progress
from al_workflows.termination.barrier import PATIENCE, DftBarrier
from tests.bands import hop, neb_spec
from tests.builders import EMPTY, label
from tests.calculators import Constant

RNG = np.random.default_rng(0)


class Landscape(Calculator):  # type: ignore[misc]  # ase is untyped
    """One atom in a potential of x (eV), given by its polynomial's coefficients, lowest first; 5 eV/Å² in y and z."""

    implemented_properties = ("energy", "forces")

    def __init__(self, *coefficients: float) -> None:
        super().__init__()
        self._of_x = np.polynomial.Polynomial(coefficients)

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = ()) -> None:
        super().calculate(atoms, properties, system_changes)
        x, y, z = self.atoms.positions[0]
        energy = self._of_x(x) + 2.5 * (y**2 + z**2)
        forces = np.zeros((len(self.atoms), 3))
        forces[0] = [-self._of_x.deriv()(x), -5 * y, -5 * z]
        self.results = {"energy": float(energy), "forces": forces}


#: minima at -1 and 1 with 0.3 eV between them; one minimum at 0; minima at -1, 0 and 1; downhill to a shelf
DOUBLE_WELL = (0.3, 0.0, -0.6, 0.0, 0.3)
SINGLE_WELL = (0.0, 0.0, 0.5)
TRIPLE_WELL = (0.0, 0.0, 1.0, 0.0, -2.0, 0.0, 1.0)


def particle(x: float, y: float = 0.0) -> Atoms:
    from ase.constraints import FixAtoms

    # the fixed one is far below: an atom alone would have no directions in which it does not move as a whole
    return Atoms("H2", [[x, y, 0.0], [0.0, 0.0, -2.0]], constraint=FixAtoms([1]))


def band(landscape: Landscape, start: float, end: float, spec: NebSpec | None = None, relaxed: bool = False) -> Pool:
    ends = [particle(start), particle(end)]
    labels = [label_of(atoms, landscape) if relaxed else None for atoms in ends]
    found = (End(ends[0], labels[0]), End(ends[1], labels[1]))
    simulation = NudgedBand(spec or NebSpec(images=5, band_fmax=0.005), found, 0.2, None)
    return simulation.run(ends[0], landscape, ends, RNG)


def label_of(atoms: Atoms, calculator: Calculator) -> Any:
    copy = atoms.copy()
    copy.calc = calculator
    return label(atoms, energy=copy.get_potential_energy(), forces=copy.get_forces(apply_constraint=False))


def test_the_climbing_image_is_at_the_saddle() -> None:
    pool = band(Landscape(*DOUBLE_WELL), -0.8, 0.9)
    assert pool.stop_reason is StopReason.CONVERGED
    assert len(pool) == 7
    assert pool.energies[0] == pytest.approx(0.0, abs=1e-3)
    top = saddle_index(pool.energies)
    assert pool.energies[top] == pytest.approx(0.3, abs=1e-4)
    assert pool.positions[top, 0, 0] == pytest.approx(0.0, abs=1e-2)
    assert pool.measures["model_saddle_negative_modes"] == 1


@pytest.mark.parametrize("optimizer", ["FIRE", "BFGS", "MDMin"])
def test_the_path_may_be_relaxed_by_any_of_its_optimizers(optimizer: str) -> None:
    spec = NebSpec.model_validate({"images": 3, "optimizer": optimizer, "interpolation": "linear"})
    pool = band(Landscape(*DOUBLE_WELL), -0.9, 0.9, spec)
    assert pool.stop_reason is StopReason.CONVERGED
    assert pool.energies.max() == pytest.approx(0.3, abs=2e-3)


def test_ends_that_relax_into_each_other_are_named() -> None:
    pool = band(Landscape(*SINGLE_WELL), -0.5, 0.5)
    assert pool.stop_reason is StopReason.ENDS_MERGED
    assert len(pool) == 7


def test_a_path_without_a_barrier_is_named() -> None:
    slope = Landscape(0.0, 0.01)  # forces too small for the ends to move
    pool = band(slope, -1.0, 1.0)
    assert pool.stop_reason is StopReason.NO_BARRIER


def test_an_end_on_a_saddle_is_named() -> None:
    pool = band(Landscape(*DOUBLE_WELL), 0.0, 1.0, relaxed=True)
    assert pool.stop_reason is StopReason.SADDLE_AT_END
    assert "initial" in pool.stop_detail


def test_an_end_on_a_saddle_of_the_model_alone_is_left() -> None:
    pool = band(Landscape(*DOUBLE_WELL), 0.0, 1.0)
    assert pool.stop_reason in (StopReason.CONVERGED, StopReason.ENDS_MERGED)
    assert abs(pool.positions[0, 0, 0]) == pytest.approx(1.0, abs=0.05)


def test_minima_on_the_way_are_counted_and_the_highest_saddle_counts() -> None:
    spec = NebSpec(images=11, band_fmax=0.005)
    pool = band(Landscape(*TRIPLE_WELL), -1.0, 1.0, spec)
    assert pool.stop_reason is StopReason.CONVERGED
    assert pool.measures["model_minima_between"] == 1
    assert pool.energies.max() == pytest.approx(4 / 27, abs=2e-3)


def test_an_end_that_leaves_is_named() -> None:
    away = Landscape(0.0, -1.0, 0.01)
    pool = band(away, 2.0, 4.0)
    assert pool.stop_reason is StopReason.DETACHED
    assert "initial end" in pool.stop_detail
    assert len(pool) in (0, 7)


def test_a_model_without_numbers_gives_an_empty_pool() -> None:
    pool = band(Landscape(float("nan")), -1.0, 1.0)
    assert pool.stop_reason is StopReason.NOT_FINITE
    assert len(pool) == 0


def test_images_that_cross_or_collapse_are_no_path() -> None:
    straight = np.linspace(0.0, 3.0, 7)[:, None, None] * np.ones((1, 2, 3))
    assert tangle(straight) is None
    assert path_lengths(straight)[-1] == pytest.approx(3.0 * np.sqrt(6))
    crossed = straight[[0, 1, 4, 3, 2, 5, 6]]
    assert "crossed" in str(tangle(crossed))
    collapsed = straight.copy()
    collapsed[3] = collapsed[2] + 1e-3
    assert "collapsed" in str(tangle(collapsed))


def test_ripples_are_neither_minima_nor_barriers() -> None:
    assert minima_between(np.array([0.0, 0.1, 0.099, 0.2, 0.0])) == []
    assert minima_between(np.array([0.0, 0.1, 0.02, 0.2, 0.0])) == [2]
    assert not has_barrier(np.array([0.0, 0.004, 0.0]))
    assert has_barrier(np.array([0.0, 0.1, 0.0]))


# --- the criterion ----------------------------------------------------------------------------------------------


def emt_band(stop: StopReason = StopReason.CONVERGED, error: float = 0.0) -> Pool:
    """A band of EMT between relaxed hollows; its energies between the ends are off by ``error`` (eV)."""
    initial, final = hop(seed=0)
    spec = NebSpec(images=5, end_fmax=0.05)
    pool = NudgedBand(spec, (End(initial), End(final)), 0.5, None).run(initial, EMT(), [], RNG)
    energies = pool.energies.copy()
    energies[1:-1] += error
    return replace(pool, energies=energies, stop_reason=stop, stop_detail="as the test says")


@pytest.fixture(scope="module")
def sound() -> Pool:
    return emt_band()


def judged(pool: Pool, frames: tuple[int, ...], history: tuple[Any, ...] = (), **settings: Any) -> Any:
    labels = tuple(label(pool.frame(frame), 1, index) for index, frame in enumerate(frames))
    progress = Progress(len(history) or 1, EMPTY, labels, pool, (), history)
    spec = neb_spec(settings).simulation
    assert isinstance(spec, NebSpec)
    verdict = DftBarrier(spec).judge(progress)
    assert verdict is not None
    return verdict


def test_a_barrier_needs_the_saddle_and_both_ends(sound: Pool) -> None:
    top = saddle_index(sound.energies)
    whole = judged(sound, (top, 0, 6))
    assert whole.kind is VerdictKind.CONVERGED
    assert whole.label_key == "run/0001/00"
    for frames, missing in (((0, 6), "saddle"), ((top, 6), "initial end"), ((top, 0), "final end")):
        verdict = judged(sound, frames)
        assert verdict.kind is VerdictKind.CONTINUE
        assert f"{missing} has no DFT label" in verdict.reason
        assert "barrier_eV" not in verdict.evidence


def test_the_evidence_is_dfts(sound: Pool) -> None:
    top = saddle_index(sound.energies)
    off = replace(sound, energies=sound.energies + 0.004)
    evidence = judged(off, (top, 0, 6)).evidence
    assert evidence["saddle_error_eV"] == pytest.approx(0.004, abs=1e-6)
    assert evidence["barrier_eV"] == pytest.approx(sound.energies[top] - sound.energies[0], abs=1e-6)
    assert evidence["end_fmax_eV_per_A"] <= 0.05


def test_a_model_that_is_wrong_at_the_saddle_goes_on(sound: Pool) -> None:
    top, wrong = saddle_index(sound.energies), sound.energies.copy()
    wrong[top] += 0.02
    verdict = judged(replace(sound, energies=wrong), (top, 0, 6))
    assert verdict.kind is VerdictKind.CONTINUE
    assert "+0.0200 eV off" in verdict.reason


def test_forces_at_saddle_and_ends_count(sound: Pool) -> None:
    top = saddle_index(sound.energies)
    fmax = max_force(sound.frame(top), sound.forces[top])
    strict = judged(sound, (top, 0, 6), saddle_fmax=fmax / 2)
    assert "DFT forces at the saddle" in strict.reason
    assert judged(sound, (top, 0, 6), saddle_fmax=None).kind is VerdictKind.CONVERGED
    ends = judged(sound, (top, 0, 6), end_fmax=1e-6)
    assert "DFT forces of the initial end" in ends.reason


def test_a_band_that_the_model_has_not_relaxed_is_not_believed(sound: Pool) -> None:
    cut = replace(sound, stop_reason=StopReason.TRUST_RADIUS)
    verdict = judged(cut, (saddle_index(sound.energies), 0, 6))
    assert verdict.kind is VerdictKind.CONTINUE
    assert "not relaxed" in verdict.reason


def test_no_barrier_is_an_answer_without_a_number_for_one(sound: Pool) -> None:
    verdict = judged(replace(sound, stop_reason=StopReason.NO_BARRIER), (saddle_index(sound.energies), 0, 6))
    assert (verdict.kind, verdict.criterion) == (VerdictKind.CONVERGED, "path")
    assert "there is no barrier" in verdict.reason
    assert "barrier_eV" not in verdict.evidence
    assert "reaction_energy_eV" in verdict.evidence


@pytest.mark.parametrize(
    "stop",
    [
        StopReason.ENDS_MERGED,
        StopReason.SADDLE_AT_END,
        StopReason.BAND_TANGLED,
        StopReason.DETACHED,
        StopReason.TOO_CLOSE,
        StopReason.NOT_FINITE,
        StopReason.EXPLODED,
    ],
)
def test_what_is_no_path_fails_when_it_lasts_and_gives_no_number(stop: StopReason, sound: Pool) -> None:
    from al_workflows.records import Cycle

    pool, frames = replace(sound, stop_reason=stop, stop_detail="words"), (saddle_index(sound.energies), 0, 6)
    history: tuple[Cycle, ...] = ()
    for _ in range(PATIENCE):
        verdict = judged(pool, frames, history)
        assert "barrier_eV" not in verdict.evidence
        if verdict.kind is VerdictKind.FAILED:
            break
        history = (*history, Cycle(len(history), verdict, 1, 0.1, 0.0, 0.8, {}))
    assert verdict.kind is VerdictKind.FAILED
    assert "words" in verdict.reason
    mended = judged(sound, frames, history)
    assert mended.kind is VerdictKind.CONVERGED


def test_constant_energies_are_no_barrier() -> None:
    initial, final = hop(seed=0)
    ends = ends_so_far(NebSpec(), initial, final, [])
    pool = NudgedBand(NebSpec(images=3), ends, 0.5, None).run(initial, Constant(-1.0), [], RNG)
    assert pool.stop_reason is StopReason.NO_BARRIER
