"""Least privilege: a worker needs readWrite on its database, whoever looks needs read and writes nothing."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fireworks import LaunchPad

from al_workflows.campaign.states import Limits
from fw_specs.campaign_store import CampaignStore
from launchpad.campaign_reference import keep_comparison
from launchpad.local_mongo import LocalMongo
from launchpad.mongo_users import Role, add_user
from launchpad.private_files import write_private
from tests.launchpad.test_bad_input import alflow, put, refusal
from tests.launchpad.test_rlaunch import command

pytestmark = pytest.mark.workflow


@pytest.fixture
def files(mongo: LocalMongo, lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> Iterator[dict[str, Path]]:
    """Connection files of a worker and a reader of the test's database."""
    document = yaml.safe_load(lpad_file.read_text())
    made = {}
    with mongo.admin_client() as client:
        for user, role in (("worker", "readWrite"), ("reader", "read")):
            name = f"{user}_{lpad.name}"
            client.admin.command("createUser", name, pwd="a-word", roles=[{"role": role, "db": lpad.name}])
            made[user] = tmp_path / f"{user}.yaml"
            write_private(made[user], yaml.safe_dump({**document, "username": name, "password": "a-word"}))
        yield made
        for user in made:
            client.admin.command("dropUser", f"{user}_{lpad.name}")


def content(lpad: LaunchPad) -> dict[str, list[Any]]:
    """Every document of the database, and the indexes."""
    names = sorted(lpad.db.list_collection_names())
    return {name: [*lpad.db[name].find().sort("_id"), str(lpad.db[name].index_information())] for name in names}


def test_a_worker_works_and_a_reader_looks(lpad: LaunchPad, files: dict[str, Path], tmp_path: Path) -> None:
    path = put(tmp_path, termination={"max_dft_calls": 2})
    worker, reader = ["--launchpad", str(files["worker"])], ["--launchpad", str(files["reader"])]
    line = refusal("submit", str(path), *reader, cwd=tmp_path)
    assert "readWrite" in line
    assert lpad.db["al_runs"].count_documents({}) == 0

    done = alflow("run", str(path), "--output", "out", *worker, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr  # worked off; the budget is spent
    run = json.loads((tmp_path / "out" / "result.json").read_text())["run"]
    command("lpad", "-l", str(files["worker"]), "admin", "tuneup", cwd=tmp_path)

    before = content(lpad)
    looks = [["status"], ["show", run], ["report", run, "-o", "page"]]
    looks += [["export", run, "-o", "train.extxyz"], ["export", run, "--trajectory", "-o", "frames.extxyz"]]
    for words in looks:
        shown = alflow(*words, *reader, cwd=tmp_path)
        assert shown.returncode == 0, shown.stderr
    assert (tmp_path / "page" / "report.html").is_file()
    doctor = alflow("doctor", *reader, cwd=tmp_path)
    assert "may only look" in doctor.stdout
    assert "Traceback" not in doctor.stderr
    assert run in command("lpad", "-l", str(files["reader"]), "get_wflows", cwd=tmp_path)
    assert content(lpad) == before

    assert "readWrite" in refusal("run", str(path), "--output", "out", *reader, cwd=tmp_path)
    assert content(lpad) == before


def test_a_reader_may_compare_and_the_campaign_stays_as_it_is(
    lpad: LaunchPad, files: dict[str, Path], tmp_path: Path
) -> None:
    store = CampaignStore(lpad.db)
    store.put_campaign("c", tmp_path, Limits(), ())
    reader = LaunchPad.from_file(str(files["reader"]))
    assert not keep_comparison(reader, "c", "BFGS", [])
    reader.connection.close()
    assert store.campaign("c").reference is None
    assert keep_comparison(lpad, "c", "BFGS", [])
    assert store.campaign("c").reference == {"method": "BFGS", "members": 0, "dft_calls": 0, "direct_dft_calls": 0}


def test_a_reader_of_an_empty_database_leaves_it_so(mongo: LocalMongo, tmp_path: Path) -> None:
    name, words = "test_empty_for_reader", ["--launchpad", str(tmp_path / "reader.yaml")]
    with mongo.admin_client() as client:
        client.admin.command("createUser", name, pwd="a-word", roles=[{"role": "read", "db": name}])
        document = yaml.safe_load(mongo.launchpad_file().read_text())
        user = {"name": name, "username": name, "password": "a-word", "authsource": "admin"}
        write_private(tmp_path / "reader.yaml", yaml.safe_dump({**document, **user}))
        assert "no runs yet" in alflow("status", *words, cwd=tmp_path).stdout
        assert client[name].list_collection_names() == []
        client.admin.command("dropUser", name)


def test_users_of_the_local_database(mongo: LocalMongo, tmp_path: Path) -> None:
    data = ["--data", str(mongo.data_dir)]
    added = alflow("db", "user", "add", "dashboard", "--role", "reader", *data, cwd=tmp_path)
    assert added.returncode == 0, added.stderr
    file = tmp_path / "dashboard_launchpad.yaml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    password = yaml.safe_load(file.read_text())["password"]
    assert password not in added.stdout + added.stderr
    assert "dashboard  reader" in alflow("db", "user", "list", *data, cwd=tmp_path).stdout
    assert "run" in alflow("status", "--launchpad", str(file), cwd=tmp_path).stdout
    assert "readWrite" in refusal("submit", str(put(tmp_path)), "--launchpad", str(file), cwd=tmp_path)
    again = refusal("db", "user", "add", "dashboard", "--role", "worker", "-o", "other.yaml", *data, cwd=tmp_path)
    assert "exists" in again
    assert not (tmp_path / "other.yaml").exists()
    assert "exists" in refusal("db", "user", "add", "second", "--role", "worker", "-o", str(file), *data, cwd=tmp_path)
    assert yaml.safe_load(file.read_text())["password"] == password
    assert alflow("db", "user", "remove", "dashboard", *data, cwd=tmp_path).returncode == 0
    assert "authentication failed" in refusal("status", "--launchpad", str(file), cwd=tmp_path)
    assert "alflow" in refusal("db", "user", "remove", "alflow", *data, cwd=tmp_path)  # our own is not for removing


def test_an_added_worker_may_submit(mongo: LocalMongo, tmp_path: Path) -> None:
    from launchpad.mongo_users import remove_user
    from launchpad.settings import connect, resolve

    add_user(mongo, "hand", Role.WORKER, tmp_path / "hand.yaml")
    launchpad = connect(resolve(tmp_path / "hand.yaml"))
    launchpad.db["scratch_of_roles"].insert_one({})
    launchpad.db.drop_collection("scratch_of_roles")
    launchpad.connection.close()
    remove_user(mongo, "hand")
