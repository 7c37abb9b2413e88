"""The pages of campaigns as addresses give them."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from fireworks import LaunchPad
from flask.testing import FlaskClient

from al_workflows.campaign.states import Limits
from al_workflows.campaign.table_files import flat_rows
from fw_specs.campaign_store import CampaignStore
from fw_specs.campaign_submit import submit_members
from launchpad.campaigns import read_results
from tests.campaign.members import small_campaign
from tests.dashboard.conftest import asked
from tests.dashboard.world import MANY, SMALL, World

pytestmark = pytest.mark.workflow
PAGE = f"/campaign/{MANY}"


def shown(text: str) -> list[str]:
    """Keys of the table's rows."""
    return re.findall(r'<th scope="row" data-name="member">([^<]+)</th>', text)


def number(text: str) -> int:
    """Of members that fit, by the table's caption."""
    found = re.search(r"<caption>([\d\u202f]+) of", text)
    return int(found.group(1).replace("\u202f", "")) if found else 0


def test_the_cards_say_where_each_campaign_stands(client: FlaskClient) -> None:
    text = client.get("/campaigns").text
    assert f'href="/campaign/{SMALL}"' in text
    assert f'href="/campaign/{MANY}"' in text
    assert f'href="/campaign/{MANY}?state=STALLED#members"' in text
    assert "4 of 4 members have ended" in text
    assert "of 60\u202f000 (" in text  # spent of the budget


def test_a_page_has_a_hundred_members_and_the_next_has_others(client: FlaskClient) -> None:
    first, second, last = (client.get(f"{PAGE}?page={page}").text for page in (1, 2, 9999))
    assert len(shown(first)) == len(shown(second)) == len(shown(last)) == 100
    assert not set(shown(first)) & set(shown(second))
    assert "page 30 of 30" in last


def test_filters_and_sorting_go_together(client: FlaskClient, world: World) -> None:
    text = client.get(f"{PAGE}?bulk=Cu&state=CONVERGED&sort=-calls").text
    where = {"campaign": MANY, "tags.bulk": "Cu", "state": "CONVERGED"}
    assert number(text) == world.launchpad.db["al_members"].count_documents(where)
    assert all(key.startswith("Cu-") for key in shown(text))
    calls = [int(one) for one in re.findall(r'data-name="DFT calls">(\d+)<', text)]
    assert calls == sorted(calls, reverse=True)
    assert "bulk=Cu&amp;state=CONVERGED&amp;sort=calls" in text  # the way back up keeps the filters
    assert '<option value="Cu" selected>' in text


@pytest.mark.parametrize(
    "query",
    [
        "state[$ne]=x",
        "state[%24ne]=STALLED",
        "$where=sleep(1000)",
        "bulk[$gt]=",
        "_external=1&_scheme=javascript",
        "endpoint=x",
        "name=small",
    ],
)
def test_what_no_filter_is_called_changes_nothing(client: FlaskClient, query: str) -> None:
    plain, text = client.get(PAGE).text, client.get(f"{PAGE}?{query}").text
    assert (number(text), shown(text)) == (number(plain), shown(plain)) == (3000, shown(plain))
    assert "javascript:" not in text
    assert all(link.startswith(("/", "?", "#")) for link in re.findall(r'href="([^"]*)"', text))


@pytest.mark.parametrize("query", ['state={"$ne":1}', "bulk=$where", 'q={"$regex":".*"}', "state=' OR 1"])
def test_an_operator_as_a_value_is_a_value_that_no_member_has(client: FlaskClient, query: str) -> None:
    answer = client.get(f"{PAGE}?{query}")
    assert answer.status_code == 200
    assert "No member fits" in answer.text


@pytest.mark.parametrize("query", ["sort=$where", "sort=-nothing", "page=x", "page=-1"])
def test_a_column_or_page_that_is_none_is_refused_with_the_rule(client: FlaskClient, query: str) -> None:
    answer = client.get(f"{PAGE}?{query}")
    assert answer.status_code == 400
    assert "must be" in answer.text


def test_what_an_address_holds_is_written_as_text(client: FlaskClient) -> None:
    text = client.get(f"{PAGE}?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_the_file_has_all_members_that_fit_as_the_command_writes_them(client: FlaskClient, world: World) -> None:
    answer = client.get(f"{PAGE}/members.csv?state=STALLED&sort=-calls")
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    where = {"campaign": MANY, "state": "STALLED"}
    assert len(rows) == world.launchpad.db["al_members"].count_documents(where)
    calls = [int(row["dft_calls"]) for row in rows]
    assert calls == sorted(calls, reverse=True)
    small = list(csv.DictReader(io.StringIO(client.get(f"/campaign/{SMALL}/members.csv").text)))
    known = flat_rows(read_results(world.launchpad, SMALL))
    assert [list(row) for row in small] == [list(row) for row in known]
    assert [row["adsorption_energy_eV"] for row in small] == [
        "" if row["adsorption_energy_eV"] is None else str(row["adsorption_energy_eV"]) for row in known
    ]
    assert client.get(f"{PAGE}/members.csv?q=nothing").text == "key\n"


def test_a_row_has_its_run_its_forces_in_words_and_its_adsorption_energy(client: FlaskClient, world: World) -> None:
    text = client.get(f"/campaign/{SMALL}?q=fcc").text
    (entry,) = [one for one in read_results(world.launchpad, SMALL).entries if "fcc" in one.outcome.key]
    assert f'href="/run/{entry.outcome.run}"' in text
    assert 'aria-label="DFT fmax by cycle, eV/Å: ' in text
    assert f">{entry.adsorption_energy:.3f}</td>" in text


def test_those_without_an_answer_and_those_left_out_are_named_with_their_reasons(client: FlaskClient) -> None:
    text = client.get(PAGE).text
    assert "no progress in 5 cycles" in text
    assert "the first 20" in text
    assert "no lattice constant of Xx is known" in text


@pytest.mark.parametrize("name", ["learning_curve", "progress", "energy_map", "calls_map", "calls_by_kind"])
def test_each_figure_is_there_as_numbers_and_as_pictures(client: FlaskClient, name: str) -> None:
    address = f"/campaign/{SMALL}/figure/{name}"
    assert f'data-figure="{address}"' in client.get(f"/campaign/{SMALL}").text
    assert json.loads(client.get(f"{address}.json").text)["data"]
    assert client.get(f"{address}.csv").text.startswith("panel,series")
    assert client.get(f"{address}.png").data.startswith(b"\x89PNG")


def test_figures_that_are_none_are_not_found(client: FlaskClient) -> None:
    assert client.get(f"/campaign/{SMALL}/figure/none.json").status_code == 404
    assert client.get(f"/campaign/{SMALL}/figure/progress.exe").status_code == 404
    assert client.get("/campaign/none/figure/progress.json").status_code == 404


def test_an_unknown_campaign_is_said_to_be_one(client: FlaskClient) -> None:
    for path in ("/campaign/none", "/campaign/none/members.csv", "/campaign/$ne"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "is not in this database" in answer.text


def test_a_campaign_without_members_and_one_that_has_not_begun_say_so(
    lpad: LaunchPad, lpad_file: Path, tmp_path: Path
) -> None:
    CampaignStore(lpad.db).put_campaign("bare", tmp_path, Limits(), [{"key": "Xx-111", "why": "no lattice"}])
    submit_members(lpad, "new", small_campaign(), tmp_path, Limits())
    with asked(lpad_file) as client:
        bare, new = client.get("/campaign/bare").text, client.get("/campaign/new").text
        cards = client.get("/campaigns").text
    assert "This campaign has no member" in bare
    assert "no lattice" in bare
    assert "No member has begun" in new
    assert "alflow campaign run new" in new
    assert len(shown(new)) == 4
    assert "It has no member yet" in cards


def test_trouble_and_what_waits_are_said(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    store = CampaignStore(lpad.db)
    submit_members(lpad, "new", small_campaign(), tmp_path, Limits())
    store.put_look("new", 1, {"as many runs are under way as the campaign allows": 3}, None, None)
    store.put_trouble({"new"}, "the disk is full")
    with asked(lpad_file) as client:
        for path in ("/campaigns", "/campaign/new"):
            text = client.get(path).text
            assert "the disk is full" in text
            assert "3 waiting: as many runs are under way" in text
