"""A campaign's DFT labels as one data set for the training of any potential: extxyz, split by surface.

Structures of one surface (bulk and Miller index) are all in one of the splits, so that testing is on surfaces which the
training has not seen; molecules are in the training set. ``REF_energy`` (eV) and ``REF_forces`` (eV/Å) as in
:mod:`al_workflows.export`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import ase.io

from al_workflows.dft.settings import own_settings
from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.export import image
from al_workflows.files import write_atomically
from al_workflows.records import Label
from al_workflows.spec import DftSpec
from al_workflows.structures import structure_key

TRAIN, VALIDATION, TEST = "train", "val", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
#: settings that cells of different sizes need different values of, for the same accuracy
_SAMPLING = frozenset({"kpts", "koffset", "gamma"})


def surface_of(tags: Mapping[str, str]) -> str:
    """The surface that a member's structures are of; empty for molecules."""
    return " ".join(filter(None, (tags.get("bulk"), tags.get("miller")))) if tags.get("bulk") else ""


def splits(surfaces: Collection[str], share: float = 0.1) -> dict[str, str]:
    """Which split each surface is in: of ten surfaces, one to validate and one to test.

    The same surfaces are split in the same way, in whatever order they come. Of two, one is for the test; of one, none.
    """
    order = sorted(set(surfaces) - {""}, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    each = max(1, round(share * len(order)))
    test = order[:each] if len(order) > 1 else []
    validation = order[each : 2 * each] if len(order) > 2 else []
    return {name: TEST if name in test else VALIDATION if name in validation else TRAIN for name in order}


def comparable(dft: DftSpec) -> str:
    """What the settings of labels must share that are trained on together: all but the sampling of k-points."""
    return json.dumps({"kind": dft.kind, "settings": _without_sampling(own_settings(dft))}, sort_keys=True)


def _without_sampling(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_sampling(item) for key, item in value.items() if key not in _SAMPLING}
    return value


@dataclass(frozen=True)
class Exported:
    """Number of structures by split, of those left out because they were there already, and surfaces by split."""

    structures: Mapping[str, int]
    duplicates: int
    surfaces: Mapping[str, list[str]]


class DataSet:
    """The files of a data set while it is written, one structure after the other; there when the block ends well."""

    def __init__(self, directory: Path, surfaces: Collection[str]) -> None:
        self._directory, self._split = directory, splits(surfaces)
        self._seen: set[str] = set()
        self._numbers: Counter[str] = Counter()
        self._duplicates = 0
        self._settings: tuple[str, str, str] | None = None
        self._stack = ExitStack()
        self._files: dict[str, IO[bytes]] = {}
        self._ending = f".{secrets.token_hex(6)}"

    def __enter__(self) -> Self:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            for name in SPLITS:
                self._files[name] = self._stack.enter_context(self._temporary(name).open("xb"))
        except OSError as error:
            self._remove()
            raise EnvironmentProblem(
                f"{self._directory} cannot be written ({error.strerror}); give a writable directory with free space"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if error is not None:
            self._remove()

    def add(self, surface: str, run: str, dft: DftSpec, label: Label) -> None:
        """Write an accepted label, unless its structure is there already.

        Raises
        ------
        InputError
            It is of other DFT settings, or of another version of the code, than the labels before it.
        """
        self._refuse_others(run, dft, label)
        key = structure_key(label.atoms)
        if key in self._seen:
            self._duplicates += 1
            return
        self._seen.add(key)
        split = self._split.get(surface, TRAIN)
        atoms = image(run, label)
        atoms.info["surface"] = surface or "molecule"
        text = io.StringIO()
        ase.io.write(text, atoms, format="extxyz")
        self._files[split].write(text.getvalue().encode())
        self._numbers[split] += 1

    def finish(self, about: Mapping[str, Any]) -> Exported:
        """Put the files in their places, with ``dataset.json`` beside them, which says what they hold.

        Raises
        ------
        InputError
            There is no structure.
        """
        if not self._numbers:
            raise InputError("no member has a single point that succeeded, so there is nothing to export")
        self._stack.close()
        surfaces = {name: [one for one, split in self._split.items() if split == name] for name in SPLITS}
        numbers = {name: self._numbers[name] for name in SPLITS}
        for name in SPLITS:
            os.replace(self._temporary(name), self._directory / f"{name}.extxyz")
        content = {**about, "structures": numbers, "surfaces": surfaces, "duplicates_left_out": self._duplicates}
        content |= {"energy": "REF_energy, eV", "forces": "REF_forces, eV/Å, constraints not applied"}
        write_atomically(self._directory / "dataset.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        return Exported(numbers, self._duplicates, surfaces)

    def _refuse_others(self, run: str, dft: DftSpec, label: Label) -> None:
        settings = (comparable(dft), label.code)
        if self._settings is None:
            self._settings = (*settings, run)
        if self._settings[:2] != settings:
            raise InputError(
                f"the labels of {run} ({label.code}) and of {self._settings[2]} ({self._settings[1]}) are of different "
                "DFT settings or code versions, but must be of one: their energies do not belong together; export a "
                "part with --where"
            )

    def _temporary(self, name: str) -> Path:
        return self._directory / f".{name}.extxyz{self._ending}"

    def _remove(self) -> None:
        self._stack.close()
        for name in SPLITS:
            with suppress(FileNotFoundError, NotADirectoryError):
                self._temporary(name).unlink()
