"""The ``bulks:`` of a campaign file. Lengths are Å, moments μB."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat, model_validator

from al_workflows.strict import Strict, keyed_by_element

#: part of a member's key
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.]{0,23}$")]
#: μB by element
Moments = Annotated[dict[str, float], AfterValidator(keyed_by_element)]
Lattice = Literal["given", "eos"]


def _nested(value: Any) -> Any:
    """``[1, 1, 1]`` as ``[[1, 1, 1]]``."""
    return [value] if isinstance(value, list) and value and all(isinstance(one, int) for one in value) else value


MillerList = Annotated[tuple[tuple[int, ...], ...], BeforeValidator(_nested)]


class BulkSpec(Strict):
    """One bulk: an element or formula that ASE knows, a prototype of pymatgen's, a file, or a Materials Project id."""

    name: str | None = Field(None, min_length=1, description="for ase.build.bulk: Cu, or NaCl with crystalstructure")
    crystalstructure: str | None = Field(None, description="with name: fcc, rocksalt, …; null: the element's own")
    prototype: str | None = Field(None, description="for pymatgen: perovskite, cscl, …, with species and a")
    species: tuple[str, ...] = Field((), description="of the prototype, in pymatgen's order")
    a: PositiveFloat | None = Field(None, description="lattice constant; null: ASE's")
    c: PositiveFloat | None = Field(None, description="the second one; null: ASE's")
    file: Path | None = Field(None, description="in any format that ASE reads, CIF among them; relative to this file")
    mp_id: str | None = Field(None, pattern=r"^(mp|mvc)-\d+$", description="needs your key in MP_API_KEY")
    label: Word | None = Field(None, description="in members' keys; by default name, prototype, file's name or mp_id")
    lattice: Lattice | None = Field(None, description="null: as the campaign's")
    conventional: bool = Field(
        True, description="Miller indices are of the conventional cell; false: of the cell as it is given"
    )
    miller: MillerList = Field((), description="in place of slabs.miller")
    magmoms: Moments = Field(default_factory=dict, description="element → initial magnetic moment on its slabs, μB")

    @model_validator(mode="after")
    def _from_one_place(self) -> Self:
        given = [key for key in ("name", "prototype", "file", "mp_id") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(
                f"must have one of name, prototype, file and mp_id, but has {' and '.join(given) or 'none'}"
            )
        if self.prototype is not None and (self.a is None or not self.species):
            raise ValueError("must have `species` and `a` with `prototype`")
        if self.prototype is None and self.species:
            raise ValueError("must not have `species` without `prototype`")
        if given[0] in ("file", "mp_id") and (self.a or self.c or self.crystalstructure):
            raise ValueError(f"must not have a, c or crystalstructure with `{given[0]}`, which says them itself")
        return self

    @property
    def key(self) -> str:
        """How members' keys call it."""
        found = self.label or self.name or self.mp_id or self.prototype or (self.file.stem if self.file else "")
        return re.sub(r"[^A-Za-z0-9_.]", "", found)[:24].lstrip("_.") or "bulk"


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


GivenBulk = Annotated[BulkSpec, BeforeValidator(_named)]
