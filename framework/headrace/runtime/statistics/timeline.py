"""Rows and labels by channel and point in time, where ``dataset.time`` says which column has it.

A point in time is the text that stands in that column. Real logs have few of them, as Avazu's has
hours; a column that gives every row a time of its own is no timeline, so past `LIMIT` different
texts nothing is kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from headrace.runtime.statistics.sums import rows_and_sums
from headrace.runtime.transform import Role, positions, split_by_of

LIMIT = 10_000
LONGEST = 64
"""Characters of a point in time."""
NO_ROWS = "there are no rows"
LEFT_OUT = f"more than {LIMIT:,} points in time, or one of more than {LONGEST} characters"

Point = str | None
"""None for rows whose cell is empty."""


@dataclass
class _Channel:
    rows: Counter[Point] = field(default_factory=Counter)
    label_sums: Counter[Point] = field(default_factory=Counter)  # of whole numbers or Fractions


@dataclass
class Timeline:
    """The sums over all blocks, in any order.

    Attributes:
        is_kept: Whether the points are few enough.
        split_by: The column of times that decides the rows' channels, if one does.
    """

    is_kept: bool = True
    split_by: str | None = None
    _channels: dict[int, _Channel] = field(default_factory=lambda: defaultdict(_Channel))
    _points: set[Point] = field(default_factory=set)

    @property
    def points(self) -> list[str]:
        """Return the points in time, in the order of their texts; none if they are not kept."""
        return sorted(point for point in self._points if point is not None)

    def are_apart(self, one: int, other: int) -> bool:
        """Return whether two channels have no point in time in common, as if split by time."""
        points = [set(self._channels[index].rows) for index in (one, other)]
        return all(points) and points[0].isdisjoint(points[1])

    def add(self, channel: int, batch: pa.RecordBatch) -> None:
        """Count the rows of one channel that a block has."""
        self.split_by = split_by_of(batch.schema)
        for place in positions(batch.schema, Role.TIME) if self.is_kept else ():
            self._count(self._channels[channel], batch, batch.column(place))

    def merge(self, other: Timeline) -> None:
        """Count all that another one counted."""
        self.split_by = self.split_by or other.split_by  # a host without rows does not know it
        self._points |= other._points
        if not (self.is_kept and other.is_kept) or len(self._points) > LIMIT:
            self._leave_out()
            return
        for index, channel in other._channels.items():
            self._channels[index].rows.update(channel.rows)
            self._channels[index].label_sums.update(channel.label_sums)

    def state(self) -> dict[str, Any]:
        """Return all of it as plain data; see `from_state`."""
        counted = [
            [index, point, rows, str(Fraction(channel.label_sums[point]))]
            for index, channel in self._channels.items()
            for point, rows in channel.rows.items()
        ]
        return {"is_kept": self.is_kept, "split_by": self.split_by, "counted": counted}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Timeline:
        """Return what gave this `state`."""
        timeline = cls(state["is_kept"], state["split_by"])
        for index, point, rows, label_sum in state["counted"]:
            timeline._points.add(point)
            timeline._channels[index].rows[point] = rows
            timeline._channels[index].label_sums.update({point: Fraction(label_sum)})
        return timeline

    def report(self, channels: Sequence[str], *, has_label: bool) -> dict[str, Any]:
        """Return what ``metrics.json`` says: points in the order of their texts, counts alongside.

        Args:
            channels: Names, by index.
            has_label: Whether there are labels to tell the sums of.
        """
        if not self.is_kept:
            return {"left_out": LEFT_OUT}
        if not self._points:
            return {"left_out": NO_ROWS}
        points = sorted(self._points, key=lambda point: (point is None, point or ""))
        described: dict[str, dict[str, list[float]]] = {}
        for index, name in enumerate(channels):
            counted = self._channels[index]
            described[name] = {"rows": [counted.rows[point] for point in points]}
            if has_label:
                with suppress(OverflowError):  # sums of labels may be too large for a number
                    sums = [float(Fraction(counted.label_sums[point])) for point in points]
                    described[name]["label_sums"] = sums
        return {"points": points, "channels": described}

    def _count(self, channel: _Channel, batch: pa.RecordBatch, times: pa.DictionaryArray) -> None:
        points: list[Point] = [*times.dictionary.to_pylist(), None]
        codes = times.indices.fill_null(len(points) - 1).to_numpy()
        sums: list[Fraction | int] = []
        for label in positions(batch.schema, Role.LABEL):
            labels = batch.column(label).to_numpy(zero_copy_only=False)
            rows, sums = rows_and_sums(labels, codes, len(points))
        if not sums:
            rows = np.bincount(codes, minlength=len(points))
        found = np.flatnonzero(rows).tolist()
        self._points.update(points[place] for place in found)
        if len(self._points) > LIMIT or any(len(points[place] or "") > LONGEST for place in found):
            self._leave_out()
            return
        channel.rows.update({points[place]: int(rows[place]) for place in found})
        if sums:
            channel.label_sums.update({points[place]: sums[place] for place in found})

    def _leave_out(self) -> None:
        self.is_kept = False
        self._channels.clear()
        self._points.clear()
