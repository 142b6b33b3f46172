"""``report/metrics.json``: what the rows and the columns look like."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from framework.runtime.parts import Part
from framework.runtime.pipeline import Rows
from framework.runtime.preflight import Prepared
from framework.runtime.statistics import Statistics
from framework.runtime.transform import Role, positions


@dataclass
class Totals:
    """What the blocks add up to.

    Attributes:
        rows: Good rows.
        rejected: Bad rows.
        label_sums: Sum of the labels of each channel, by its index.
    """

    rows: int = 0
    rejected: int = 0
    label_sums: dict[int, Fraction] = field(default_factory=dict)

    def add(self, rows: Rows) -> None:
        """Count one more block."""
        self.rows += rows.good
        self.rejected += rows.rejected
        for channel, batch in rows.by_channel.items():
            for place in positions(batch.schema, Role.LABEL):
                total = _exact_sum(batch.column(place).to_numpy(zero_copy_only=False))
                self.label_sums[channel] = self.label_sums.get(channel, Fraction()) + total


def metrics(
    prepared: Prepared, statistics: Statistics, parts: dict[str, list[Part]], totals: Totals
) -> dict[str, Any]:
    """The content of the file; the same input and configuration give the same bytes."""
    has_label = bool(positions(prepared.schema, Role.LABEL))
    channels: dict[str, dict[str, float | None]] = {}
    for index, name in enumerate(prepared.channels):
        rows = sum(part.rows for part in parts[name])
        channels[name] = {"rows": rows, "bytes": sum(part.bytes for part in parts[name])}
        if has_label:
            total = totals.label_sums.get(index, Fraction())
            channels[name]["label_mean"] = float(total / rows) if rows else None
    hashed = statistics.report(prepared.hasher)
    return {"rows": totals.rows, "n_features": prepared.n_features, "channels": channels, **hashed}


def _exact_sum(numbers: npt.NDArray[np.float64]) -> Fraction:
    """The sum without any rounding: the same wherever one block ends and the next begins."""
    largest = float(np.abs(numbers).max(initial=0))
    if largest * len(numbers) < 2**53 and np.array_equal(np.rint(numbers), numbers):
        return Fraction(int(numbers.sum()))
    mantissas, exponents = np.frexp(numbers)
    whole = np.ldexp(mantissas, 53).astype(np.int64)
    total = Fraction()
    for exponent in np.unique(exponents).tolist():
        same = whole[exponents == exponent]
        in_units = (int((same >> 26).sum()) << 26) + int((same & (1 << 26) - 1).sum())
        total += in_units * Fraction(2) ** (exponent - 53)
    return total
