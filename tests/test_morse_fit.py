"""Morse parameters from single points: known curves come back, spins and cells are right, failures have names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ase.calculators.morse import MorsePotential

from al_workflows.dft.single_point import single_point_in_process
from al_workflows.errors import InputError
from al_workflows.morse_fit.curve import fit_width, minimum, morse_energy
from al_workflows.morse_fit.element import Labeller, Outcome, conclude, fit_element
from al_workflows.morse_fit.points import check_element, expected_distance, first_points, more_points, series
from al_workflows.morse_fit.spec import MorseFitSpec, load_fit_spec, parse_fit_spec
from al_workflows.morse_fit.states import DIMERS, atom_multiplicity
from al_workflows.morse_fit.table import table, write_fit
from al_workflows.potential.priors.dimers import element_parameters, read_parameters, shipped_parameters
from al_workflows.preflight import prepare
from al_workflows.records import Label, LabelStatus, Request
from al_workflows.spec import DftSpec, GpawSpec, MorseParameters, MorsePriorSpec
from tests.builders import label as emt_label
from tests.builders import slab

TRUE = MorseParameters(well_depth=2.1, r_e=2.31, a=1.45)


def analytic(curve: MorseParameters = TRUE) -> dict[str, Any]:
    """The arguments of ASE's Morse potential; its cutoff is far out but nearer than the images."""
    return {"epsilon": curve.well_depth, "r0": curve.r_e, "rho0": curve.a * curve.r_e, "rcut1": 2.9, "rcut2": 3.1}


def fit_spec(**changes: Any) -> MorseFitSpec:
    dft = {"kind": "ase", "calculator": "ase.calculators.morse.MorsePotential", "arguments": analytic()}
    return parse_fit_spec({"dft": dft} | changes)


def labeller(calculator: Any, change: Callable[[Label], dict[str, Any]] = lambda _: {}) -> Labeller:
    """Labels by ``calculator`` in this process, with ``change`` made to each."""

    def answer(request: Request, dft: DftSpec, directory: Path) -> Label:
        label = single_point_in_process(request, calculator, dft, directory)
        return Label.from_dict(label.to_dict() | change(label))

    return answer


@pytest.mark.parametrize("well_depth", [0.3, 2.0, 10.0])
@pytest.mark.parametrize("a", [1.2, 2.8])
@pytest.mark.parametrize("off", [0.95, 1.0, 1.04])
def test_a_known_curve_comes_back(well_depth: float, a: float, off: float, tmp_path: Path) -> None:
    curve = MorseParameters(well_depth=well_depth, r_e=2.2, a=a)
    spec = fit_spec(elements={"Cu": {"r_e": 2.2 / off}})
    fit = fit_element("Cu", spec, tmp_path, labeller(MorsePotential(**analytic(curve))))
    assert fit.outcome is Outcome.FITTED
    assert fit.curve is not None
    found = fit.curve.parameters
    assert found.well_depth == pytest.approx(well_depth, rel=1e-3)
    assert found.r_e == pytest.approx(2.2, abs=1e-3)
    assert found.a == pytest.approx(a, rel=1e-3)
    assert fit.curve.residual < 1e-3 * well_depth
    assert len(fit.curve.distances) >= 7


@pytest.mark.parametrize("wrong", [0.62, 1.5])
def test_a_minimum_beyond_the_grid_is_found_in_a_second_round(wrong: float, tmp_path: Path) -> None:
    spec = fit_spec(elements={"Cu": {"r_e": TRUE.r_e * wrong}})
    label = labeller(MorsePotential(**analytic()))
    first = [label(point.request, point.dft, tmp_path) for point in first_points("Cu", spec)]
    more = more_points("Cu", spec, first)
    assert more
    assert all(point.request.key.split("/")[1] == "0001" for point in more)
    fit = fit_element("Cu", spec, tmp_path, label)
    assert fit.curve is not None, fit.cause
    assert fit.curve.parameters.r_e == pytest.approx(TRUE.r_e, abs=2e-3)
    assert fit.curve.parameters.well_depth == pytest.approx(TRUE.well_depth, rel=3e-3)


def test_no_second_round_where_the_minimum_was_met(tmp_path: Path) -> None:
    label = labeller(MorsePotential(**analytic()))
    first = [label(point.request, point.dft, tmp_path) for point in first_points("Cu", fit_spec())]
    assert more_points("Cu", fit_spec(), first) == ()


def test_width_is_the_least_squares_one() -> None:
    distances = np.linspace(2.0, 3.5, 9)
    noisy = morse_energy(distances, TRUE) + np.random.default_rng(0).normal(0, 0.02, 9)
    fit = fit_width(distances, noisy, TRUE.well_depth, TRUE.r_e)

    def residual(a: float) -> float:
        curve = TRUE.model_copy(update={"a": a})
        return float(np.sqrt(np.mean((morse_energy(distances, curve) - noisy) ** 2)))

    assert fit.residual == pytest.approx(residual(fit.parameters.a))
    for other in (0.99, 1.01):
        assert residual(other * fit.parameters.a) > fit.residual


def test_a_stretched_dimer_above_two_atoms_is_left_out() -> None:
    distances = np.array([2.1, 2.31, 2.5, 2.8, 3.5])
    energies = morse_energy(distances, TRUE)
    energies[-1] = 0.4
    fit = fit_width(distances, energies, TRUE.well_depth, TRUE.r_e)
    assert fit.distances == (2.1, 2.31, 2.5, 2.8)
    assert fit.parameters.a == pytest.approx(TRUE.a, rel=1e-5)


def test_no_minimum_without_a_turn() -> None:
    distances = np.linspace(2.0, 3.0, 5)
    assert minimum(distances, -distances, -np.ones(5)) is None


def test_an_unbound_dimer_is_named(tmp_path: Path) -> None:
    lower = labeller(MorsePotential(**analytic()), lambda one: {"energy": -9.0} if len(one.atoms) == 1 else {})
    fit = fit_element("Cu", fit_spec(), tmp_path, lower)
    assert fit.outcome is Outcome.NOT_BOUND
    assert fit.curve is None
    assert "eV above two atoms but must be below" in fit.cause
    assert "# Cu: not bound at these settings: Cu2 at 2.310 Å" in table([fit], fit_spec())


def test_a_curve_that_only_rises_or_falls_is_named(tmp_path: Path) -> None:
    fit = fit_element("Cu", fit_spec(elements={"Cu": {"r_e": 6.0}}), tmp_path, labeller(MorsePotential(**analytic())))
    assert fit.outcome is Outcome.NO_MINIMUM
    assert "r_e" in fit.cause


def test_failed_single_points_are_named(tmp_path: Path) -> None:
    def no_atom(one: Label) -> dict[str, Any]:
        failed = {"status": "scf_not_converged", "energy": None, "forces": None, "cause": "333 iterations"}
        return failed if len(one.atoms) == 1 else {}

    fit = fit_element("Cu", fit_spec(), tmp_path, labeller(MorsePotential(**analytic()), no_atom))
    assert fit.outcome is Outcome.DFT_FAILED
    assert "the lone atom, 2S+1 = 2" in fit.cause
    assert "scf_not_converged: 333 iterations" in fit.cause


def test_points_of_two_electronic_states_are_named(tmp_path: Path) -> None:
    def excited(one: Label) -> dict[str, Any]:
        return {"energy": (one.energy or 0.0) + 0.15} if one.key.endswith("/07") else {}

    fit = fit_element("Cu", fit_spec(), tmp_path, labeller(MorsePotential(**analytic()), excited))
    assert len(fit.remarks) == 2  # up, and down again
    assert "from 2.664 to 2.997 Å the energy changes by +0.1" in fit.remarks[0]
    assert yaml.safe_load(table([fit], fit_spec()))["Cu"]["remarks"] == list(fit.remarks)
    assert fit_element("Cu", fit_spec(), tmp_path, labeller(MorsePotential(**analytic()))).remarks == ()


def test_a_failed_distance_is_left_out(tmp_path: Path) -> None:
    def no_short_one(one: Label) -> dict[str, Any]:
        failed = {"status": "crashed", "energy": None, "forces": None, "cause": "gone"}
        return failed if one.key.endswith("/01") else {}

    fit = fit_element("Cu", fit_spec(), tmp_path, labeller(MorsePotential(**analytic()), no_short_one))
    assert fit.curve is not None
    assert len(fit.distances) == 7
    assert "DFT failed in 1 single point (the dimer at 1.9977 Å" in fit.remarks[0]
    assert fit.curve.parameters.a == pytest.approx(TRUE.a, rel=1e-3)


@pytest.mark.parametrize(("element", "atom", "dimer"), [("Cu", 1, 0), ("O", 2, 2), ("N", 3, 0), ("Pd", 0, 2)])
def test_spins(element: str, atom: int, dimer: int) -> None:
    spec = parse_fit_spec({"dft": {"kind": "gpaw", "parameters": {"xc": "PBE", "kpts": {"size": [4, 4, 1]}}}})
    for point in first_points(element, spec):
        moments = point.request.atoms.get_initial_magnetic_moments()
        wanted = atom if len(moments) == 1 else dimer
        assert moments.sum() == wanted
        assert isinstance(point.dft, GpawSpec)
        found = point.dft.parameters
        assert found["xc"] == "PBE"
        assert found["kpts"] == {"size": [1, 1, 1], "gamma": True}
        assert found["occupations"].get("fixmagmom", False) is (wanted > 0)
        restored = Request.from_dict(point.request.to_dict()).atoms
        np.testing.assert_array_equal(restored.get_initial_magnetic_moments(), moments)


def test_the_table_of_dimers_is_possible() -> None:
    for element in DIMERS:
        check_element(element, fit_spec())
    assert [atom_multiplicity(element) for element in ("H", "C", "N", "O", "Al", "Pd", "Pt")] == [2, 3, 4, 3, 2, 1, 3]


def test_points_share_a_cell_with_room_around_them() -> None:
    spec = fit_spec(box=7.0)
    points = first_points("Cu", spec)
    for point in points:
        atoms = point.request.atoms
        np.testing.assert_array_equal(atoms.cell.array, points[0].request.atoms.cell.array)
        assert atoms.pbc.all()
        extent = np.ptp(atoms.positions, axis=0)
        assert (atoms.cell.lengths() - extent >= 7.0 - 1e-3).all()
    assert len({point.request.key for point in points}) == len(points) == 9


def test_what_decides_the_numbers_makes_another_series() -> None:
    names = {series("Cu", spec) for spec in (fit_spec(), fit_spec(box=9.0), fit_spec(elements={"Cu": {"dimer": 3}}))}
    assert len(names) == 3
    longer = fit_spec(dft=fit_spec().dft.model_dump() | {"timeout": 5})
    assert series("Cu", longer) == series("Cu", fit_spec())
    assert series("O", fit_spec()).startswith("O-")


def test_an_element_that_is_not_shipped_starts_from_covalent_radii() -> None:
    assert "Rh" not in shipped_parameters()
    assert expected_distance("Rh", fit_spec()) == pytest.approx(2 * 1.42)


@pytest.mark.parametrize(
    ("element", "changes", "said"),
    [
        ("Xx", {}, "'Xx' is not a chemical element"),
        ("Fe", {}, r"multiplicity of Fe2 .* `elements: \{Fe: \{dimer: 2S\+1\}\}"),
        ("Cu", {"elements": {"Cu": {"atom": 3}}}, r"elements.Cu.atom` is 3 but must be even"),
        ("Cu", {"elements": {"Cu": {"dimer": 2}}}, r"elements.Cu.dimer` is 2 but must be odd"),
        ("Cu", {"dft": {"kind": "emt"}, "overrides": {"a": 1}}, r"`overrides` .* emt has no settings"),
    ],
)
def test_elements_that_cannot_be_fitted_are_refused(element: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_element(element, fit_spec(**changes))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("structure: a.traj", "no `dft:` section"),
        ("dft: [", "not valid YAML"),
        ("dft: {kind: emt}\nbox: 2", "`box` is 2 but"),
        ("dft: {kind: emt}\nboxx: 2", "`boxx` is not a key"),
        ("dft: {kind: emt}\nelements: {Cu: {r: 2}}", "`elements.Cu.r` is not a key"),
    ],
)
def test_a_bad_file_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "fit.yaml").write_text(text)
    with pytest.raises(InputError, match=said.replace("[", r"\[")):
        load_fit_spec(tmp_path / "fit.yaml")


def test_a_runs_file_will_do(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("structure: a.traj\nsimulation: {kind: relaxation}\ndft: {kind: emt}\nseed: 3\n")
    assert load_fit_spec(tmp_path / "run.yaml") == parse_fit_spec({"dft": {"kind": "emt"}})


def test_the_table_goes_into_a_run(tmp_path: Path) -> None:
    spec = fit_spec()
    fits = [fit_element(element, spec, tmp_path, labeller(MorsePotential(**analytic()))) for element in ("Cu", "H")]
    assert fits[1].outcome is Outcome.NO_MINIMUM  # H is looked for at 0.74 Å: one more round does not reach 2.31 Å
    write_fit(fits, spec, tmp_path)
    assert (tmp_path / "morse.png").read_bytes().startswith(b"\x89PNG")
    entry = yaml.safe_load((tmp_path / "morse.yaml").read_text())["Cu"]
    assert entry["multiplicity"] == {"atom": 2, "dimer": 1}
    assert entry["fitted_points"] == len(entry["points"]) == 8
    assert entry["literature"]["r_e"] == 2.2197
    assert entry["settings"]["arguments"] == analytic()
    assert read_parameters(tmp_path / "morse.yaml").keys() == {"Cu"}
    slab(2.4).write(tmp_path / "start.traj")
    content = {"structure": "start.traj", "simulation": {"kind": "relaxation"}, "dft": {"kind": "emt"}}
    prior = {"kind": "morse", "file": "morse.yaml"}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(content | {"potential": {"prior": prior}}))
    prepared = prepare(tmp_path / "run.yaml").spec.potential.prior
    assert isinstance(prepared, MorsePriorSpec)
    assert prepared.file is None  # the curves travel with the run, not the file
    assert prepared.parameters["Cu"].r_e == pytest.approx(TRUE.r_e, abs=1e-3)
    own = MorsePriorSpec(file=tmp_path / "morse.yaml", parameters={"Cu": TRUE})
    assert element_parameters(["Cu"], own) == [TRUE]


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "cannot be read"), ("- 1", "holds no element"), ("Cu: {r_e: 2}", "Cu is"), ("Cu: {r_e: [", "not YAML")],
)
def test_a_bad_parameters_file_is_refused(text: str | None, said: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "morse.yaml").write_text(text)
    with pytest.raises(InputError, match=rf"potential\.prior\.file.*{said}"):
        element_parameters(["Cu"], MorsePriorSpec(file=tmp_path / "morse.yaml"))


def test_nothing_is_computed_twice(tmp_path: Path) -> None:
    spec = parse_fit_spec({"dft": {"kind": "emt"}})
    first = fit_element("Cu", spec, tmp_path)
    attempts = sorted(tmp_path.rglob("attempt_*"))
    assert first.outcome is Outcome.FITTED
    assert len(attempts) == 9
    again = fit_element("Cu", spec, tmp_path)
    assert sorted(tmp_path.rglob("attempt_*")) == attempts
    assert table([again], spec) == table([first], spec)


def test_conclude_needs_the_atom(tmp_path: Path) -> None:
    atoms = [point.request.atoms for point in first_points("Cu", fit_spec())[1:]]
    failed = emt_label(first_points("Cu", fit_spec())[0].request.atoms, status=LabelStatus.TIMED_OUT)
    fit = conclude("Cu", fit_spec(), [failed, *(emt_label(one) for one in atoms)])
    assert fit.outcome is Outcome.DFT_FAILED
    assert "it broke" in fit.cause


@pytest.mark.gpaw
def test_hydrogen_by_gpaw(tmp_path: Path) -> None:
    pytest.importorskip("gpaw", reason="GPAW is not installed (.ci/install_gpaw)")
    spec = parse_fit_spec({"dft": {"kind": "gpaw", "parameters": {"mode": {"name": "pw", "ecut": 300}}}, "box": 6.0})
    fit = fit_element("H", spec, tmp_path)
    assert fit.curve is not None, fit.cause
    # RPBE's H2 is bound by 4.6 eV; without spin polarisation of the atom it would be 6.8
    assert fit.curve.parameters.well_depth == pytest.approx(4.6, abs=0.2)
    assert fit.curve.parameters.r_e == pytest.approx(0.75, abs=0.02)
