"""The learner's settings under comparison, by name: what each changes in a run file of defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from al_workflows.errors import InputError
from al_workflows.spec import RunSpec
from al_workflows.spec_file import parse_spec, read_yaml

#: how single points are chosen where several are computed at once
BATCH_QUERY = "parallel"

_PAPER: dict[str, Any] = {
    "potential": {
        "kind": "behler_parrinello",
        "descriptor": {
            "g2_eta": [float(eta) for eta in np.logspace(np.log10(0.05), np.log10(5.0), 4)],
            "g4_eta": [0.005],
        },
        "members": 1,
        "prior": {"kind": "morse", "refit": False},
        "training": {"kind": "paper"},
    },
    "simulation": {
        "trust_radius": None,
        "max_uncertainty": None,
        "confirm_minimum": "never",
        "start_from": "start",
        "also_from_start": False,
        "leave_saddles": False,
        "model_fmax_fraction": 1.0,
    },
    "query": {"kind": "final_random", "batch": 2},
}


@dataclass(frozen=True)
class Changes:
    """``changes`` are nested keys of a run file that go over the defaults, ``about`` says in words what they are."""

    name: str
    about: str
    changes: dict[str, Any] = field(default_factory=dict)

    def on_emt(self, seed: int, simulation: dict[str, Any], **keys: Any) -> RunSpec:
        """As :meth:`on`, with EMT as the parent."""
        return self.on({"kind": "emt"}, seed, simulation, **keys)

    def on(self, dft: dict[str, Any], seed: int, simulation: dict[str, Any], **keys: Any) -> RunSpec:
        """The run of ``simulation`` with the section ``dft``; ``keys`` are others of its run file.

        Raises
        ------
        InputError
            A key or value of ``changes`` breaks a rule.
        """
        base = {"name": "benchmark", "seed": seed, "structure": "start", "simulation": simulation, "dft": dft}
        return parse_spec(merged(base | keys, self.changes), source=f"variant {self.name}")


class Variant(Changes):
    """Settings of a relaxation."""

    def spec(self, fmax: float, seed: int) -> RunSpec:
        """The run to ``fmax`` (eV/Å) on EMT; raises as :meth:`on_emt`."""
        return self.on_emt(seed, {"kind": "relaxation", "fmax": fmax})


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` over it, mapping by mapping; one of another ``kind`` takes the place of the whole."""
    if "kind" in base and "kind" in changes and base["kind"] != changes["kind"]:
        return dict(changes)
    out = dict(base)
    for key, value in changes.items():
        nested = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = merged(out[key], value) if nested else value
    return out


_NETWORKS = {"kind": "behler_parrinello"}
_BAGGING = {**_NETWORKS, "members": 5, "bagging": True}
_NO_PRIOR = {"prior": {"kind": "none"}}
_ALL = (
    Variant("default", "as a run file without further keys"),
    Variant("networks", "three networks per element in place of the process", {"potential": _NETWORKS}),
    Variant("one-network", "one network per element, so no uncertainty", {"potential": {**_NETWORKS, "members": 1}}),
    Variant("no-prior", "the whole energy is learned", {"potential": {"prior": {"kind": "none"}}}),
    Variant(
        "dimer-prior",
        "Morse curves of dimers, not refitted",
        {"potential": {"prior": {"kind": "morse", "refit": False}}},
    ),
    Variant("no-trust-radius", "relaxations may go anywhere", {"simulation": {"trust_radius": None}}),
    Variant(
        "plain-relaxation",
        "neither off the model's saddles nor from the start as well",
        {"simulation": {"leave_saddles": False, "also_from_start": False}},
    ),
    Variant("confirmed", "DFT is always asked whether it is a minimum", {"simulation": {"confirm_minimum": "always"}}),
    Variant("unconfirmed", "small forces are enough", {"simulation": {"confirm_minimum": "never"}}),
    Variant("paper", "the settings of Shuaibi et al.: one network, four widths, its trainer, final + random", _PAPER),
)
_ONLINE = (
    Variant("online", "DFT is asked where a force is less certain than 0.05 eV/Å", {"loop": {"kind": "online"}}),
    Variant("online-0.03", "the same at 0.03 eV/Å", {"loop": {"kind": "online", "threshold": 0.03}}),
    Variant(
        "online-no-prior",
        "online, and the whole energy is learned",
        {"loop": {"kind": "online"}, "potential": _NO_PRIOR},
    ),
    Variant(
        "online-bagging",
        "online, five networks that learn from labels drawn with replacement (the paper's ensemble)",
        {"loop": {"kind": "online"}, "potential": _BAGGING},
    ),
    Variant(
        "online-bagging-0.03",
        "the same at 0.03 eV/Å",
        {"loop": {"kind": "online", "threshold": 0.03}, "potential": _BAGGING},
    ),
    Variant(
        "online-bagging-no-prior",
        "the same at 0.05 eV/Å, and the whole energy is learned",
        {"loop": {"kind": "online"}, "potential": {**_BAGGING, **_NO_PRIOR}},
    ),
)
VARIANTS = {variant.name: variant for variant in (*_ALL, *_ONLINE)}
#: groups of them
GROUPS = {
    "ablation": tuple(variant.name for variant in _ALL),
    "loops": ("default", "no-prior", *(variant.name for variant in _ONLINE)),
    "batches": ("default", "batch-2", "batch-4", "batch-8"),
}


def variants_of(names: Sequence[str]) -> list[Variant]:
    """The variants of those names; ``batch-N``, a group's name or a YAML file of changes will do, ``none`` for none.

    Raises
    ------
    InputError
        A name is not known, or a file cannot be read or breaks a rule.
    """
    chosen: dict[str, Variant] = {}
    for name in names:
        for one in GROUPS.get(name, (name,)):
            if one != "none":
                variant = _variant(one)
                variant.spec(fmax=0.03, seed=0)
                chosen[variant.name] = variant
    return list(chosen.values())


def _variant(name: str) -> Variant:
    if name in VARIANTS:
        return VARIANTS[name]
    if number := re.fullmatch(r"batch-([1-9]\d?)", name):
        return _batch(int(number[1]))
    if name.endswith((".yaml", ".yml")):
        return Variant(Path(name).stem, f"the changes of {Path(name).name}", read_yaml(Path(name)))
    known = ", ".join((*VARIANTS, "batch-N", *GROUPS))
    raise InputError(f"variant '{name}' is not known; give some of {known}, `none`, or a YAML file of changes")


def _batch(size: int) -> Variant:
    if size == 1:
        return Variant("batch-1", "one single point a round, as default")
    changes = {"query": {"kind": BATCH_QUERY, "single_points": size}}
    return Variant(f"batch-{size}", f"up to {size} single points at once ({BATCH_QUERY})", changes)
