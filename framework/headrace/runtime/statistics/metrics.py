"""``report/metrics.json``: what the rows and the columns look like."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from headrace.runtime.chain.pipeline import Rows
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.output.seal import bytes_of_channel
from headrace.runtime.statistics.labels import BINARY, NUMBER, LabelCounts
from headrace.runtime.statistics.statistics import Statistics
from headrace.runtime.statistics.sums import exact_sum
from headrace.runtime.statistics.timeline import Timeline
from headrace.runtime.transform import Role, positions

State = dict[str, Any]
"""Plain data: what JSON knows, and arrays."""


@dataclass
class Totals:
    """The sums over all blocks.

    Attributes:
        rows: Good rows.
        rejected: Bad rows.
        left_out: Good rows that steps left out.
        label_sums: Sum of the labels of each channel, by its index.
        labels: Rows of each channel with each label.
        timeline: Rows and labels of each channel by point in time.
    """

    rows: int = 0
    rejected: int = 0
    left_out: int = 0
    label_sums: dict[int, Fraction] = field(default_factory=dict)
    labels: LabelCounts = field(default_factory=LabelCounts)
    timeline: Timeline = field(default_factory=Timeline)

    def add(self, rows: Rows) -> None:
        """Count one more block."""
        self.rows += rows.good
        self.rejected += rows.rejected
        self.left_out += rows.left_out
        for channel, batch in rows.by_channel.items():
            self.timeline.add(channel, batch)
            for place in positions(batch.schema, Role.LABEL):
                labels = batch.column(place).to_numpy(zero_copy_only=False)
                total = exact_sum(labels)
                self.label_sums[channel] = self.label_sums.get(channel, Fraction()) + total
                self.labels.add(channel, labels)

    def merge(self, other: Totals) -> None:
        """Count all that another one counted."""
        self.rows += other.rows
        self.rejected += other.rejected
        self.left_out += other.left_out
        self.labels.merge(other.labels)
        self.timeline.merge(other.timeline)
        for channel, total in other.label_sums.items():
            self.label_sums[channel] = self.label_sums.get(channel, Fraction()) + total

    def state(self) -> State:
        """Return all of it as plain data; see `from_state`."""
        return {
            "rows": self.rows,
            "rejected": self.rejected,
            "left_out": self.left_out,
            "label_sums": [[channel, str(total)] for channel, total in self.label_sums.items()],
            "labels": self.labels.state(),
            "timeline": self.timeline.state(),
        }

    @classmethod
    def from_state(cls, state: State) -> Totals:
        """Return what gave this `state`."""
        sums = {channel: Fraction(total) for channel, total in state["label_sums"]}
        labels = LabelCounts.from_state(state["labels"])
        timeline = Timeline.from_state(state["timeline"])
        rows, rejected, left_out = (state[key] for key in ("rows", "rejected", "left_out"))
        return cls(rows, rejected, left_out, sums, labels, timeline)


def metrics(
    manifest: dict[str, Any],
    totals: Totals,
    statistics: Statistics,
    hasher: Hasher | None,
    time: str | None,
) -> dict[str, Any]:
    """Return the content of the file; the same input and configuration give the same bytes.

    Args:
        manifest: What was written.
        totals: What the rows add up to.
        statistics: Of the columns.
        hasher: What hashes them; None if nothing does.
        time: The column that tells the rows' points in time, if one does.
    """
    has_label, names = bool(totals.label_sums), list(manifest["channels"])
    channels: dict[str, dict[str, Any]] = {}
    for index, (name, channel) in enumerate(manifest["channels"].items()):
        rows = channel["rows"]
        channels[name] = {"rows": rows, "bytes": bytes_of_channel(channel)}
        if has_label:
            total = totals.label_sums.get(index, Fraction())
            channels[name]["label_mean"] = float(total / rows) if rows else None
            if totals.labels.kind != NUMBER:
                channels[name]["labels"] = totals.labels.of(index)
    described: dict[str, Any] = {
        "rows": manifest["rows"]["written"],
        "n_features": manifest["n_features"],
        "channels": channels,
    }
    if has_label:
        described["label"] = totals.labels.kind
    if time is not None:
        described["time"] = {"column": time, **totals.timeline.report(names, has_label=has_label)}
    is_binary = has_label and totals.labels.kind == BINARY
    return {**described, **statistics.report(hasher, names, is_binary=is_binary)}
