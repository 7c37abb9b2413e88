"""What a run file may say of priors, and what is said of them before a run begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ase import Atoms
from ase.build import fcc111
from pydantic import TypeAdapter

from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.potential import check_prior
from al_workflows.preflight import prepare_structure
from al_workflows.prior_spec import each_morse
from al_workflows.spec import MorsePriorSpec, PriorSpec, SumPriorSpec
from al_workflows.spec_file import load_spec
from tests.builders import run_spec, slab


def checked(start: Atoms, **settings: Any) -> tuple[str, ...]:
    return check_prior(start, TypeAdapter(PriorSpec).validate_python(settings))


def ruthenium() -> Atoms:
    atoms = fcc111("Ru", (2, 2, 2), a=3.8, vacuum=6.0)
    atoms.symbols[0], atoms.symbols[7] = "Cu", "O"
    return atoms


BAD_KEYS: list[tuple[dict[str, Any], list[str]]] = [
    ({"kind": "repulsive", "reach": 1.0}, ["potential.prior.reach", "not a key"]),
    ({"kind": "repulsive", "zero_beyond": 1.2}, ["potential.prior.zero_beyond", "1.2", "less than or equal to 1"]),
    ({"kind": "repulsive", "full_below": 0.8}, ["zero_beyond 0.75", "larger than full_below 0.8"]),
    ({"kind": "ase"}, ["potential.prior.calculator", "missing"]),
    ({"kind": "ase", "calculator": "LennardJones"}, ["potential.prior.calculator", "LennardJones"]),
    ({"kind": "ase", "calculator": "a.B", "argument": {}}, ["potential.prior.argument`", "not a key"]),
    ({"kind": "morse", "missing": "none"}, ["potential.prior.missing", "'none'", "repulsive"]),
    ({"kind": "sum"}, ["potential.prior.terms", "missing"]),
    ({"kind": "sum", "terms": []}, ["potential.prior.terms", "one prior at least"]),
    ({"kind": "sum", "terms": [{"kind": "morse"}, {}]}, ["potential.prior.terms.1", "kind"]),
    ({"kind": "sum", "terms": [{"kind": "morse", "cutof": 5}]}, ["potential.prior.terms.0.cutof", "not a key"]),
    ({"kind": "zbl"}, ["potential.prior", "zbl", "morse, repulsive, ase, sum, none"]),
]


@pytest.mark.parametrize(("prior", "said"), BAD_KEYS, ids=[str(prior) for prior, _ in BAD_KEYS])
def test_a_bad_key_is_named(prior: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        run_spec(potential={"prior": prior})
    assert all(text in str(caught.value) for text in said), caught.value
    assert "more)" not in str(caught.value)


LJ, EMT = "ase.calculators.lj.LennardJones", "ase.calculators.emt.EMT"
BAD_CALCULATORS: list[tuple[type[Exception], str, dict[str, Any], list[str]]] = [
    (InputError, "os.path.join", {}, ["potential.prior.calculator", "is not a class", LJ]),
    (InputError, "ase.calculators.lj.Lenard", {}, ["Lenard", "does not exist"]),
    (EnvironmentProblem, "nowhere.Calc", {}, ["nowhere", "cannot be imported", "install"]),
    (InputError, "tests.calculators.Constant", {"energi": 1.0}, ["potential.prior.arguments", "energi", "keywords"]),
    (InputError, LJ, {"rc": "far"}, ["potential.prior.arguments", "far", "cannot be made", "keywords"]),
    (InputError, EMT, {}, [EMT, "Ru", "another prior"]),
    (InputError, "tests.calculators.Constant", {"energy": float("inf")}, ["inf eV", "finite", "correct"]),
    (InputError, "tests.calculators.Constant", {"energy": 0.0, "atoms": 3}, ["(3, 3)", "must give (8, 3)"]),
]


@pytest.mark.parametrize(
    ("kind", "calculator", "arguments", "said"),
    BAD_CALCULATORS,
    ids=[" ".join(case[3][:2]) for case in BAD_CALCULATORS],
)
def test_a_calculator_that_will_not_do_is_found_out(
    kind: type[Exception], calculator: str, arguments: dict[str, Any], said: list[str]
) -> None:
    for wrap in (lambda prior: prior, lambda prior: {"kind": "sum", "terms": [{"kind": "morse"}, prior]}):
        with pytest.raises(kind) as caught:
            checked(ruthenium(), **wrap({"kind": "ase", "calculator": calculator, "arguments": arguments}))
        assert all(text in str(caught.value) for text in said), caught.value
        assert "\n" not in str(caught.value)


def test_an_element_without_parameters_is_a_remark() -> None:
    (line,) = checked(ruthenium(), kind="morse", missing="repulsive")
    assert "no Morse parameters for Ru (only for Cu, O)" in line
    assert "repulsive" in line
    assert "for Cu-Ru, O-Ru, Ru-Ru;" in line
    assert "alflow fit-morse Ru" in line
    (line,) = checked(ruthenium(), kind="morse", missing="estimate")
    assert "covalent radii until the refit for Cu-Ru" in line
    with pytest.raises(InputError, match="Ru"):
        checked(ruthenium(), kind="morse", missing="error")
    assert checked(Atoms("Ru2"), kind="morse")[0].startswith(
        "no Morse parameters for Ru (only for none of its elements)"
    )


def test_nothing_is_said_of_what_is_known() -> None:
    assert checked(slab(), kind="morse") == ()
    assert checked(ruthenium(), kind="repulsive") == checked(ruthenium(), kind="none") == ()
    assert checked(slab(), kind="ase", calculator=EMT) == ()
    terms = [{"kind": "morse"}, {"kind": "sum", "terms": [{"kind": "morse", "missing": "estimate"}]}]
    assert len(checked(ruthenium(), kind="sum", terms=terms)) == 2
    assert prepare_structure(run_spec(), slab()).remarks == ()
    unknown = run_spec(dft={"kind": "ase", "calculator": LJ})
    assert "Ru" in prepare_structure(unknown, ruthenium()).remarks[0]


def test_parameters_of_a_file_reach_the_terms_of_a_sum(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"Cu": {"well_depth": 0.5, "r_e": 2.6, "a": 1.2}}))
    slab().write(tmp_path / "start.traj")
    run = {"structure": "start.traj", "simulation": {"kind": "relaxation"}, "dft": {"kind": "emt"}}
    prior = {"kind": "sum", "terms": [{"kind": "repulsive"}, {"kind": "morse", "file": "mine.yaml"}]}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run | {"potential": {"prior": prior}}))
    spec = load_spec(tmp_path / "run.yaml")
    prepared = prepare_structure(spec, slab()).spec.potential.prior
    assert isinstance(prepared, SumPriorSpec)
    morse = prepared.terms[1]
    assert isinstance(morse, MorsePriorSpec)
    assert morse.parameters["Cu"].r_e == 2.6
    assert morse.file is None
    seen: list[MorsePriorSpec] = []
    each_morse(prepared, lambda one: seen.append(one) or one)
    assert seen == [morse]
