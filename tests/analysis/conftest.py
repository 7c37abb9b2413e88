"""One real run on EMT, kept in a directory, for all tests of figures, pages and exports."""

from __future__ import annotations

from pathlib import Path

import pytest
from ase.calculators.emt import EMT

from al_workflows import offline
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.history import RunHistory
from al_workflows.records import Label, LabelStatus, Request
from al_workflows.run_directory import read_run_directory
from tests.builders import label, run_spec, slab


def answer(request: Request, directory: Path) -> Label:
    """EMT, but the second single point of cycle 2 fails."""
    if request.key.endswith("0002/01"):
        return label(request.atoms, status=LabelStatus.SCF_NOT_CONVERGED, request=request, attempts=2)
    return single_point_in_process(request, EMT(), directory=directory)


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("run")
    spec = run_spec(query={"kind": "final_uncertainty", "batch": 2})
    offline.run(spec, slab(2.4, seed=0), directory, labeller=answer)
    return directory


@pytest.fixture(scope="session")
def history(run_directory: Path) -> RunHistory:
    return read_run_directory(run_directory)
