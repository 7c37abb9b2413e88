"""One thread for linear algebra: sums in another order give other last digits, and a seed would no longer decide.

So held, the same labels and seed give the same potential and predictions bit for bit, whatever the machine's threads.
Processors with other instructions round otherwise: predictions after a training agree within 1e-6 eV and eV/Å.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def single_threaded(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """``function``, run with BLAS and OpenMP held to one thread whatever the machine offers."""

    @functools.wraps(function)
    def held(*arguments: Parameters.args, **keywords: Parameters.kwargs) -> Result:
        with threadpool_limits(limits=1):
            return function(*arguments, **keywords)

    return held
