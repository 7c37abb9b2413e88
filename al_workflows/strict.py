"""The base of all settings."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

T = TypeVar("T")


class Strict(BaseModel):
    """A frozen model that knows its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _true_is_no_number(cls, data: Any) -> Any:
        for key, value in data.items() if isinstance(data, dict) else ():
            field = cls.model_fields.get(key)
            if isinstance(value, bool) and field is not None and field.annotation is not bool:
                raise ValueError(f"must not have true or false as `{key}`")
        return data


def keyed_by_element(value: dict[str, T]) -> dict[str, T]:
    """``value``; a ValueError if one of its keys is no chemical symbol."""
    from ase.data import atomic_numbers

    for symbol in value:
        if atomic_numbers.get(symbol, 0) == 0:
            raise ValueError(f"must have chemical symbols as keys, not {symbol!r}")
    return value
