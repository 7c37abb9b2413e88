"""The one place that knows how kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` compiled when first called, once per machine where there is a place to keep it.

    IEEE arithmetic without shortcuts, so that a seed gives one answer.
    """
    try:
        kernel = numba.njit(cache=True, error_model="numpy")(function)
    except RuntimeError:  # neither the package's directory nor the user's cache can be written
        kernel = numba.njit(error_model="numpy")(function)
    return cast("Callable[..., Any]", kernel)
