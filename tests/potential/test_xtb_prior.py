"""A semi-empirical method as prior: GFN1-xTB by tblite below GFN2-xTB, which stands in for DFT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ase.build import molecule
from tblite.ase import TBLite

from al_workflows import offline
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.records import Label, Request, VerdictKind
from al_workflows.results import RunResult
from tests.builders import run_spec

GFN1 = {"kind": "ase", "calculator": "tblite.ase.TBLite", "arguments": {"method": "GFN1-xTB", "verbosity": 0}}


def relaxed(tmp_path: Path, prior: dict[str, Any]) -> RunResult:
    methanol, gfn2 = molecule("CH3OH"), TBLite(method="GFN2-xTB", verbosity=0)
    methanol.positions += np.random.default_rng(0).normal(0.0, 0.08, methanol.positions.shape)
    spec = run_spec(
        simulation={"kind": "relaxation", "fmax": 0.03, "confirm_minimum": "never"}, potential={"prior": prior}
    )

    def answer(request: Request, directory: Path) -> Label:
        return single_point_in_process(request, gfn2, limit=spec.dft, directory=directory)

    return offline.run(spec, methanol, tmp_path / prior["kind"], answer)


def test_a_better_prior_takes_fewer_calls(tmp_path: Path) -> None:
    known, unknown = relaxed(tmp_path, GFN1), relaxed(tmp_path, {"kind": "none"})
    assert known.verdict.kind is unknown.verdict.kind is VerdictKind.CONVERGED
    assert known.dft_calls <= unknown.dft_calls / 2  # 4 and 21 when written; 7 with the Morse prior
    assert known.answer is not None
    assert unknown.answer is not None
    assert abs(known.answer.energy - unknown.answer.energy) < 0.01  # type: ignore[operator]
