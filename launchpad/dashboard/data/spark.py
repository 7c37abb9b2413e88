"""A line as large as a word: DFT's largest force by cycle beside its target, as SVG with the same in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

#: pixels, and what is drawn: from this share of the target to that multiple of it; what is beyond stands at the edge
WIDTH, HEIGHT, _MARGIN = 92, 24, 3
_LOW, _HIGH = -1.0, 2.0
#: values that the words name
_SAID = 12


def sparkline(forces: Sequence[tuple[int, float]], target: float | None) -> Markup:
    """DFT's largest force (eV/Å) by cycle, on a logarithmic axis; empty where there is none.

    With a target all lines have one scale, from a tenth of the target to a hundred times it, so that rows compare.
    """
    if not forces:
        return Markup("")
    heights = _shares([value for _, value in forces], target)
    cycles = [cycle for cycle, _ in forces]
    first, last = cycles[0], cycles[-1]
    wide = WIDTH - 2 * _MARGIN
    places = [
        (_MARGIN + wide * ((cycle - first) / (last - first) if last > first else 1.0), _y(share))
        for cycle, share in zip(cycles, heights, strict=True)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    guide = ""
    if target:
        y = _y(-_LOW / (_HIGH - _LOW))
        guide = f'<line class="target" x1="0" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
    done = " done" if target and forces[-1][1] <= target else ""
    return Markup(
        f'<svg class="spark{done}" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{_words(forces, target)}">{guide}<polyline points="{line}"/>'
        f'<circle cx="{places[-1][0]:.1f}" cy="{places[-1][1]:.1f}" r="2.4"/></svg>'
    )


def _shares(values: Sequence[float], target: float | None) -> list[float]:
    """How high each value stands, 0 to 1."""
    logs = [math.log10(max(value, 1e-9)) for value in values]
    if target:
        low, high = math.log10(target) + _LOW, math.log10(target) + _HIGH
    else:
        low, high = min(logs), max(logs)
    return [0.5 if high == low else min(1.0, max(0.0, (one - low) / (high - low))) for one in logs]


def _y(share: float) -> float:
    return HEIGHT - _MARGIN - share * (HEIGHT - 2 * _MARGIN)


def _words(forces: Sequence[tuple[int, float]], target: float | None) -> str:
    shown = [f"{value:.3f}" for _, value in forces[-_SAID:]]
    before = "… " if len(forces) > _SAID else ""
    aim = f"; target {target:g}" if target else ""
    return f"DFT fmax by cycle, eV/Å: {before}{', '.join(shown)}{aim}"
