"""The parameters file of a fit: what ``potential.prior.file`` reads, with all that says how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from al_workflows.dft.settings import backend_for
from al_workflows.files import write_atomically
from al_workflows.morse_fit.element import ElementFit
from al_workflows.morse_fit.points import first_points
from al_workflows.morse_fit.spec import MorseFitSpec
from al_workflows.potential.priors.dimers import literature

TABLE_FILE, FIGURE_FILE = "morse.yaml", "morse.png"
_HEADER = """\
# Morse curves E(r) = well_depth (exp[-2 a (r - r_e)] - 2 exp[-a (r - r_e)]) of homonuclear dimers: eV, Å and 1/Å.
# well_depth = 2 atom_energy - E(dimer at r_e); a by least squares to the points (Å, eV relative to two atoms) between
# 0.85 and 1.6 r_e, without stretched dimers above two atoms; `residual`: eV, root mean square. `multiplicity` is 2S+1.
# `literature` is for comparison. Use in a run: `potential: {prior: {kind: morse, file: morse.yaml}}`.
"""


def write_fit(fits: Sequence[ElementFit], spec: MorseFitSpec, directory: Path) -> None:
    """Write ``morse.yaml`` and ``morse.png`` into ``directory``; an element without a curve is a comment.

    Raises
    ------
    EnvironmentProblem
        A file cannot be written.
    """
    from al_workflows.analysis.morse_figure import morse_figure

    write_atomically(directory / TABLE_FILE, table(fits, spec))
    fitted = [fit for fit in fits if fit.curve is not None]
    if fitted:
        morse_figure(fitted, directory / FIGURE_FILE)


def table(fits: Sequence[ElementFit], spec: MorseFitSpec) -> str:
    """The text of ``morse.yaml``."""
    parts = [_HEADER]
    for fit in fits:
        if fit.curve is None:
            parts.append(f"# {fit.element}: {fit.outcome.value}: {fit.cause}\n")
        else:
            content = {fit.element: _entry(fit, spec)}
            text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None, width=118)
            parts.append(text)
    return "".join(parts)


def _entry(fit: ElementFit, spec: MorseFitSpec) -> dict[str, Any]:
    assert fit.curve is not None
    curve = fit.curve.parameters
    _, dimer, *_ = first_points(fit.element, spec)
    answered = [label for label in fit.labels if label.ok]
    entry: dict[str, Any] = {
        "well_depth": round(curve.well_depth, 5),
        "r_e": round(curve.r_e, 5),
        "a": round(curve.a, 5),
        "residual": round(fit.curve.residual, 5),
        "fitted_points": len(fit.curve.distances),
        "multiplicity": {"atom": fit.spins.atom, "dimer": fit.spins.dimer},
        "atom_energy": round(fit.atom_energy or 0.0, 5),
        "points": [[round(float(r), 4), round(float(e), 5)] for r, e in zip(fit.distances, fit.energies, strict=True)],
        "cell": [round(float(length), 4) for length in dimer.request.atoms.cell.lengths()],
        "code": answered[0].code,
        "settings": backend_for(dimer.dft).settings(),
        "dft_hash": sorted({label.dft_hash for label in answered}),
    }
    if fit.remarks:
        entry["remarks"] = list(fit.remarks)
    if known := literature(fit.element):
        entry["literature"] = known
    return entry
