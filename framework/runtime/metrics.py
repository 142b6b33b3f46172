"""``report/metrics.json``: what the rows and the columns look like."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from framework.runtime.parts import Part
from framework.runtime.pipeline import Work
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
    label_sums: dict[int, float] = field(default_factory=dict)

    def add(self, work: Work) -> None:
        """Count one more block."""
        self.rows += work.good
        self.rejected += work.rejected
        for channel, batch in work.rows.items():
            for place in positions(batch.schema, Role.LABEL):
                total = pc.sum(batch.column(place)).as_py() or 0.0
                self.label_sums[channel] = self.label_sums.get(channel, 0.0) + total


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
            mean = totals.label_sums.get(index, 0.0) / rows if rows else None
            channels[name]["label_mean"] = mean
    hashed = statistics.report(prepared.n_features, ranges=prepared.has_own_ranges)
    return {"rows": totals.rows, "n_features": prepared.n_features, "channels": channels, **hashed}
