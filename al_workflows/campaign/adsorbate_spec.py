"""The ``adsorbates:`` of a campaign file. Lengths are Å, angles degrees, moments μB."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveFloat, model_validator

from al_workflows.campaign.bulk_spec import Moments, Word
from al_workflows.strict import Strict


class AdsorbateSpec(Strict):
    """One adsorbate: a molecule or atom that ASE knows, a file, or symbols and positions."""

    name: Word = Field(description="in members' keys")
    molecule: str | None = Field(None, description="of ase.build.molecule, or a symbol; null: the name")
    file: Path | None = Field(None, description="in any format that ASE reads; relative to this file")
    symbols: str | None = Field(None, min_length=1, description="a formula, e.g. COH, with positions")
    positions: tuple[tuple[float, float, float], ...] = Field((), description="of each of its atoms")
    binding_atom: NonNegativeInt | None = Field(
        None, description="the one that is put on the site; null: the first C, else N, O, H, else the first atom"
    )
    orientation: Literal["upright", "as_given"] = Field(
        "upright", description="upright: the other atoms' middle is above the binding atom"
    )
    rotation: tuple[float, float, float] = Field((0.0, 0.0, 0.0), description="after that, about x, y and z (up)")
    height: PositiveFloat | None = Field(
        None, description="of the binding atom above its site's atoms; null: where covalent radii touch"
    )
    reference: dict[str, float] | None = Field(
        None, description="species → number of it whose energies are taken off; null: the adsorbate in a box"
    )
    magmoms: Moments = Field(default_factory=dict, description="element → initial magnetic moment on slabs, μB")

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_source(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "name" in data:
            return data
        source = data.get("molecule") or data.get("symbols") or (data.get("file") and Path(str(data["file"])).stem)
        return data if source is None else {**data, "name": source}

    @model_validator(mode="after")
    def _from_one_place(self) -> Self:
        given = [key for key in ("molecule", "file", "symbols") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"must have one of molecule, file and symbols, but has {' and '.join(given)}")
        if (self.symbols is None) != (not self.positions):
            raise ValueError("must have `symbols` and `positions` together")
        if self.reference is not None and not self.reference:
            raise ValueError("must have a species at least in `reference`, or none of that key")
        return self


def _named(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a name: YAML reads NO as false, so write 'NO' in quotation marks")
    return {"name": value} if isinstance(value, str) else value


GivenAdsorbate = Annotated[AdsorbateSpec, BeforeValidator(_named)]
