"""What a user writes to select members of a campaign."""

from __future__ import annotations

from collections.abc import Sequence

from al_workflows.errors import InputError


def selected(words: Sequence[str] | None) -> dict[str, str]:
    """What words like ``bulk=Pt`` (``--where``, ``?where=``) select.

    Raises
    ------
    InputError
        A word is not like ``bulk=Pt``, or a key comes twice.
    """
    found: dict[str, str] = {}
    for word in words or []:
        key, equals, value = word.partition("=")
        if not (key and equals and value) or key.startswith("$") or "." in key or key in found or "\0" in word:
            raise InputError(f"`--where {word}` must be like bulk=Pt, each key once; correct it")
        found[key] = value
    return found
