"""Count the rows of each value of a column by label and by channel.

Exact, and kept only for columns of at most `MOST` different values, so that memory is bounded. It
is a sum: neither blocks, threads nor hosts change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.hashing.tokens import U64, ColumnTokens, Encoded
from headrace.runtime.kernels import calls, row_calls
from headrace.runtime.kernels.library import library
from headrace.runtime.kernels.row_calls import Groups
from headrace.runtime.transform import Role, positions

MOST = 512
"""Different values of a column."""
MOST_COLUMNS = 1000
"""Columns that are crossed, the first ones."""
CHANNELS = 3
"""Channels that are told apart, the first ones; all further ones count as one more."""
LABELS = 3
"""Kinds of labels: 0 or -1, 1, and any other or none."""
GROUPS = (CHANNELS + 1) * LABELS

Counts = npt.NDArray[np.int64]


def groups_of(batch: pa.RecordBatch) -> Groups:
    """Return the group of each row: its channel and its label."""
    groups = np.full(batch.num_rows, LABELS - 1, np.int8)
    for place in positions(batch.schema, Role.LABEL):
        labels = batch.column(place).to_numpy(zero_copy_only=False)
        groups -= 2 * ((labels == 0) | (labels == -1)).view(np.int8) + (labels == 1).view(np.int8)
    for place in positions(batch.schema, Role.CHANNEL):
        channels = batch.column(place).to_numpy(zero_copy_only=False)
        groups += np.minimum(channels, CHANNELS).astype(np.int8) * np.int8(LABELS)
    return Groups.of(groups)


@dataclass
class Crossed:
    """One column, seen so far.

    Attributes:
        is_kept: Whether its values are few enough.
        keys: By which each value is known: its fingerprint, or the bits of a number; ascending.
        counts: Rows of each value in each group, shape (values, GROUPS).
        nulls: Rows without a value in each group, shape (GROUPS,).
    """

    is_kept: bool = True
    keys: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    counts: Counts = field(default_factory=lambda: np.empty((0, GROUPS), np.int64))
    nulls: Counts = field(default_factory=lambda: np.zeros(GROUPS, np.int64))

    def see(self, column: ColumnTokens, groups: Groups) -> bool:
        """Take in the column's cells of one batch; return true if all keys are known to be old."""
        if not self.is_kept:
            return False
        values = len(column.cells.values)
        if values > MOST or column.lengths is not None:  # a row of several values has no one group
            self._leave_out()
            return False
        keys = _keys(column)
        if self._has_added(column.cells, keys, groups):
            return True
        counts = _counts(column.cells, groups.by_row)
        self.nulls = self.nulls + counts[values]
        self._add(keys, counts[:values])
        return False

    def merge(self, other: Crossed) -> None:
        """Take in all that another one saw."""
        if not other.is_kept:
            self._leave_out()
        elif self.is_kept:
            self.nulls = self.nulls + other.nulls
            self._add(other.keys, other.counts)

    def state(self) -> Counts | None:
        """Return all of it in one array, None if it is not kept; see `from_state`."""
        if not self.is_kept:
            return None
        keys = np.concatenate([self.keys.view(np.int64), np.zeros(1, np.int64)])
        return np.column_stack([keys, np.vstack([self.counts, self.nulls])])

    @classmethod
    def from_state(cls, state: Counts | None) -> Crossed:
        """Return what gave this `state`."""
        if state is None:
            return cls(is_kept=False)
        keys = np.ascontiguousarray(state[:-1, 0]).view(np.uint64)
        return cls(True, keys, state[:-1, 1:].copy(), state[-1, 1:].copy())

    @property
    def rows(self) -> int:
        """Return the number of rows that it has counted."""
        return int(self.counts.sum() + self.nulls.sum())

    def by_label(self) -> list[tuple[int, int, int]]:
        """Return the key of each value, and its rows with the labels 0 (or -1) and 1."""
        counts = self.counts.reshape(-1, CHANNELS + 1, LABELS).sum(axis=1)
        zeros, ones = counts[:, 0].tolist(), counts[:, 1].tolist()
        return list(zip(self.keys.tolist(), zeros, ones, strict=True))

    def nulls_by_label(self) -> tuple[int, int]:
        """Return the rows without a value that have the labels 0 (or -1) and 1."""
        zeros, ones, _ = self.nulls.reshape(-1, LABELS).sum(axis=0).tolist()
        return zeros, ones

    def by_channel(self, channel: int) -> list[int]:
        """Return the rows of a channel that have each value, those without one last."""
        chosen = slice(channel * LABELS, (channel + 1) * LABELS)
        rows: Sequence[int] = self.counts[:, chosen].sum(axis=1).tolist()
        return [*rows, int(self.nulls[chosen].sum())]

    def groups_of_value(self, key: int) -> Counts | None:
        """Return the rows of a value by channel and label, shape (CHANNELS + 1, LABELS).

        Args:
            key: By which it is known.

        Returns:
            None if it is none of those that are counted.
        """
        index = int(np.searchsorted(self.keys, np.uint64(key)))
        if index == len(self.keys) or self.keys[index] != np.uint64(key):
            return None
        groups: Counts = self.counts[index].reshape(CHANNELS + 1, LABELS)
        return groups

    def _has_added(self, cells: Encoded, keys: U64, groups: Groups) -> bool:
        """Return whether kernels have counted the rows: those of values that are all known."""
        if (kernels := library()) is None:
            return False
        rows = (cells.codes, cells.missing, cells.counts)
        known = (self.keys, self.counts, self.nulls)
        return row_calls.add_crossed(kernels, rows, groups, keys, *known)

    def _add(self, keys: U64, counts: Counts) -> None:
        every, places = np.unique(np.concatenate([self.keys, keys]), return_inverse=True)
        if len(every) > MOST:
            self._leave_out()
            return
        total = np.zeros((len(every), GROUPS), np.int64)
        np.add.at(total, places, np.concatenate([self.counts, counts]))
        self.keys, self.counts = every, total

    def _leave_out(self) -> None:
        self.is_kept = False
        self.keys, self.counts = self.keys[:0], self.counts[:0]
        self.nulls = np.zeros(GROUPS, np.int64)


def _counts(cells: Encoded, groups: npt.NDArray[np.int8]) -> Counts:
    """Return the rows of each value in each group, those without a value last."""
    values, codes = len(cells.values), cells.codes
    if (kernels := library()) is not None:
        counts = calls.count(kernels, codes, cells.missing, values, groups, GROUPS)
        if counts is not None:
            return counts
    if cells.missing is not None:
        codes = np.where(cells.missing, np.int32(values), codes)
    flat = np.bincount(codes * np.int32(GROUPS) + groups, minlength=(values + 1) * GROUPS)
    return flat.reshape(-1, GROUPS)


def number_of(key: int) -> float:
    """Return the number of a numeric column that is known by a key."""
    return float(np.uint64(key).view(np.float64))


def key_of(number: float) -> int:
    """Return the key that a number of a numeric column is known by."""
    return int(np.float64(number + 0.0).view(np.uint64))


def _keys(column: ColumnTokens) -> U64:
    if not column.is_numeric:
        return column.prints
    numbers = column.cells.values.to_numpy(zero_copy_only=False)
    return np.asarray(numbers + 0.0, np.float64).view(np.uint64)
