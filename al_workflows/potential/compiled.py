"""The one place that knows how kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba

#: compiled once per machine and kept on disk; strict IEEE arithmetic, so that a seed gives one answer
compiled = cast("Callable[[Callable[..., Any]], Callable[..., Any]]", numba.njit(cache=True, error_model="numpy"))
