"""Adsorption energies, ranks, spreads and totals of members, and the tables made of them."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from al_workflows.campaign.member import Role
from al_workflows.campaign.results import Outcome, campaign_results
from al_workflows.campaign.states import MemberState
from al_workflows.campaign.table_files import write_csv, write_parquet
from al_workflows.errors import EnvironmentProblem

CU = {"bulk": "Cu", "miller": "111"}


def outcome(key: str, energy: float | None, role: Role = Role.ADSORPTION, **changes: Any) -> Outcome:
    given: dict[str, Any] = {
        "run": f"{key}-1a2b",
        "version": 1,
        "state": MemberState.CONVERGED,
        "reason": "",
        "tags": CU | {"adsorbate": "O"},
        "references": {"slab": 1.0, "O2": 0.5} if role is Role.ADSORPTION else {},
        "fmax": 0.02,
        "calls": 5,
        "seconds": 7.5,
    }
    return Outcome(key=key, role=role, energy=energy, **given | changes)


def references(**changes: Any) -> list[Outcome]:
    return [outcome("slab", -10.0, Role.SLAB, tags=CU, **changes), outcome("O2", -4.0, Role.MOLECULE, tags={})]


def test_an_adsorption_energy_takes_off_its_references_and_sites_are_ranked() -> None:
    other = outcome("pt", -20.0, tags={"bulk": "Pt", "miller": "111", "adsorbate": "O"})
    found = campaign_results("c", [*references(), outcome("fcc", -14.5), outcome("hcp", -14.8), other])
    entries = {entry.outcome.key: entry for entry in found.entries}
    assert entries["fcc"].adsorption_energy == pytest.approx(-14.5 + 10 + 2)
    assert entries["fcc"].used == {"slab": 1.0, "O2": 0.5}
    assert (entries["hcp"].rank, entries["fcc"].rank, entries["pt"].rank) == (1, 2, 1)
    assert entries["fcc"].above_best == pytest.approx(0.3)
    assert entries["slab"].adsorption_energy is None
    assert not entries["slab"].missing


def test_what_has_not_converged_is_named_in_the_place_of_a_number() -> None:
    stalled = references(state=MemberState.STALLED)
    (entry,) = campaign_results("c", [*stalled, outcome("fcc", -14.5)]).entries[-1:]
    assert (entry.adsorption_energy, entry.missing, entry.used) == (None, "slab is STALLED", {})
    (entry,) = campaign_results("c", [outcome("fcc", -14.5, state=MemberState.UNDER_WAY)]).entries
    assert entry.missing == "fcc is UNDER_WAY; slab is no member; O2 is no member"
    assert entry.rank is None


def test_the_spread_between_seeds_and_the_totals() -> None:
    tags = CU | {"adsorbate": "O", "site": "fcc"}
    sites = [outcome(f"fcc-{seed}", -14.5 - 0.1 * seed, tags=tags | {"seed": str(seed)}) for seed in range(3)]
    failure = {"key": "x/0001/00", "status": "crashed", "cause": "it broke", "directory": "d"}
    bad = outcome("bad", None, state=MemberState.FAILED, summary={"failures": [failure], "reused": 2})
    found = campaign_results("c", [*references(), *sites, bad])
    (spread,) = found.spreads
    assert (spread.quantity, spread.seeds) == ("adsorption energy", 3)
    assert spread.range == pytest.approx(0.2)
    assert spread.deviation == pytest.approx(0.1)
    assert spread.of == "adsorption bulk=Cu miller=111 adsorbate=O site=fcc"
    assert found.states == {"CONVERGED": 5, "FAILED": 1}
    assert (found.dft_calls, found.reused, found.failures) == (30, 2, {"crashed": 1})
    json.dumps(found.plain())


def test_a_path_s_barrier_is_among_the_results() -> None:
    path = outcome("path", -3.0, Role.PATH, summary={"barrier_eV": 0.7, "barrier_back_eV": 0.5})
    (entry,) = campaign_results("c", [path]).entries
    assert entry.row()["barrier_eV"] == 0.7
    assert entry.row()["reaction_energy_eV"] is None


def test_rows_as_csv(tmp_path: Path) -> None:
    found = campaign_results("c", [*references(), outcome("fcc", -14.5, tags=CU | {"rank": "odd"})])
    write_csv(found, tmp_path / "c.csv")
    rows = list(csv.DictReader((tmp_path / "c.csv").read_text().splitlines()))
    assert [row["key"] for row in rows] == ["slab", "O2", "fcc"]
    assert float(rows[2]["adsorption_energy_eV"]) == pytest.approx(-2.5)
    assert (rows[2]["bulk"], rows[2]["tag_rank"], rows[2]["rank"]) == ("Cu", "odd", "1")
    assert rows[0]["adsorption_energy_eV"] == ""


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as where it is not installed
    with pytest.raises(EnvironmentProblem, match=r"al-workflows\[parquet\]"):
        write_parquet(campaign_results("c", references()), tmp_path / "c.parquet")
    assert not list(tmp_path.iterdir())


def test_rows_as_parquet(tmp_path: Path) -> None:
    import pyarrow.parquet

    write_parquet(campaign_results("c", references()), tmp_path / "c.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "c.parquet").column("key").to_pylist() == ["slab", "O2"]
