"""Positions of the marks of an axis."""

from __future__ import annotations

import math

STEPS = (1, 2, 2.5, 5, 10)
_FEWEST = 4
_RESOLUTION = 1e-9
"""Numbers that differ by less, in relation to their size, are one on an axis,"""
_LEAST = 1e-300
"""and so are those that differ by less than this."""


def ticks(low: float, high: float) -> list[float]:
    """Return four to eight round numbers, evenly apart, from at most `low` to at least `high`."""
    if high - low <= max(_RESOLUTION * max(abs(low), abs(high)), _LEAST):
        around = max(abs(low), abs(high)) / 10
        around = around if around > _LEAST else 1.0
        low, high = low - around, high + around
    least = (high - low) / _FEWEST
    unit = 10.0 ** math.floor(math.log10(least))
    step = max(step * unit for step in STEPS if step * unit <= least * (1 + 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{place * step:.12g}") for place in range(first, last + 1)]
