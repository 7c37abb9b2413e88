"""A study: a declared list of trials, and what tables and figures are made of them."""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms
from matplotlib.figure import Figure

from al_workflows.analysis.style import image
from al_workflows.benchmark.cache import Cache
from al_workflows.benchmark.tables import Document, Table
from al_workflows.benchmark.work import results
from al_workflows.dft.settings import check_available
from al_workflows.errors import InputError
from al_workflows.files import write_atomically
from al_workflows.history import RunHistory
from al_workflows.run_directory import read_run_directory
from al_workflows.study.parent import FAILS
from al_workflows.study.published import SOURCE
from al_workflows.study.trial import Setting, Task, Trial

#: told of each trial, whether it was stored already, how many are there and how many there will be
Listener = Callable[[Trial, bool, int, int], None]


@dataclass(frozen=True)
class Findings:
    """What a study says: ``tables``, ``figures`` by the end of their file's name with captions, more ``data``."""

    tables: Sequence[Table]
    figures: Mapping[str, tuple[Figure | None, str]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """``plan`` lists the trials, ``conclude`` makes tables and figures of those that were made.

    ``elements`` must be known to the DFT code. ``held`` are arms that are always made, as the others are held against
    them. ``about`` and ``title`` name it to a reader.
    """

    name: str
    title: str
    about: str
    plan: Callable[[Setting], Sequence[Task]]
    conclude: Callable[[Setting, Sequence[Trial]], Findings]
    elements: tuple[str, ...] = ("Cu", "C")
    held: tuple[str, ...] = ("reference",)

    def tasks(self, setting: Setting) -> list[Task]:
        """The trials of ``setting``.

        Raises
        ------
        InputError
            An arm is not known, or the DFT code cannot treat the elements.
        EnvironmentProblem
            The DFT code is not installed.
        """
        check_available(setting.dft, self.elements)
        all_of_them = self.plan(setting)
        names = list(dict.fromkeys(task.name for task in all_of_them if task.name not in self.held))
        for arm in setting.arms:
            if arm not in names:
                raise InputError(f"arm {arm!r} is not one of study {self.name}; give some of {', '.join(names)}")
        wanted = {*(setting.arms or names), *self.held}
        return [task for task in all_of_them if task.name in wanted]


def make(
    study: Study,
    setting: Setting,
    jobs: int = 1,
    fresh: bool = False,
    listener: Listener | None = None,
) -> list[Trial]:
    """The trials of ``study``: what is stored is taken over, unless ``fresh``; the others are made."""
    tasks, cache = study.tasks(setting), Cache(setting.root / "cache")
    if fresh:
        for task in tasks:
            cache.discard(task.title, task.key())
    return results(tasks, Trial, cache, jobs, listener)


def write(study: Study, setting: Setting, trials: Sequence[Trial], command: str) -> tuple[Document, list[Path]]:
    """Write ``<name>.md``, ``.json`` and ``-ends.extxyz``, and each figure as PNG and PDF, into ``setting.root``."""
    found, written = study.conclude(setting, trials), list[Path]()
    for name, (figure, _) in found.figures.items():
        if figure is not None:
            for kind in ("png", "pdf"):
                written.append(setting.root / f"{name}.{kind}")
                write_atomically(written[-1], image(figure, kind))
    settings: dict[str, Any] = {
        "study": study.title,
        "published": SOURCE,
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        "parent": "EMT in the place of DFT"
        if setting.quick
        else setting.dft.model_dump(mode="json", exclude_defaults=True),
        "seeds": list(setting.seeds),
        **({"arms": list(setting.arms)} if setting.arms else {}),
        **found.settings,
    }
    plain = [
        {name: value for name, value in trial.to_dict().items() if name not in ("images", "run")} for trial in trials
    ]
    document = Document(f"Study {study.name}: {study.about}", command, settings, found.tables, {"trials": plain})
    written += document.write(setting.root, study.name)
    if found.figures:
        shown = "\n\n".join(_shown(name, figure, caption) for name, (figure, caption) in found.figures.items())
        write_atomically(setting.root / f"{study.name}.md", f"{document.markdown()}\n## Figures\n\n{shown}\n")
    ends = [_named(trial, atoms) for trial in trials for atoms in trial.images]
    if ends:
        text = io.StringIO()
        ase.io.write(text, ends, format="extxyz")
        written.append(setting.root / f"{study.name}-ends.extxyz")
        write_atomically(written[-1], text.getvalue())
    return document, written


def history_of(setting: Setting, trial: Trial) -> RunHistory | None:
    """All records of a trial of ours; None of one that left none, or whose directory is gone."""
    place = setting.root / trial.run
    return read_run_directory(place) if trial.run and (place / "run.json").is_file() else None


def note(setting: Setting) -> tuple[str, ...]:
    """What is to be said of the parent below a table."""
    return (f"{FAILS}; in the rows of the paper's settings gate and trust radius are off.",) if setting.quick else ()


def _shown(name: str, figure: Figure | None, caption: str) -> str:
    return f"Not drawn ({name}): {caption}" if figure is None else f"![{name}]({name}.png)\n\n*{caption}*"


def _named(trial: Trial, atoms: Atoms) -> Atoms:
    copy = atoms.copy()
    copy.info = {
        "system": trial.system,
        "arm": trial.arm,
        "seed": trial.seed,
        "outcome": trial.outcome.replace(" ", "_"),
    }
    return copy
