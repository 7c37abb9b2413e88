"""The switch by which pair curves go smoothly to zero."""

from __future__ import annotations

from al_workflows.potential.compiled import compiled


@compiled
def taper(distance: float, start: float, end: float) -> tuple[float, float]:
    """Value and slope (1/Å) of 1 − 10 x³ + 15 x⁴ − 6 x⁵ with x = (r − start) / (end − start); twice differentiable."""
    if distance <= start:
        return 1.0, 0.0
    if distance >= end:
        return 0.0, 0.0
    x = (distance - start) / (end - start)
    value = 1.0 - x * x * x * (10.0 - x * (15.0 - 6.0 * x))
    return value, -30.0 * x * x * (1.0 - x) ** 2 / (end - start)
