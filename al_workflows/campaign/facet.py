"""Names of facets."""

from __future__ import annotations

from collections.abc import Sequence


def facet_name(miller: Sequence[int]) -> str:
    """E.g. ``111``, ``1-10``; with dots where an index has two digits."""
    return ("" if all(abs(index) < 10 for index in miller) else ".").join(str(index) for index in miller)
