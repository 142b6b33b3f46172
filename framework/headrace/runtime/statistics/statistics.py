"""Statistics of the columns, taken on the way: values, nulls, collisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.hashing.tokens import U32, ColumnTokens, hashes_of
from headrace.runtime.kernels.row_calls import Groups
from headrace.runtime.statistics.crossed import (
    CHANNELS,
    LABELS,
    MOST_COLUMNS,
    Crossed,
    key_of,
)
from headrace.runtime.statistics.distinct import Distinct
from headrace.runtime.statistics.frequent import Frequent
from headrace.runtime.statistics.token_counts import TokenCounts


@dataclass
class ColumnStatistics:
    """One feature column, seen so far."""

    numeric: bool = False
    nulls: int = 0
    values: Distinct = field(default_factory=Distinct)
    frequent: Frequent = field(default_factory=Frequent)
    crossed: Crossed = field(default_factory=Crossed)
    token: int | None = None
    """Of a numeric column: the hash of its one token, once it occurred."""

    def see(self, column: ColumnTokens, groups: Groups | None) -> None:
        """Take in the column's cells of one batch.

        Args:
            column: The cells.
            groups: The group of each row, to be crossed with the values; None for not to.
        """
        cells = column.cells
        self.numeric = column.is_numeric
        self.nulls += column.rows_without
        if self.numeric and len(cells.values):
            self.token = int(column.hashes[0])
        is_old = groups is not None and self.crossed.see(column, groups)
        if self.numeric or not is_old:  # the keys of numbers do not tell -0 from 0
            self.values.add(column.prints)
        self.frequent.see(column)

    def merge(self, other: ColumnStatistics) -> None:
        """Take in all that another one saw."""
        self.numeric |= other.numeric
        self.nulls += other.nulls
        self.values.merge(other.values)
        self.frequent.merge(other.frequent)
        self.crossed.merge(other.crossed)
        self.token = other.token if self.token is None else self.token

    def state(self) -> dict[str, Any]:
        """Return all of it as plain data; see `from_state`."""
        values, prints = self.values.state(), self.values.known
        hashes = np.zeros(len(prints), np.uint32) if self.numeric else hashes_of(prints)
        return {
            "numeric": self.numeric,
            "nulls": self.nulls,
            "values": {**values, "hashes": hashes},
            "frequent": self.frequent.state(),
            "crossed": self.crossed.state(),
            "token": self.token,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> ColumnStatistics:
        """Return what gave this `state`."""
        values = Distinct.from_state(state["values"])
        frequent = Frequent.from_state(state["frequent"])
        crossed = Crossed.from_state(state["crossed"])
        return cls(state["numeric"], state["nulls"], values, frequent, crossed, state["token"])

    @property
    def tokens(self) -> int:
        """Return the number of distinct tokens: a numeric column has one, its name."""
        return int(self.token is not None) if self.numeric else self.values.count

    @property
    def hashes(self) -> U32:
        """Return the hash of each distinct token that is known."""
        if not self.numeric:
            return hashes_of(self.values.known)
        return np.array([] if self.token is None else [self.token], np.uint32)


@dataclass
class Statistics:
    """All feature columns, by name. Each thread fills one of its own; merging is order-free."""

    columns: dict[str, ColumnStatistics] = field(default_factory=dict)
    tokens: TokenCounts | None = None
    """Counts every token, if that was asked for."""

    def see(self, tokens: Iterable[ColumnTokens], groups: Groups) -> None:
        """Take in the tokens of one batch.

        Args:
            tokens: Of each column, in the same order each time.
            groups: The group of each row.
        """
        for index, column in enumerate(tokens):
            statistics = self.columns.setdefault(column.column, ColumnStatistics())
            statistics.see(column, groups if index < MOST_COLUMNS else None)
            if self.tokens is not None:
                self.tokens.see(column)

    def merge(self, other: Statistics) -> None:
        """Take in all that another one saw."""
        for name, column in other.columns.items():
            self.columns.setdefault(name, ColumnStatistics()).merge(column)
        if other.tokens is not None:
            self.tokens = TokenCounts() if self.tokens is None else self.tokens
            self.tokens.merge(other.tokens)

    def state(self) -> dict[str, Any]:
        """Return all of it as plain data; see `from_state`."""
        columns = {name: column.state() for name, column in self.columns.items()}
        return {"columns": columns, "tokens": None if self.tokens is None else self.tokens.state()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Statistics:
        """Return what gave this `state`."""
        tokens = None if state["tokens"] is None else TokenCounts.from_state(state["tokens"])
        columns = state["columns"].items()
        return cls({name: ColumnStatistics.from_state(each) for name, each in columns}, tokens)

    def report(
        self, hasher: Hasher | None, channels: Sequence[str], *, is_binary: bool
    ) -> dict[str, Any]:
        """Return what ``metrics.json`` says of the columns.

        Args:
            hasher: What hashes them; None if nothing does.
            channels: Names, by index.
            is_binary: Whether all labels are 0 or 1.
        """
        described = {
            name: _described(column, channels[:CHANNELS], is_binary=is_binary)
            for name, column in self.columns.items()
        }
        if hasher is None:
            return {"columns": described}
        everything = list(self.columns.values())
        exact = all(column.numeric or column.values.exact for column in everything)
        counting = _counted if exact else _expected
        colliding = counting(everything, hasher) if everything else []  # a host without rows
        tokens = sum(column.tokens for column in everything)
        for name, count in zip(self.columns, colliding, strict=True):
            described[name]["colliding_tokens"] = count
        return {
            "distinct_tokens": tokens,
            "colliding_tokens": sum(colliding),
            "collision_rate": round(sum(colliding) / tokens, 6) if tokens else 0.0,
            "collisions_are_exact": exact,
            "columns": described,
        }


def _described(
    column: ColumnStatistics, channels: Sequence[str], *, is_binary: bool
) -> dict[str, Any]:
    is_crossed = column.crossed.is_kept and column.crossed.rows == column.frequent.rows
    nulls: dict[str, Any] = {}
    if is_crossed and column.nulls and len(channels) > 1:
        nulls["null_channels"] = _by_channel(channels, column.crossed.nulls)
    crossed = column.crossed if is_crossed else Crossed(is_kept=False)
    return {
        "distinct": column.values.count,
        "distinct_is_exact": column.values.exact,
        "nulls": column.nulls,
        **nulls,
        "frequent_values": column.frequent.report(
            partial(_of_value, crossed, channels, column.numeric, is_binary)
        ),
    }


def _of_value(
    crossed: Crossed,
    channels: Sequence[str],
    is_numeric: bool,
    is_binary: bool,
    known: int,
    text: str,
    rows: int,
) -> dict[str, Any]:
    """Return the rows of a value in each channel, and those with the label 1."""
    groups = crossed.groups_of_value(key_of(float(text)) if is_numeric else known)
    if groups is None or groups.sum() != rows:  # -0 and 0 are one number, and two texts
        return {}
    by_channel = {"channels": _by_channel(channels, groups)} if len(channels) > 1 else {}
    return {**by_channel, **({"label_ones": int(groups[:, 1].sum())} if is_binary else {})}


def _by_channel(channels: Sequence[str], groups: npt.NDArray[np.int64]) -> dict[str, int]:
    rows: list[int] = groups.reshape(-1, LABELS).sum(axis=1).tolist()
    return dict(zip(channels, rows, strict=False))


def _counted(columns: Sequence[ColumnStatistics], hasher: Hasher) -> list[int]:
    """Return how many tokens of each column share their index with another token of any column."""
    keys = hasher.keys([column.hashes for column in columns])
    every = np.concatenate(keys) >> np.uint32(1)
    found, counts = np.unique(every, return_counts=True)
    is_shared = np.isin(every, found[counts > 1])
    before = np.concatenate([[0], np.cumsum(is_shared)])  # of all hashes up to each
    ends = np.cumsum([0, *map(len, keys)])
    counted: list[int] = np.diff(before[ends]).tolist()
    return counted


def _expected(columns: Sequence[ColumnStatistics], hasher: Hasher) -> list[int]:
    """Return how many a hash that spreads evenly would give.

    One of T tokens over n indices is alone with probability ``(1 - 1/n) ** (T - 1)``.
    """
    apart = hasher.has_own_ranges
    total = sum(column.tokens for column in columns)
    width = hasher.n_features // len(columns) if apart else hasher.n_features
    expected = []
    for column in columns:
        others = (column.tokens if apart else total) - 1
        alone = (1 - 1 / width) ** max(others, 0)
        expected.append(round(column.tokens * (1 - alone)))
    return expected
