"""Counts of each value of each column, as a state: one row for each value.

Values are known by 64 bits, the hash of a cell that docs/files.md defines, so each takes 16 bytes
however long its text is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from ctypes import CDLL
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.chain.dictionaries import as_cells, as_dictionary
from headrace.runtime.hashing.hash64 import hash64, hash_of_text, key_of
from headrace.runtime.hashing.tokens import U64, Encoded
from headrace.runtime.kernels import dense_calls
from headrace.runtime.kernels.arrays import MOST
from headrace.runtime.kernels.library import library
from headrace.runtime.learning.states import added_up

VALUE, ROWS = "value", "rows"
BYTES_EACH = 120
"""Memory that a value takes while counts are added up, about."""


def counts_of(columns: Mapping[str, pa.StringArray]) -> pa.Table:
    """Count in how many rows each value of some columns stands; nulls do not count."""
    values, counts = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for name, column in columns.items():
        found, rows = counted(column)
        values.append(hash64(found, key_of(name)))
        counts.append(rows)
    return pa.table({VALUE: np.concatenate(values), ROWS: np.concatenate(counts)})


def counted(column: pa.Array) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """Return the distinct values of a column, and the rows of each; nulls do not count."""
    cells = Encoded.of(column)
    counts = cells.rows()
    if counts.all():
        return cells.values, counts
    there = np.flatnonzero(counts)  # rows of a dictionary have been left out
    return cells.values.take(pa.array(there)), counts[there]


def added_up_counts(states: Sequence[pa.Table], max_values: int) -> pa.Table:
    """Add up counts, those of equal values.

    Args:
        states: At least one.
        max_values: Largest number of different values, of all columns together.

    Raises:
        ValueError: There are more different values.
    """
    merged = added_up(states, VALUE)
    refuse_more(merged.num_rows, max_values, BYTES_EACH)
    return merged


class CountsGatherer:
    """Adds up counts as `added_up_counts` does, one state after the other.

    Args:
        kernels: The library.
        max_values: As there.
    """

    def __init__(self, kernels: CDLL, max_values: int) -> None:
        self._tally = dense_calls.Tally(kernels)
        self._max_values = max_values

    def add(self, state: pa.Table) -> None:
        """Take in a state.

        Raises:
            ValueError: There are more different values.
        """
        self._tally.add(state[VALUE].to_numpy(), state[ROWS].to_numpy())
        refuse_more(len(self._tally.known), self._max_values, BYTES_EACH)

    def merged(self) -> pa.Table:
        """Return the state of all that have come."""
        return pa.table({VALUE: self._tally.known, ROWS: self._tally.sums})


def refuse_more(values: int, max_values: int, bytes_each: int) -> None:
    """Refuse more different values than that.

    Raises:
        ValueError: There are more.
    """
    if values > max_values:
        raise ValueError(
            f"the columns have more than {max_values:,} different values; "
            "name those with fewer in 'columns', or raise 'max_values' "
            f"(each value takes about {bytes_each} bytes of memory)"
        )


@dataclass(frozen=True)
class Values:
    """A set of values of some columns.

    Attributes:
        known: What they are known by, each once, in any order, shape (values,).
    """

    known: U64

    @cached_property
    def _sorted(self) -> tuple[U64, npt.NDArray[np.int64]]:
        """Return what they are known by, ascending, and where each stands in `known`."""
        order = np.argsort(self.known)
        return np.ascontiguousarray(self.known[order]), order

    def mapped(
        self,
        name: str,
        column: pa.Array,
        made: npt.NDArray[Any],
        null: Any = None,
        *,
        are_distinct: bool = False,
    ) -> pa.Array:
        """Return what becomes of each cell of a column: of text, or a dictionary of it.

        Args:
            name: The column's.
            column: The cells.
            made: Numbers, one for each value of the set, and that of all others at the end.
            null: What becomes of a null; None if it stays null.
            are_distinct: Whether the numbers are all different, that of a null too.
        """
        if pa.types.is_dictionary(column.type):
            places = self.found(name, column.dictionary)
            return as_dictionary(column, made[places], null, places < 0 if are_distinct else None)
        cells = Encoded.of(column)
        return as_cells(cells, made[self.found(name, cells.values)], null)

    def lacks(self, name: str, column: pa.StringArray) -> npt.NDArray[np.bool_]:
        """Find the cells of a column whose value is not in the set, shape (rows,); no null."""
        is_given = column.is_valid().to_numpy(zero_copy_only=False)
        lacking: npt.NDArray[np.bool_] = (self.places(name, column) < 0) & is_given
        return lacking

    def place_in(self, name: str) -> Callable[[str], int]:
        """Return what finds the text of a cell of a column in the set, as `places` does."""
        key, (ascending, order) = int(key_of(name)[0]), self._sorted
        known, count = ascending.data, len(ascending)

        def place(text: str) -> int:
            value = hash_of_text(text, key)
            near = bisect_left(known, value)
            return order.item(near) if near < count and known[near] == value else -1

        return place

    def places(self, name: str, column: pa.StringArray) -> npt.NDArray[np.int64]:
        """Find the value of each cell of a column in the set, shape (rows,).

        -1 stands for a value that is not there: an index of what a table holds last. What a null
        gives has no meaning.
        """
        cells = Encoded.of(column)
        if not len(cells.values):
            return np.full(len(column), -1)
        return self.found(name, cells.values)[cells.codes]

    def found(self, name: str, values: pa.StringArray) -> npt.NDArray[np.int64]:
        """Find values of a column in the set, shape (values,); -1 for those that are not there."""
        return self._found(hash64(values, key_of(name)))

    def _found(self, values: U64) -> npt.NDArray[np.int64]:
        if not len(self.known):
            return np.full(len(values), -1)
        if (index := self._index) is not None and (kernels := library()) is not None:
            return index.find(kernels, values)
        known, place_of = self._sorted
        order = np.argsort(values)  # neighbours are looked up in the same memory
        values = values[order]
        near = np.searchsorted(known, values)
        near = np.where(known.take(near, mode="clip") == values, near, -1)
        places = np.empty(len(values), np.int64)
        places[order] = np.where(near < 0, -1, place_of[near])
        return places

    @cached_property
    def _index(self) -> dense_calls.Index | None:
        kernels = library()
        if kernels is None or len(self.known) > MOST:
            return None
        return dense_calls.Index.of(kernels, self.known)


def with_nulls_of(column: pa.Array, made: npt.NDArray[Any]) -> pa.Array:
    """Return one cell for each of a column's, null where that is null."""
    missing = column.is_null().to_numpy(zero_copy_only=False) if column.null_count else None
    return pa.array(made, mask=missing)
