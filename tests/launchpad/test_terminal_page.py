"""What docs/terminal.md says of JSON and of exit codes is what the commands do."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml
from fireworks import LaunchPad

from al_workflows.campaign.member import Role
from al_workflows.campaign.results import campaign_results
from al_workflows.campaign.states import MemberState
from al_workflows.records import LabelStatus, Rejection, Selection, Verdict, VerdictKind
from al_workflows.results import run_id
from fw_specs.campaign_store import CampaignStore
from fw_specs.campaign_submit import submit_members
from fw_specs.store import Store
from fw_specs.submit import submit
from launchpad.cli.app import app
from launchpad.local_mongo import LocalMongo
from tests.builders import cycle, label, run_spec, slab
from tests.campaign.members import small_campaign
from tests.campaign.test_results import outcome
from tests.launchpad.test_bad_input import NEB, alflow, put, refusal
from tests.launchpad.test_recover import OLD, lose

PAGE = (Path(__file__).parents[2] / "docs" / "terminal.md").read_text()
#: without SLURM's commands, which may be there and have no cluster
NO_QUEUE = {"PATH": str(Path(sys.executable).parent)}


def documented(command: str) -> set[str]:
    """The keys that the page gives to ``command``, as ``a[].b`` and ``a.*``."""
    _, found, rest = PAGE.partition(f"### `alflow {command}`\n")
    assert found, command
    section = re.split(r"\n#", rest)[0]
    return set(re.findall(r"`([A-Za-z_]+(?:\[\]|\.\*|\.[A-Za-z_]+)*)`", section))


def keys_of(value: Any, known: set[str], path: str = "") -> Iterator[str]:
    """The keys of a document, as the page writes them."""
    if isinstance(value, dict):
        if path and f"{path}.*" in known:
            yield f"{path}.*"
            return
        for key, one in value.items():
            yield from keys_of(one, known, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        yield f"{path}[]"
        for one in value:
            yield from keys_of(one, known, f"{path}[]")
    elif not path.endswith("[]"):
        yield path


def check(command: str, *documents: Any) -> None:
    """The page has all the keys of ``documents``, and these have all that the page has."""
    known = documented(command)
    found = {key for document in documents for key in keys_of(document, known)}
    # what is null has no entries: shown by another of the documents
    found -= {key for key in found if f"{key}[]" in known}
    assert found == known


def printed(*words: str, cwd: Path, code: int = 0, **environment: str) -> Any:
    """The one document that a command prints, and nothing else."""
    done = alflow(*words, "--json", cwd=cwd, **environment)
    assert done.returncode == code, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout, parse_constant=pytest.fail)


@pytest.mark.workflow
def test_documents_of_runs(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    on = ("--launchpad", str(lpad_file))
    assert printed("status", *on, cwd=tmp_path) == {"runs": []}
    store, run = Store(lpad.db), run_id(run_spec(), slab())
    submit(lpad, run_spec(), slab(), tmp_path / run)
    store.put_label(run, label(slab()))
    store.put_label(run, label(slab(2.0), cycle=1, status=LabelStatus.CRASHED))
    store.put_selection(run, 1, Selection((), (Rejection(3, "too near"), Rejection(None, "no gain"))))
    evidence = Verdict(VerdictKind.CONTINUE, "forces", "going on", {"fmax_eV_per_A": float("inf")})
    store.put_cycle(run, cycle(0, fmax=1.25))
    store.put_cycle(run, replace(cycle(1, fmax=None), verdict=evidence))
    lose(lpad)  # something runs
    found = printed("status", *on, cwd=tmp_path)
    check("status --json", found)
    (one,) = found["runs"]
    assert (one["run"], one["state"], one["ended"], one["fmax_eV_per_A"]) == (run, "RUNNING", False, 1.25)
    assert one["target_fmax_eV_per_A"] == 0.05
    assert one["fireworks"]["RUNNING"] == 1
    view = printed("status", run[:8], *on, cwd=tmp_path)
    check("status RUN --json", view)
    assert {key: view[key] for key in one} == one
    assert [step["host"] != "" for step in view["running"]] == [True]
    assert view["by_cycle"][1]["evidence"] == {"fmax_eV_per_A": None}  # no JSON has a name for infinity
    assert view["submitted"].endswith("+00:00")
    ledger = printed("show", run, *on, cwd=tmp_path)
    check("show RUN --json", ledger)
    assert [point["status"] for point in ledger["single_points"]] == ["ok", "crashed"]
    assert ledger["rejected"][1] == {"cycle": 1, "frame": None, "reason": "no gain"}
    assert "is not in this database" in refusal("show", "nobody", "--json", *on, cwd=tmp_path)


@pytest.mark.workflow
def test_document_of_recover(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    submit(lpad, run_spec(), slab(), tmp_path / "work")
    lpad.fireworks.update_one({"fw_id": lose(lpad)}, {"$set": {"updated_on": OLD}})
    words = ("recover", "--lost-after", "1", "--patience", "1", "--launchpad", str(lpad_file), "--json")
    documents = []
    for more in (("--dry-run",), ()):
        done = alflow(*words, *more, cwd=tmp_path, **NO_QUEUE)
        assert (done.returncode, "looking again" in done.stderr) == (0, True)
        documents.append(json.loads(done.stdout))
    dry, wet = documents
    assert (dry["dry_run"], len(dry["would_repair"]), dry["repaired"]) == (True, 1, [])
    assert (wet["dry_run"], wet["would_repair"], len(wet["repaired"])) == (False, [], 1)
    waiting = {"waiting": [{"name": "", "cause": "", "retry_in_seconds": None}]}
    check("recover --json", dry, wet, waiting)


@pytest.mark.workflow
def test_documents_of_campaigns(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    on = ("--launchpad", str(lpad_file))
    assert printed("campaign", "status", *on, cwd=tmp_path) == {"campaigns": []}
    submit_members(lpad, "small", small_campaign(), tmp_path / "small", skipped=[{"key": "Ag", "why": "no lattice"}])
    store, keys = CampaignStore(lpad.db), [member.key for member in small_campaign()]
    store.set_state("small", keys[0], MemberState.UNDER_WAY)
    store.set_state("small", keys[1], MemberState.STALLED, "no progress")
    store.put_look("small", 1, {"its turn comes": 2}, 7, None)
    found = printed("campaign", "status", "small", *on, cwd=tmp_path)
    parked = {"under_way": found["parked"]}
    assert found.pop("parked") == parked["under_way"] != []
    check("campaign status CAMPAIGN --json", found, {"parked": []})
    assert found["under_way"][0].keys() == parked["under_way"][0].keys()
    assert (found["members"], found["over"], found["dft_calls_counted"]) == (4, False, 7)
    (one,) = printed("campaign", "status", *on, cwd=tmp_path)["campaigns"]
    assert one["campaign"] == "small"
    assert documented("campaign status --json") == {"campaigns[]"}
    results = printed("campaign", "results", "small", *on, cwd=tmp_path)
    failure = {"key": "a/0001/00", "status": "crashed", "cause": "it broke", "directory": "/x"}
    summary = {"failures": [failure], "reused": 1}
    tags = {"bulk": "Cu", "seed": "1"}
    several = [outcome(f"Cu-{n}", 1.0 * n, Role.SLAB, tags=tags | {"seed": str(n)}, summary=summary) for n in range(3)]
    check("campaign results CAMPAIGN --json", results, campaign_results("c", several).plain())


def test_documents_without_a_database(tmp_path: Path) -> None:
    file = {
        "bulks": ["Cu", {"name": "Ag", "lattice": "eos"}],
        "slabs": {"miller": [[1, 1, 1]]},
        "adsorbates": ["O"],
        "sites": {"positions": ["hollow"]},
        "run": {"simulation": {"kind": "relaxation"}, "dft": {"kind": "emt"}},
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(file))
    check("campaign plan FILE --json", printed("campaign", "plan", "c.yaml", cwd=tmp_path))
    path = put(tmp_path)
    found = printed("validate", str(path), cwd=tmp_path)
    check("validate SPEC --json", found)
    assert (found["atoms"], found["fixed_atoms"], found["periodic"]) == (9, 4, [True, True, False])
    assert found["largest_displacement_A"] is None
    put(tmp_path, dft={"kind": "nonesuch"})
    assert "nonesuch" in refusal("validate", str(path), "--json", cwd=tmp_path)
    put(tmp_path, **NEB)
    assert alflow("validate", str(path), "--json", cwd=tmp_path).returncode == 2  # a path from here to here


@pytest.mark.workflow
def test_documents_of_the_machine(mongo: LocalMongo, tmp_path: Path) -> None:
    data = ("--data", str(mongo.data_dir))
    found = printed("db", "status", *data, cwd=tmp_path)
    check("db status --json", found)
    assert (found["state"], found["port"], found["directory"]) == ("running", mongo.status().port, str(mongo.data_dir))
    stopped = printed("db", "status", "--data", str(tmp_path / "none"), cwd=tmp_path, code=3)
    assert (stopped["state"], stopped["port"]) == ("stopped", None)
    assert alflow("db", "user", "add", "page", "--role", "reader", *data, cwd=tmp_path).returncode == 0
    try:
        users = printed("db", "user", "list", *data, cwd=tmp_path)
        check("db user list --json", users)
        assert {"name": "page", "role": "reader"} in users["users"]
    finally:
        alflow("db", "user", "remove", "page", *data, cwd=tmp_path)
    (tmp_path / "broken.yaml").write_text("{}")
    for file, code in ((mongo.launchpad_file(), 0), (tmp_path / "broken.yaml", 1)):
        found = printed("doctor", "--launchpad", str(file), cwd=tmp_path, code=code)
        check("doctor --json", found)
        assert (found["counts"]["fail"] > 0) == (code == 1)
        assert sum(found["counts"].values()) == len(found["findings"])


def commands(group: click.Command | None = None, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """All commands of `alflow` by their words."""
    group = typer.main.get_command(app) if group is None else group
    if not hasattr(group, "commands"):
        yield before, group
        return
    for name, command in group.commands.items():
        yield from commands(command, f"{before} {name}".strip())


def test_every_command_that_reads_has_json() -> None:
    read = {"status", "show", "validate", "doctor", "recover", "db status", "db user list"}
    read |= {"campaign plan", "campaign status", "campaign results"}
    has = {name for name, command in commands() if any("--json" in parameter.opts for parameter in command.params)}
    assert has == read
    assert {re.sub(r" [A-Z]+", "", name) for name in re.findall(r"### `alflow (.*) --json`", PAGE)} == read


def exit_codes() -> dict[str, set[int]]:
    """The codes beside those of every command, as the page has them."""
    found: dict[str, set[int]] = {}
    for names, code in re.findall(r"^\| (`.*?`) \| (\d*) ?\|.*\|$", PAGE, flags=re.MULTILINE):
        for name in re.findall(r"`([^`]*)`", names):
            found.setdefault(name, set()).update({int(code)} if code else set())
    return found


def test_every_command_is_in_the_table_of_exit_codes() -> None:
    assert set(exit_codes()) == {name for name, _ in commands()}


def test_help_names_the_exit_codes_that_are_not_usual(tmp_path: Path) -> None:
    helps = {name: " ".join((command.help or "").split()) for name, command in commands()}
    helps |= {f"worker {name}": helps[f"worker {name}"] for name in ("singleshot", "rapidfire")}
    group = typer.main.get_command(app)
    worker = group.commands["worker"].help or ""  # type: ignore[attr-defined]
    for name, codes in exit_codes().items():
        said = worker if name.startswith("worker ") else helps[name]
        for code in codes - {2}:
            assert re.search(rf"[Ee]xit code[^.]*\b{code}\b|;[^.]*\b{code}\b", said), (name, code)
    shown = alflow("--help", cwd=tmp_path, COLUMNS="80").stdout
    assert "docs/terminal.md" in shown


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("validate", "run.yaml"), 0),
        (("validate", "nothing.yaml"), 2),
        (("validate", "--nonsense"), 2),
        (("nonsense",), 2),
        (("status", "--every", "0"), 2),
        (("status", "--launchpad", "nothing.yaml"), 2),
        (("run", "run.yaml", "--in-process"), 1),
        (("reference", "run.yaml", "--max-calls", "2"), 1),
        (("schema",), 0),
        (("campaign", "plan", "c.yaml"), 1),
        (("campaign", "lattice", "c.yaml"), 1),
        (("fit-morse", "Xx", "--dft", "run.yaml"), 2),
        (("db", "status", "--data", "none"), 3),
        (("benchmark", "relax", "--seeds", "ten"), 2),
    ],
)
def test_exit_codes(words: tuple[str, ...], code: int, tmp_path: Path) -> None:
    put(tmp_path, slab(2.6), termination={"max_dft_calls": 2})
    file = "bulks: [{name: W, lattice: eos}]\nslabs: {miller: [[1, 1, 1]]}\nadsorbates: [O]\n"
    (tmp_path / "c.yaml").write_text(file + "run: {simulation: {kind: relaxation}, dft: {kind: emt}}\n")
    done = alflow(*words, cwd=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert code in exit_codes().get(" ".join(words[:2]), set()) | exit_codes().get(words[0], set()) | {0, 2}
