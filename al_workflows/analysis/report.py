"""A run as one page that needs nothing else: figures inlined, no script, no network, for screen, phone and paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from al_workflows.analysis.gallery import NAMES, gallery_of
from al_workflows.analysis.plates import Plate, environment, number, plates_of, write_plates
from al_workflows.analysis.style import time_unit
from al_workflows.files import write_atomically
from al_workflows.force_errors import ALL, from_evidence
from al_workflows.history import RunHistory
from al_workflows.path_result import HEIGHT, HEIGHT_BACK, REACTION
from al_workflows.records import Label
from al_workflows.results import STEPS
from al_workflows.spec import RunSpec
from al_workflows.structures import max_force
from al_workflows.termination.curvature import LOWEST_CURVATURE
from al_workflows.uncertainty_errors import uncertainty_calibration
from al_workflows.versions import installed_versions

PAGE = "report.html"
#: of a path: names and keys in the verdict's evidence, eV
BARRIER_FACTS = (("barrier", HEIGHT), ("barrier back", HEIGHT_BACK), ("reaction energy", REACTION))


def write_report(
    history: RunHistory, directory: Path, listener: Callable[[int, int], None] = lambda done, of: None
) -> Path:
    """Write ``report.html`` and each figure as PNG, SVG, PDF and CSV into ``directory``; the page's path.

    ``listener`` is told how many figures are drawn, and of how many.

    Figures of an earlier report that this run does not have (any more) are removed.

    Raises
    ------
    EnvironmentProblem
        The directory cannot be made or written.
    """
    plates = plates_of(history, gallery_of(history), listener)
    write_atomically(directory / PAGE, page(history, plates), durable=False)
    write_plates(plates, NAMES, directory)
    return directory / PAGE


def whole_page(history: RunHistory) -> str:
    """The page with all figures of the run."""
    return page(history, plates_of(history, gallery_of(history)))


def page(history: RunHistory, plates: Sequence[Plate]) -> str:
    """The page's HTML; all that comes from the run is escaped."""
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            run=history,
            facts=facts(history),
            plates=plates,
            ledger=[ledger_row(label) for label in history.labels],
            stops={cycle: f"{pool.stop_reason.value}, {len(pool)} frames" for cycle, pool in history.pools.items()},
            refused=[(cycle, one) for cycle, several in sorted(history.rejected.items()) for one in several],
            steps=STEPS,
            given=settings(history.spec, defaults=False),
            settings=settings(history.spec, defaults=True),
            codes=sorted({label.code for label in history.labels}),
            hashes=sorted({label.dft_hash for label in history.labels}),
            versions=history.versions,
            reporter=installed_versions(),
        )
    )


def facts(history: RunHistory) -> list[tuple[str, str]]:
    """The numbers that one looks for first, each with its name and unit."""
    answer = history.answer
    spent = {step: sum(cycle.seconds.get(step, 0.0) for cycle in history.cycles) for step in STEPS}
    failed = sum(not label.ok for label in history.labels)
    found = [
        ("DFT calls", str(history.dft_calls)),
        ("cycles", str(max(len(history.cycles) - 1, 0))),
        ("failed points", str(failed)),
    ]
    if history.borrowed:
        lenders = len({key.partition("/")[0] for key in history.borrowed})
        found.append(("borrowed labels", f"{len(history.borrowed)} of {lenders} runs"))
    errors = from_evidence(history.verdict.evidence) if history.verdict is not None else {}
    if errors:
        means = errors["force_mae_eV_per_A"]
        found += [(f"force error{_of(group)}", f"{number(error)} eV/Å") for group, error in means.items()]
        found.append(("energy error", f"{number(errors['energy_mae_eV'])} eV"))
    elif answer is not None and answer.forces is not None:
        found += [
            ("DFT energy", f"{number(answer.energy)} eV"),
            ("largest DFT force", f"{number(max_force(answer.atoms, answer.forces))} eV/Å"),
        ]
    evidence = history.verdict.evidence if history.verdict is not None else {}
    found += [(name, f"{evidence[key]:.4f} eV") for name, key in BARRIER_FACTS if key in evidence]
    curvature = history.verdict.evidence.get(LOWEST_CURVATURE) if history.verdict is not None else None
    if curvature is not None:
        found.append(("lowest DFT curvature", f"{curvature:.2f} eV/Å²"))
    if history.target is not None:
        found.append(("target", f"{history.target:g} eV/Å"))
    if (calibration := uncertainty_calibration(history.labels)) is not None:
        ratio, share = calibration["rms_error_over_uncertainty"], calibration["share_within_2"]
        found.append(("force error ÷ uncertainty", f"{ratio:.2f} (rms), {share:.0%} within 2"))
    found += [
        ("DFT time", duration(spent["dft"])),
        ("ML time", duration(spent["train"] + spent["simulate"] + spent["query"])),
    ]
    return found


@dataclass(frozen=True)
class LedgerRow:
    """One single point in words; energies eV, forces eV/Å, ``error`` is model minus DFT energy in eV."""

    key: str
    status: str
    ok: bool
    strategy: str
    reason: str
    cause: str
    directory: str
    attempts: int
    uncertainty: str
    model: str
    dft: str
    error: str
    fmax: str
    seconds: str


def _of(group: str) -> str:
    return "" if group == ALL else f" of {group}"


def ledger_row(label: Label) -> LedgerRow:
    """What the ledger says of a single point."""
    request = label.request
    both = label.energy is not None and request.predicted_energy is not None
    return LedgerRow(
        key=label.key.partition("/")[2],
        status=label.status.value,
        ok=label.ok,
        strategy=request.strategy,
        reason=request.reason,
        cause=label.cause,
        directory=label.directory,
        attempts=label.attempts,
        uncertainty=number(request.uncertainty),
        model=number(request.predicted_energy),
        dft=number(label.energy),
        error=number(request.predicted_energy - label.energy if both else None),  # type: ignore[operator]
        fmax=number(max_force(label.atoms, label.forces) if label.forces is not None else None),
        seconds=f"{label.seconds:.1f}",
    )


def settings(spec: RunSpec, *, defaults: bool) -> str:
    """The run file, with or without the keys that are at their default."""
    content = spec.model_dump(mode="json") if defaults else _given(spec)
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100))


def _given(model: BaseModel) -> dict[str, Any]:
    """What differs from the defaults, and the tag of each variant on the way: without it the file would not be one."""
    plain, given = model.model_dump(mode="json"), {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if name == "kind" or field.is_required() or value != field.get_default(call_default_factory=True):
            given[name] = _given(value) if isinstance(value, BaseModel) else plain[name]
    return given


def duration(seconds: float) -> str:
    """A wall time in the unit that one would say it in."""
    length, unit = time_unit(seconds)
    return f"{seconds / length:.1f} {unit}"
