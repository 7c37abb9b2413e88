"""Figures 4, 5 and S1: dynamics on the models of each cycle, checked on their own frames, and radial distributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
from ase.calculators.emt import EMT
from matplotlib.figure import Figure

from al_workflows.analysis.style import LIGHT, identity, legend, new_axes
from al_workflows.analysis.trajectory import TOTAL, Radial, difference, of_frames, of_pool
from al_workflows.benchmark.md_parent import FRAMES, STRIDE, parent_trajectory
from al_workflows.benchmark.md_systems import MD_SYSTEMS
from al_workflows.benchmark.tables import Column, Table
from al_workflows.history import RunHistory
from al_workflows.records import FloatArray, Pool
from al_workflows.simulations.dynamics import FRAME_INTERVAL
from al_workflows.study.arms import Arm, ours, paper_dynamics
from al_workflows.study.learned import asked, learned
from al_workflows.study.published import DYNAMICS_CYCLE, DYNAMICS_QUERIES
from al_workflows.study.study import Findings, Study, history_of
from al_workflows.study.systems import CARBON_MONOXIDE, OXYGEN, StudySystem
from al_workflows.study.trial import Setting, Task, Trial

#: frames of a trajectory that are checked, as published
CHECKED = 400
#: a trajectory of fewer frames has ended early: its energies and distances are no averages
LEAST = 20
ARMS = [
    paper_dynamics("paper", "the paper's network, Berendsen, 10 cycles of 50 random frames"),
    Arm(
        "default-50",
        "a process with the published protocol: Berendsen, 10 cycles of 50 random frames",
        {
            key: part
            for key, part in paper_dynamics("", "").changes.items()
            if key in ("simulation", "query", "termination")
        },
    ),
    ours("default", "as a run file without further keys"),
]


@dataclass(frozen=True)
class CycleRow:
    """One cycle's trajectory."""

    arm: str
    seed: int
    cycle: int
    calls: Annotated[int, Column("DFT calls before")]
    ended: Annotated[str, Column("trajectory ended by")]
    frames: Annotated[int, Column("frames checked")]
    energy: Annotated[float | None, Column("energy MAE, eV", 4)]
    force: Annotated[float | None, Column("force MAE, eV/Å", 4)]
    radial: Annotated[float | None, Column("RDF difference", 3)]


@dataclass(frozen=True, eq=False)
class Check:
    """A cycle's trajectory with DFT's word on some of its frames: ``at`` are their numbers, energies eV [F], forces
    eV/Å [F, N, 3]."""

    cycle: int
    pool: Pool
    at: Sequence[int]
    energies: FloatArray
    forces: FloatArray


def plan(temperature: float, setting: Setting) -> Sequence[Task]:
    """Every arm with every seed."""
    simulation = {"kind": "md", "temperature": temperature}
    return learned([_system(setting)], ARMS, setting.seeds, simulation, setting.dft, setting.root)


def conclude(temperature: float, stems: tuple[str, str], setting: Setting, trials: Sequence[Trial]) -> Findings:
    """A row for each cycle; energies, parities and radial distributions of the first run of each arm."""
    rows, figures = list[CycleRow](), dict[str, tuple[Figure | None, str]]()
    four, five = stems
    for trial in trials:
        history = history_of(setting, trial)
        if history is None:
            continue
        true = parent_trajectory(MD_SYSTEMS[OXYGEN.name], temperature, trial.seed).radial if setting.quick else None
        checks = _checks(setting, history)
        rows += [_row(trial, history, check, true) for check in checks]
        whole = [check for check in checks if len(check.pool) >= LEAST and len(check.at)]
        if whole and trial.seed == setting.seeds[0]:
            last, said = whole[-1], f"Arm `{trial.arm}`, seed {trial.seed}, cycle {whole[-1].cycle}."
            dft = "the parent" if setting.quick else "DFT"
            figures |= {
                f"{four}a-{trial.arm}": (_energies(whole), f"Energy along trajectories; points: {dft}. {said}"),
                f"{four}b-{trial.arm}-energy": (_parity(last, False), f"Energies against those of {dft}. {said}"),
                f"{four}b-{trial.arm}-forces": (_parity(last, True), f"Force components against {dft}. {said}"),
                f"{five}-{trial.arm}": (_radial(history, whole, true), f"Radial distribution, all pairs. {said}"),
            }
    published = DYNAMICS_CYCLE[int(temperature)]
    notes = (
        f"Published: {DYNAMICS_QUERIES} queries a cycle, good agreement by cycle {published}, after "
        f"{published * DYNAMICS_QUERIES} DFT calls, judged by eye on {CHECKED} random frames of the trajectory.",
        _checked(setting),
        "RDF difference: area between both total radial distribution functions over that below the parent's own, "
        f"which is of {FRAMES} frames, one in {STRIDE} fs, with velocities of their own (EMT only).",
        *(("The paper has CO; EMT breaks its bond within 250 fs, so here it is O.",) if setting.quick else ()),
    )
    about = {"temperature, K": temperature, "system": _system(setting).name}
    return Findings(
        [Table(f"Dynamics at {temperature:g} K by cycle", rows, notes)],
        figures,
        about | {f"arm `{arm.name}`": arm.about for arm in ARMS},
    )


def _system(setting: Setting) -> StudySystem:
    return OXYGEN if setting.quick else CARBON_MONOXIDE


def _checked(setting: Setting) -> str:
    if setting.quick:
        return f"Of each trajectory up to {CHECKED} frames are checked, counted by nobody."
    return "Of each trajectory the frames are checked that the run itself asked for, before it learned from them."


def _checks(setting: Setting, history: RunHistory) -> list[Check]:
    """All trajectories with two frames at least, in their order."""
    return [
        _by_emt(cycle, pool) if setting.quick else _by_labels(history, cycle, pool)
        for cycle, pool in sorted(history.pools.items())
        if len(pool) > 1
    ]


def _by_emt(cycle: int, pool: Pool) -> Check:
    at = np.unique(np.linspace(0, len(pool) - 1, min(CHECKED, len(pool))).round().astype(int)).tolist()
    answers = [asked(pool.frame(k), EMT()) for k in at]
    return Check(cycle, pool, at, np.array([energy for energy, _ in answers]), np.array([f for _, f in answers]))


def _by_labels(history: RunHistory, cycle: int, pool: Pool) -> Check:
    found = {
        label.request.pool_index: label
        for label in history.labels
        if label.cycle == cycle and label.ok and label.request.pool_index is not None
    }
    energies = np.array([label.energy for label in found.values()], dtype=float)
    forces = [label.forces for label in found.values() if label.forces is not None]
    return Check(cycle, pool, [int(k) for k in found if k is not None], energies, np.array(forces))


def _row(trial: Trial, history: RunHistory, check: Check, true: Radial | None) -> CycleRow:
    at, whole = list(check.at), len(check.pool) >= LEAST
    return CycleRow(
        arm=trial.arm,
        seed=trial.seed,
        cycle=check.cycle,
        calls=sum(label.attempts > 0 for label in history.labels if label.cycle < check.cycle),
        ended=check.pool.stop_reason.value.replace("_", " "),
        frames=len(at),
        energy=float(np.abs(check.pool.energies[at] - check.energies).mean()) if at else None,
        force=float(np.abs(check.pool.forces[at] - check.forces).mean()) if at else None,
        radial=difference(of_pool(check.pool), true) if true is not None and whole else None,
    )


def _energies(checks: Sequence[Check]) -> Figure:
    """The first, a middle and the last trajectory, each above its own mean by DFT."""
    figure, axes = new_axes(LIGHT, "time (ps)", "energy above its mean by DFT (eV)")
    shown = [checks[k] for k in sorted({0, len(checks) // 2, len(checks) - 1})]
    for colour, check in zip((LIGHT.red, LIGHT.green, LIGHT.blue), shown[::-1], strict=False):
        zero = float(check.energies.mean())
        times = np.arange(len(check.pool)) * check.pool.measures.get(FRAME_INTERVAL, 1.0) / 1000
        axes.plot(times, check.pool.energies - zero, "-", color=colour, lw=1.2, label=f"cycle {check.cycle}")
        some = np.unique(np.linspace(0, len(check.at) - 1, 25).round().astype(int))
        points = np.array(check.at)[some]
        axes.plot(times[points], check.energies[some] - zero, "o", color=colour, mec=LIGHT.ink, mew=0.6, ms=4)
    axes.plot([], [], "o", color="none", mec=LIGHT.ink, label="DFT")
    legend(axes, LIGHT)
    return figure


def _parity(check: Check, forces: bool) -> Figure:
    at = list(check.at)
    if forces:
        true, said, name, unit = check.forces.ravel(), check.pool.forces[at].ravel(), "force component", "eV/Å"
    else:
        zero = float(check.energies.min())
        true, said, name, unit = check.energies - zero, check.pool.energies[at] - zero, "energy", "eV"
    figure, axes = new_axes(LIGHT, f"DFT {name} ({unit})", f"model {name} ({unit})")
    points = axes.scatter(true, said, s=8, color=LIGHT.blue, linewidths=0, alpha=0.5, zorder=3)
    points.set_rasterized(True)
    low, high = min(true.min(), said.min()), max(true.max(), said.max())
    margin = 0.06 * (high - low) or 0.1
    identity(axes, LIGHT, low - margin, high + margin)
    text = f"MAE {np.abs(said - true).mean():.2g} {unit}"
    axes.text(0.04, 0.96, text, transform=axes.transAxes, va="top", fontsize=8, color=LIGHT.ink)
    return figure


def _radial(history: RunHistory, checks: Sequence[Check], true: Radial | None) -> Figure:
    figure, axes = new_axes(LIGHT, "distance (Å)", "g(r)")
    if true is not None:
        axes.plot(true.distances, true.values[TOTAL], "-", color=LIGHT.ink, lw=2.2, label="the parent's dynamics")
    else:
        frames = [label.atoms for label in history.labels if label.ok and label.cycle == checks[-1].cycle]
        if len(frames) >= LEAST:
            found = of_frames(frames)
            axes.plot(found.distances, found.values[TOTAL], "-", color=LIGHT.ink, lw=2.2, label="frames checked by DFT")
    for colour, dashes, check in ((LIGHT.red, ":", checks[0]), (LIGHT.blue, "--", checks[-1])):
        found = of_pool(check.pool)
        axes.plot(found.distances, found.values[TOTAL], dashes, color=colour, lw=1.5, label=f"cycle {check.cycle}")
    axes.set_xlim(1.0, 6.0)
    legend(axes, LIGHT)
    return figure


FIGURE4 = Study(
    "figure4-5",
    "figures 4 and 5",
    "dynamics at 300 K: energies, parity, radial distribution",
    partial(plan, 300.0),
    partial(conclude, 300.0, ("figure4", "figure5")),
    elements=("Cu", "C", "O"),
    held=(),
)
FIGURE_S1 = Study(
    "figureS1",
    "figure S1",
    "the same at 800 K",
    partial(plan, 800.0),
    partial(conclude, 800.0, ("figureS1", "figureS1-radial")),
    elements=("Cu", "C", "O"),
    held=(),
)
