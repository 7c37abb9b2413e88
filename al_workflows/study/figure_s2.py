"""Figure S2: Morse curves of dimers, fitted to DFT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from ase.calculators.emt import EMT
from matplotlib.figure import Figure

from al_workflows.analysis.style import LIGHT, legend, new_axes
from al_workflows.benchmark.cache import modules_hash
from al_workflows.benchmark.tables import Column, Table
from al_workflows.dft.single_point import single_point, single_point_in_process
from al_workflows.dft.spec import DftSpec, EmtSpec
from al_workflows.morse_fit.curve import morse_energy
from al_workflows.morse_fit.element import fit_element
from al_workflows.morse_fit.spec import MorseFitSpec
from al_workflows.potential.priors.dimers import literature, shipped_parameters
from al_workflows.prior_spec import MorseParameters
from al_workflows.records import Label, Request
from al_workflows.study.study import Findings, Study
from al_workflows.study.trial import CONVERGED, Setting, Task, Trial
from al_workflows.versions import installed_versions

ELEMENTS = ("Cu", "C", "O", "N", "H")
_MODULES = ("study.figure_s2", "morse_fit.element", "morse_fit.points", "morse_fit.curve", "morse_fit.spec")
_DEPTH, _PLACE, _WIDTH, _RESIDUAL = "well_depth", "r_e", "a", "residual"
_DISTANCES, _ENERGIES = "distances", "energies"


@dataclass(frozen=True)
class MorseRow:
    """One element's curve."""

    element: str
    outcome: str
    calls: int
    well_depth: Annotated[float | None, Column("D_e, eV", 3)]
    r_e: Annotated[float | None, Column("r_e, Å", 4)]
    a: Annotated[float | None, Column("a, 1/Å", 3)]
    residual: Annotated[float | None, Column("residual, eV", 3)]
    shipped: Annotated[str, Column("shipped (GPAW RPBE): D_e, r_e, a")]
    measured: Annotated[str, Column("measured: D_e, r_e")]
    remark: str


@dataclass(frozen=True)
class MorseFit:
    """The fit of one element."""

    element: str
    dft: DftSpec
    root: Path = field(compare=False)

    @property
    def name(self) -> str:
        """The element stands in the place of an arm."""
        return self.element

    @property
    def title(self) -> str:
        """Names it to a reader."""
        return f"morse-{self.element}"

    def key(self) -> dict[str, Any]:
        """All that decides its numbers."""
        settings = MorseFitSpec(dft=self.dft).model_dump(mode="json")
        found = {name: version for name, version in installed_versions().items() if name in ("ase", "numpy", "gpaw")}
        return {"element": self.element, "settings": settings, "versions": found, "code": modules_hash(*_MODULES)}

    def run(self) -> Trial:
        """Make it; points that were computed are not computed again."""
        spec, label = MorseFitSpec(dft=self.dft), _by_emt if isinstance(self.dft, EmtSpec) else single_point
        fit = fit_element(self.element, spec, self.root / "morse", label)
        numbers = {}
        if fit.curve is not None:
            found = fit.curve.parameters
            numbers = {_DEPTH: found.well_depth, _PLACE: found.r_e, _WIDTH: found.a, _RESIDUAL: fit.curve.residual}
        return Trial(
            system=f"{self.element}2",
            arm=self.element,
            seed=0,
            outcome=CONVERGED if fit.curve is not None else fit.outcome.value,
            remark="; ".join([fit.cause, *fit.remarks]).strip("; "),
            calls=sum(one.attempts > 0 for one in fit.labels),
            failed=sum(not one.ok for one in fit.labels),
            numbers=numbers,
            curves={_DISTANCES: tuple(fit.distances.tolist()), _ENERGIES: tuple(fit.energies.tolist())},
            images=(),
            run="",
            seconds=fit.seconds,
        )


def _by_emt(request: Request, dft: DftSpec, directory: Path) -> Label:
    return single_point_in_process(request, EMT(), limit=dft, directory=directory)


def plan(setting: Setting) -> Sequence[Task]:
    """A fit of each element; there is no seed."""
    return [MorseFit(element, setting.dft, setting.root) for element in ELEMENTS]


def conclude(setting: Setting, trials: Sequence[Trial]) -> Findings:
    """The table, and a figure for each element that was fitted."""
    figures = {f"figureS2-{trial.arm}": (_draw(trial), f"{trial.arm}₂: points and Morse curve.") for trial in trials}
    notes = (
        "D_e is twice the lone atom's energy less the dimer's, r_e the dimer's minimum, a fitted to the stretched and "
        "compressed dimer; the paper prints no values.",
        *(["EMT was made for metals: its molecules of C, N, O and H are none of nature's."] if setting.quick else []),
    )
    return Findings([Table("Morse curves", [_row(trial) for trial in trials], notes)], figures)


def _row(trial: Trial) -> MorseRow:
    numbers, known, shipped = trial.numbers, literature(trial.arm), shipped_parameters().get(trial.arm)
    return MorseRow(
        element=trial.arm,
        outcome=trial.outcome,
        calls=trial.calls,
        well_depth=numbers.get(_DEPTH),
        r_e=numbers.get(_PLACE),
        a=numbers.get(_WIDTH),
        residual=numbers.get(_RESIDUAL),
        shipped="–" if shipped is None else f"{shipped.well_depth:.3f} {shipped.r_e:.4f} {shipped.a:.3f}",
        measured="–" if known is None else f"{known['well_depth']:.3f} {known['r_e']:.4f}",
        remark=trial.remark or "–",
    )


def _draw(trial: Trial) -> Figure | None:
    distances, energies = np.array(trial.curves[_DISTANCES]), np.array(trial.curves[_ENERGIES])
    if _DEPTH not in trial.numbers:
        return None
    curve = MorseParameters(**{name: trial.numbers[name] for name in (_DEPTH, _PLACE, _WIDTH)})
    figure, axes = new_axes(LIGHT, "distance (Å)", "energy relative to two atoms (eV)")
    grid = np.linspace(0.97 * distances.min(), 1.1 * distances.max(), 200)
    axes.axhline(0.0, color=LIGHT.faint, lw=0.8)
    shown = f"$D_e$ {curve.well_depth:.2f} eV, $r_e$ {curve.r_e:.3f} Å, $a$ {curve.a:.2f} Å$^{{-1}}$"
    axes.plot(grid, morse_energy(grid, curve), color=LIGHT.red, lw=1.4, label=shown)
    axes.plot(distances, energies, "o", color=LIGHT.blue, ms=5, label=f"{trial.arm}$_2$, DFT")
    legend(axes, LIGHT)
    return figure


FIGURE_S2 = Study("figureS2", "figure S2", "Morse curves of dimers", plan, conclude, elements=ELEMENTS, held=())
