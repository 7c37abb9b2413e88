"""A Morse fit through FireWorks on a real mongod gives the file of the fit in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import rapidfire

from al_workflows.morse_fit.element import fit_element
from al_workflows.morse_fit.table import table
from fw_specs.morse import submit_morse
from tests.test_morse_fit import TRUE, fit_spec


@pytest.fixture(autouse=True)
def in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def work(launchpad: LaunchPad, tmp_path: Path) -> None:
    scratch = tmp_path / "launchers"
    scratch.mkdir(exist_ok=True)
    rapidfire(launchpad, FWorker(), m_dir=str(scratch), sleep_time=0)


@pytest.mark.workflow
def test_a_fit_through_fireworks_is_the_fit_in_process(lpad: LaunchPad, tmp_path: Path) -> None:
    # Ag is looked for in the right place, Cu so wrongly that a second round is needed
    spec = fit_spec(elements={"Cu": {"r_e": 0.62 * TRUE.r_e}, "Ag": {"r_e": TRUE.r_e}}, dft=fast())
    assert submit_morse(lpad, ["Cu", "Ag"], spec, tmp_path / "out")
    assert not submit_morse(lpad, ["Cu", "Ag"], spec, tmp_path / "out")
    work(lpad, tmp_path)
    assert {fw["state"] for fw in lpad.fireworks.find({}, {"state": 1})} == {"COMPLETED"}
    assert lpad.fireworks.count_documents({"spec.al_step": "fit"}) == 2
    assert (tmp_path / "out" / "morse.png").exists()
    written = (tmp_path / "out" / "morse.yaml").read_text()
    found = yaml.safe_load(written)
    for element, relative in (("Ag", 1e-3), ("Cu", 5e-3)):
        assert found[element]["well_depth"] == pytest.approx(TRUE.well_depth, rel=relative)
        assert found[element]["r_e"] == pytest.approx(TRUE.r_e, rel=relative)
        assert found[element]["a"] == pytest.approx(TRUE.a, rel=relative)
    # in this process, from nothing and from the directories that the workers left
    for root in (tmp_path / "direct", tmp_path / "out" / "work"):
        assert table([fit_element(element, spec, root) for element in ("Cu", "Ag")], spec) == written


@pytest.mark.workflow
def test_rerunning_a_firework_changes_nothing(lpad: LaunchPad, tmp_path: Path) -> None:
    spec = fit_spec(elements={"Cu": {"r_e": 0.62 * TRUE.r_e}}, dft=fast())
    submit_morse(lpad, ["Cu"], spec, tmp_path / "out")
    work(lpad, tmp_path)
    written, number = (tmp_path / "out" / "morse.yaml").read_text(), lpad.fireworks.count_documents({})
    (first,) = lpad.fireworks.find({"spec.al_step": "fit", "spec.al_cycle": 0}, {"fw_id": 1})
    lpad.rerun_fw(first["fw_id"])
    lpad.db["al_labels"].delete_many({})  # the files know as much
    work(lpad, tmp_path)
    assert lpad.fireworks.count_documents({}) == number
    assert (tmp_path / "out" / "morse.yaml").read_text() == written


def fast() -> dict[str, object]:
    return fit_spec().dft.model_dump() | {"max_attempts": 1}
