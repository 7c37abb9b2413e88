"""The settings that studies compare: the product's defaults, and those of Shuaibi et al. 2020."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from al_workflows.benchmark.variants import VARIANTS, Changes, merged
from al_workflows.dft.spec import DftSpec
from al_workflows.spec import RunSpec

_NO_PRIOR: dict[str, Any] = {"potential": {"prior": {"kind": "none"}}}
#: what the paper's rows have in common; a band is as wide as the published one (five images, wider symmetry functions)
_PAPER = VARIANTS["paper"].changes
_PAPER_BAND: dict[str, Any] = {
    "potential": merged(_PAPER["potential"], {"descriptor": {"g2_eta": [0.005, 4.0, 20.0, 80.0]}}),
    "simulation": {
        "kind": "neb",
        "images": 3,
        "trust_radius": None,
        "leave_saddles": False,
        "saddle_fmax": None,
        "end_fmax": 0.05,
    },
    "termination": {"max_dft_calls": 80},
}
_PAPER_DYNAMICS: dict[str, Any] = {
    "simulation": {
        "kind": "md",
        "thermostat": {"kind": "berendsen"},
        "accuracy": None,
        "start_from": "start",
        "max_uncertainty": None,
    },
    "query": {"kind": "random", "batch": 50},
    "termination": {"max_cycles": 10, "max_dft_calls": 600},
}
#: five networks that learn from labels drawn with replacement, of the paper's kind and training
_BAGGING: dict[str, Any] = {
    "loop": {"kind": "online", "apart": 0.0, "rollback": None},
    "potential": {"members": 5, "bagging": True},
    "query": {"kind": "final"},
    "termination": {"max_dft_calls": 60},
}


@dataclass(frozen=True)
class Arm(Changes):
    """Settings of ours under comparison; ``gated``: structures that DFT would refuse are kept from it."""

    gated: bool = True

    def spec(self, dft: DftSpec, seed: int, simulation: dict[str, Any], **keys: Any) -> RunSpec:
        """The run of ``simulation`` by ``dft``; raises as :meth:`~al_workflows.benchmark.variants.Changes.on`."""
        section = dft.model_dump(mode="json")
        if not self.gated:
            section |= {"min_distance": 0.0}
        return self.on(section, seed, simulation, **keys)


def paper(name: str, about: str, *more: dict[str, Any]) -> Arm:
    """An arm of the paper's settings for a relaxation, with ``more`` changes over them; gate and trust radius off."""
    return _ungated(name, about, _PAPER, *more)


def paper_band(name: str, about: str, *more: dict[str, Any]) -> Arm:
    """As :func:`paper`, for a path."""
    return _ungated(name, about, _PAPER_BAND, *more)


def paper_dynamics(name: str, about: str, *more: dict[str, Any]) -> Arm:
    """As :func:`paper`, for dynamics."""
    return _ungated(name, about, _PAPER_DYNAMICS, *more)


def ours(name: str, about: str, *more: dict[str, Any]) -> Arm:
    """An arm of the product's defaults with ``more`` changes over them."""
    return Arm(name, about, _all(*more))


def online(name: str, about: str, threshold: float, *more: dict[str, Any]) -> Arm:
    """Online learning with the paper's networks: DFT where a force is less certain than ``threshold`` (eV/Å)."""
    base = merged(_PAPER, {"simulation": {"start_from": "lowest_energy"}})
    return _ungated(name, about, base, {**_BAGGING, "loop": _BAGGING["loop"] | {"threshold": threshold}}, *more)


def fmax(value: float) -> dict[str, Any]:
    """The change to another force at which a relaxation has converged, eV/Å."""
    return {"simulation": {"fmax": value}}


def random_queries(cycles: int, batch: int) -> dict[str, Any]:
    """The change to ``cycles`` times ``batch`` random frames."""
    limits = {"max_cycles": cycles, "max_dft_calls": 10 * cycles * batch, "stall_cycles": 10 * cycles}
    return {"query": {"kind": "random", "batch": batch}, "termination": limits}


NO_PRIOR = _NO_PRIOR
#: the paper's networks without its scheduler
NO_SCHEDULER: dict[str, Any] = {"potential": {"training": {"restart_period": None}}}
PAPER_NETWORK: dict[str, Any] = {"potential": _PAPER["potential"]}
BAND_NETWORKS: dict[str, Any] = {"potential": {"members": 5}, "query": {"kind": "uncertainty", "batch": 3}}


def _ungated(name: str, about: str, *changes: dict[str, Any]) -> Arm:
    return Arm(name, about, _all(*changes), gated=False)


def _all(*changes: dict[str, Any]) -> dict[str, Any]:
    """All of them, the later over the earlier."""
    out: dict[str, Any] = {}
    for one in changes:
        out = merged(out, one)
    return out
