"""Settings: hashes, availability, and the code's own name."""

from __future__ import annotations

import pytest

from al_workflows.dft import gpaw as gpaw_backend
from al_workflows.dft.settings import backend_for, check_available, dft_hash, limits, own_settings
from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.spec import AseSpec, EmtSpec, GpawSpec

LJ = "ase.calculators.lj.LennardJones"


@pytest.fixture
def gpaw_1(monkeypatch):
    monkeypatch.setattr(gpaw_backend, "distribution_version", lambda name: "1.0")


def test_limits_do_not_enter_the_hash():
    assert dft_hash(EmtSpec()) == dft_hash(
        EmtSpec(timeout=1, max_attempts=9, scf_retries=9, min_distance=0, max_force=1)
    )


def test_whatever_changes_numbers_enters_the_hash(gpaw_1, monkeypatch):
    specs = [
        EmtSpec(),
        AseSpec(calculator=LJ),
        AseSpec(calculator=LJ, arguments={"sigma": 2.0}),
        AseSpec(calculator="ase.calculators.morse.MorsePotential"),
        GpawSpec(),
        GpawSpec(parameters={"xc": "PBE"}),
    ]
    hashes = [dft_hash(spec) for spec in specs]
    assert len(set(hashes)) == len(specs)
    monkeypatch.setattr(gpaw_backend, "distribution_version", lambda name: "1.1")
    assert dft_hash(GpawSpec()) not in hashes


def test_a_default_written_out_is_the_same_setting(gpaw_1):
    assert dft_hash(GpawSpec(parameters={"xc": "RPBE"})) == dft_hash(GpawSpec())
    assert dft_hash(GpawSpec(parameters={"txt": "elsewhere.txt"})) == dft_hash(GpawSpec())
    changed = backend_for(GpawSpec()).settings()
    changed["mode"]["ecut"] = 1
    assert backend_for(GpawSpec()).settings()["mode"]["ecut"] == 400


def test_every_setting_has_one_place():
    spec = AseSpec(calculator=LJ, arguments={"sigma": 2.0})
    assert own_settings(spec) == {"calculator": LJ, "arguments": {"sigma": 2.0}}
    assert set(limits(spec)) == {"timeout", "max_attempts", "scf_retries", "min_distance", "max_force", "reuse"}
    assert {*own_settings(spec), *limits(spec), "kind"} == set(AseSpec.model_fields)


def test_codes_name_their_version():
    import ase

    assert backend_for(EmtSpec()).code() == f"ase-emt {ase.__version__}"
    assert backend_for(AseSpec(calculator=LJ)).code() == f"{LJ} (ase {ase.__version__})"
    assert backend_for(AseSpec(calculator="tests.dft.misbehaving.Good")).code() == "tests.dft.misbehaving.Good"


def test_gpaw_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(gpaw_backend, "distribution_version", lambda name: None)
    with pytest.raises(EnvironmentProblem, match=r"pip install al-workflows\[gpaw\]"):
        dft_hash(GpawSpec())
    monkeypatch.setitem(__import__("sys").modules, "gpaw", None)
    with pytest.raises(EnvironmentProblem, match="GPAW cannot be imported"):
        check_available(GpawSpec(), ["Cu"])


@pytest.mark.parametrize("spec", [EmtSpec(), AseSpec(calculator=LJ, arguments={"sigma": 2.0})])
def test_what_is_there_is_found(spec):
    check_available(spec, {"Cu", "C"})


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        (EmtSpec(), InputError, "EMT has no parameters for Fe, Ru; it knows Ag, Al, "),
        (AseSpec(calculator="no_such_package.Calc"), EnvironmentProblem, "no_such_package cannot be imported"),
        (AseSpec(calculator="ase.calculators.lj.LenardJones"), InputError, "`LenardJones` does not exist in"),
        (AseSpec(calculator="ase.calculators.lj.cutoff_function"), InputError, "is not a class of ASE's Calculator"),
        (AseSpec(calculator="ase.atoms.Atoms"), InputError, "`Atoms` is not a class of ASE's Calculator"),
        (
            AseSpec(calculator="tests.dft.misbehaving.Good", arguments={"logg": 1}),
            InputError,
            r"`dft.arguments` is \{'logg': 1\} but tests.dft.misbehaving.Good does not take it",
        ),
    ],
)
def test_what_is_not_there_is_named(spec, error, message):
    with pytest.raises(error, match=message) as caught:
        check_available(spec, ["Ru", "Fe", "Cu"])
    assert "\n" not in str(caught.value)
