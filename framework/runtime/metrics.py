"""``report/metrics.json``: what the rows and the columns look like."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from framework.runtime.parts import Part
from framework.runtime.pipeline import Rows
from framework.runtime.preflight import Prepared
from framework.runtime.statistics import Statistics
from framework.runtime.sums import exact_sum
from framework.runtime.timeline import NO_COLUMN, Timeline
from framework.runtime.transform import Role, positions


@dataclass
class Totals:
    """What the blocks add up to.

    Attributes:
        rows: Good rows.
        rejected: Bad rows.
        label_sums: Sum of the labels of each channel, by its index.
        timeline: Rows and labels of each channel by point in time.
    """

    rows: int = 0
    rejected: int = 0
    label_sums: dict[int, Fraction] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)

    def add(self, rows: Rows) -> None:
        """Count one more block."""
        self.rows += rows.good
        self.rejected += rows.rejected
        for channel, batch in rows.by_channel.items():
            self.timeline.add(channel, batch)
            for place in positions(batch.schema, Role.LABEL):
                total = exact_sum(batch.column(place).to_numpy(zero_copy_only=False))
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
    described: dict[str, Any] = {
        "rows": totals.rows,
        "n_features": prepared.n_features,
        "channels": channels,
    }
    if prepared.columns.time is not None:
        timeline = {"left_out": NO_COLUMN}
        if prepared.columns.has_time:
            timeline = totals.timeline.report(prepared.channels, has_label=has_label)
        described["time"] = {"column": prepared.columns.time, **timeline}
    return {**described, **hashed}
