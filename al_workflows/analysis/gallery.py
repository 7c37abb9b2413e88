"""A run's figures in the order in which one reads them, each with its caption and what to say where it is empty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from matplotlib.figure import Figure

from al_workflows.analysis import figures_band, figures_md, figures_model, figures_run, figures_saddle
from al_workflows.analysis.figures_timeline import timeline
from al_workflows.analysis.style import Style
from al_workflows.history import RunHistory

Known = TypeVar("Known")


@dataclass(frozen=True)
class Entry(Generic[Known]):
    """One figure of all that is ``Known`` of a run (or of a campaign).

    ``name`` is also its file's, ``missing`` says why there may be none.
    """

    name: str
    title: str
    caption: str
    missing: str
    draw: Callable[[Known, Style], Figure | None]


_NO_POOL = "no relaxation on a model has been kept for this run yet"
_NO_PREDICTION = "DFT has not yet answered for a frame that a model predicted"

GALLERY: tuple[Entry[RunHistory], ...] = (
    Entry(
        "dft_force",
        "Convergence",
        "Largest DFT force on a free atom against DFT calls. The run has converged when a structure that the model "
        "relaxed to is below the target.",
        "no single point has been computed yet",
        figures_run.dft_force,
    ),
    Entry(
        "relaxation_energies",
        "Relaxations on the model",
        "Energy along the relaxation on each cycle's model, relative to the DFT answer. Points are DFT single points; "
        "a dotted line joins each to what the model said of it.",
        _NO_POOL,
        figures_run.relaxation_energies,
    ),
    Entry(
        "energy_error",
        "Energy error of the relaxed structure",
        "What the model says of the structure that it relaxed to, and what DFT says of it where it was asked, against "
        "the DFT energy of the answer (for which DFT's own difference is zero and not shown).",
        f"{_NO_POOL}, or there is no DFT answer",
        figures_run.energy_error,
    ),
    Entry(
        "structure_error",
        "Error of the relaxed structure",
        "Mean over the atoms of the L1 distance between the structure that the model relaxed to and the answer (which "
        "is at zero and not shown).",
        f"{_NO_POOL}, or each ended at the answer",
        figures_run.structure_error,
    ),
    Entry(
        "energy_parity",
        "Energy: model against DFT",
        "What the model predicted when it asked, before it had seen DFT's answer.",
        _NO_PREDICTION,
        figures_model.energy_parity,
    ),
    Entry(
        "force_parity",
        "Forces: model against DFT",
        "All components of the forces on all atoms, predicted when the model asked.",
        _NO_PREDICTION,
        figures_model.force_parity,
    ),
    Entry(
        "uncertainty",
        "Is the uncertainty right?",
        "The ensemble's largest force standard deviation of an atom against the largest true force error. Above the "
        "line the model is surer than it should be.",
        f"{_NO_PREDICTION}, or the model is a single network",
        figures_model.uncertainty,
    ),
    Entry(
        "step_seconds",
        "Where the time went",
        "Wall time by step; the first training on a machine includes compilation. Single points that ran side by side "
        "count each for itself.",
        "no cycle has been checked yet",
        figures_run.step_seconds,
    ),
)

_OF_RELAXATIONS = ("dft_force", "relaxation_energies", "energy_error", "structure_error")
#: of a path between two structures
BAND_GALLERY: tuple[Entry[RunHistory], ...] = (
    Entry(
        "saddle_convergence",
        "Convergence",
        "What DFT says at each cycle's saddle: how far the model's energy is off, and the largest force; and at the "
        "ends once the path's are known. Each in units of its limit: the run has converged when all are below 1.",
        "DFT has not answered for a saddle of the model yet",
        figures_saddle.saddle_convergence,
    ),
    Entry(
        "band_energies",
        "Bands on the model",
        "Energy along each cycle's band above the initial end, which is DFT's where it has been asked. Points with a "
        "rim are DFT single points. Bands of early cycles may leave the picture.",
        "no band on a model has been kept for this run yet",
        figures_band.band_energies,
    ),
    Entry(
        "barrier_error",
        "Error of the barrier",
        "The barrier of each cycle's band on the model against the run's answer, which is DFT's.",
        "the run has no barrier that DFT has confirmed",
        figures_band.barrier_error,
    ),
    *(entry for entry in GALLERY if entry.name not in _OF_RELAXATIONS),
)

_NO_TRAJECTORY = "no trajectory has been kept for this run yet"

_OF_MODELS = tuple(entry for entry in GALLERY if entry.name.endswith("_parity") or entry.name == "uncertainty")
#: of molecular dynamics
MD_GALLERY: tuple[Entry[RunHistory], ...] = (
    Entry(
        "force_errors",
        "Convergence",
        "Mean absolute force error on the free atoms of each cycle's frames, predicted before DFT computed them, "
        "against DFT calls; and what it is below by bootstrap over the frames. The run has converged when all bounds "
        "are below their limits on new trajectories in a row.",
        _NO_PREDICTION,
        figures_md.force_errors,
    ),
    Entry(
        "md_energies",
        "Energy along the last trajectory",
        "Energy on the model, and DFT's of the frames that were checked.",
        _NO_TRAJECTORY,
        figures_md.energies,
    ),
    *_OF_MODELS,
    Entry(
        "radial",
        "Radial distribution",
        "Of the last trajectory, total and by pair of elements, each relative to its highest peak and below the one "
        "before; dashed, of those of its frames that DFT has answered for, if they are many.",
        _NO_TRAJECTORY,
        figures_md.radial,
    ),
    Entry(
        "displacements",
        "Mean-square displacement",
        "Of the free atoms of each element in the last trajectory, over all origins of time.",
        "no trajectory of four frames has been kept for this run yet",
        figures_md.displacements,
    ),
    GALLERY[-1],
)


#: of a run in a database, whose Fireworks' times are known
TIMELINE: Entry[RunHistory] = Entry(
    "timeline",
    "When each Firework ran",
    "Waiting is faint, running has its step's colour. A Firework waits from when it might have run.",
    "none of the run's Fireworks could run yet",
    lambda history, style: timeline(history.spans, style, history.read_at),
)

#: the names of all figures that a report may hold
NAMES = frozenset(entry.name for entry in (*GALLERY, *BAND_GALLERY, *MD_GALLERY, TIMELINE))


def gallery_of(history: RunHistory) -> tuple[Entry[RunHistory], ...]:
    """The figures that suit a run of its kind; the timeline among them where its Fireworks are known."""
    found = {"neb": BAND_GALLERY, "md": MD_GALLERY}.get(history.spec.simulation.kind, GALLERY)
    return (*found, TIMELINE) if history.spans else found
