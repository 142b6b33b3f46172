"""What a run learns about the columns on its way: values, nulls, collisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from framework.runtime.distinct import Distinct
from framework.runtime.tokens import MISSING, ColumnTokens


@dataclass
class ColumnStatistics:
    """One feature column, seen so far."""

    numeric: bool = False
    nulls: int = 0
    values: Distinct = field(default_factory=Distinct)
    keys: set[int] = field(default_factory=set)
    """Of a numeric column: the key of its one token, once it occurred."""

    def see(self, column: ColumnTokens) -> None:
        """Take in the column's cells of one batch."""
        cells = column.cells
        self.numeric = column.is_numeric
        self.nulls += 0 if cells.missing is None else int(np.count_nonzero(cells.missing))
        if self.numeric:
            self.keys |= {int(key) for key in column.keys} if len(cells.values) else set()
            keys = np.full(len(cells.values), MISSING)
        else:
            keys = column.keys
        self.values.add(column.prints, keys)

    def merge(self, other: ColumnStatistics) -> None:
        """Take in all that another one saw."""
        self.numeric |= other.numeric
        self.nulls += other.nulls
        self.values.merge(other.values)
        self.keys |= other.keys

    @property
    def tokens(self) -> int:
        """Number of distinct tokens: a numeric column has one, its name."""
        return len(self.keys) if self.numeric else self.values.count

    def indices(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """The index of each distinct token that is known."""
        keys = np.array(sorted(self.keys), np.uint32) if self.numeric else self.values.keys
        return keys >> np.uint32(1)


@dataclass
class Statistics:
    """All feature columns, by name. Each thread fills one of its own; merging is order-free."""

    columns: dict[str, ColumnStatistics] = field(default_factory=dict)

    def see(self, tokens: Iterable[ColumnTokens]) -> None:
        """Take in the tokens of one batch."""
        for column in tokens:
            self.columns.setdefault(column.column, ColumnStatistics()).see(column)

    def merge(self, other: Statistics) -> None:
        """Take in all that another one saw."""
        for name, column in other.columns.items():
            self.columns.setdefault(name, ColumnStatistics()).merge(column)

    def report(self, n_features: int | None, *, ranges: bool) -> dict[str, Any]:
        """What ``metrics.json`` says of the columns.

        Args:
            n_features: Width of the matrix; None if nothing was hashed.
            ranges: Whether each column has a range of indices of its own.
        """
        described = {name: _described(column) for name, column in self.columns.items()}
        if n_features is None:
            return {"columns": described}
        everything = list(self.columns.values())
        exact = all(column.numeric or column.values.exact for column in everything)
        colliding = _counted(everything) if exact else _expected(everything, n_features, ranges)
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


def _described(column: ColumnStatistics) -> dict[str, Any]:
    return {
        "distinct": column.values.count,
        "distinct_is_exact": column.values.exact,
        "nulls": column.nulls,
    }


def _counted(columns: Sequence[ColumnStatistics]) -> list[int]:
    """How many tokens of each column share their index with another token of any column."""
    each = [column.indices() for column in columns]
    found, counts = np.unique(np.concatenate(each), return_counts=True)
    shared = found[counts > 1]
    return [int(np.count_nonzero(np.isin(indices, shared))) for indices in each]


def _expected(columns: Sequence[ColumnStatistics], n_features: int, ranges: bool) -> list[int]:
    """The same, expected of a hash that spreads evenly.

    One of T tokens over n indices is alone with probability ``(1 - 1/n) ** (T - 1)``.
    """
    total = sum(column.tokens for column in columns)
    width = n_features // len(columns) if ranges else n_features
    expected = []
    for column in columns:
        others = (column.tokens if ranges else total) - 1
        alone = (1 - 1 / width) ** max(others, 0)
        expected.append(round(column.tokens * (1 - alone)))
    return expected
