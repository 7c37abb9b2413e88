"""What `alflow supervise` reads of a directory that `alflow init` made."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from fireworks.utilities.fw_serializers import load_object

from al_workflows.errors import InputError
from launchpad.cluster import Facts, job_files
from launchpad.feed import read_categories
from launchpad.init import template_text


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Files of the categories ml and dft; the jobs of dft take several single points."""
    facts = {"ml": Facts(), "dft": Facts(pack=4, array=3)}
    for name, content in job_files(tmp_path, facts, ["alflow"]).items():
        (tmp_path / name).write_text(yaml.safe_dump(content))
    (tmp_path / "slurm_template.txt").write_text(template_text())
    return tmp_path


def test_the_files_of_init_are_categories(place: Path) -> None:
    dft, ml = read_categories(place, {"dft": 50}, 4)
    assert (dft.name, dft.job_name, dft.cap, dft.reserves) == ("dft", "alflow-dft", 50, False)
    assert (ml.name, ml.job_name, ml.cap, ml.reserves) == ("ml", "alflow-ml", 4, True)
    assert ml.worker.category == "ml"
    assert (dft.at_once, dft.parts) == (4, 3)
    assert (ml.at_once, ml.parts) == (1, 1)


def test_a_job_keeps_its_categorys_name_whatever_firework_it_is_for(place: Path) -> None:
    _, ml = read_categories(place, {}, 4)
    copy = load_object(ml.adapter.to_dict())  # as FireWorks does before it names the job after its Firework
    copy.update({"job_name": "run_0_train", "walltime": "00:01:00"})
    script = copy.get_script_str(str(place))
    assert "#SBATCH --job-name=alflow-ml\n" in script
    assert "#SBATCH --time=00:01:00\n" in script


def test_an_array_beyond_the_cap_is_refused(place: Path) -> None:
    with pytest.raises(InputError, match="submits 3 jobs at once, but at most 2 are allowed"):
        read_categories(place, {"dft": 2}, 4)


def test_what_is_missing_or_wrong_is_said(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(InputError, match="`alflow init"):
        read_categories(tmp_path_factory.mktemp("empty"), {}, 4)
    with pytest.raises(InputError, match="category `gpu` is not in"):
        read_categories(place, {"gpu": 1}, 4)
    (place / "my_fworker_ml.yaml").write_text("name: x\n")
    with pytest.raises(InputError, match="needs `name`, `category`"):
        read_categories(place, {}, 4)
    (place / "my_fworker_ml.yaml").unlink()
    with pytest.raises(InputError, match="is not there"):
        read_categories(place, {}, 4)
    (place / "my_qadapter_ml.yaml").write_text("- a\n")
    with pytest.raises(InputError, match="keys and values"):
        read_categories(place, {}, 4)
