"""Tokens put together into sparse rows: sorted by index, equal indices summed.

The result has the structure that scikit-learn's ``FeatureHasher`` gives after its
``sum_duplicates``: a sum of zero stays as an explicit zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.hashing.tokens import U32, ColumnTokens, RowTokens
from headrace.runtime.kernels import calls
from headrace.runtime.kernels.library import library

Values = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Array = npt.NDArray[Any]

_ONE_AS_BITS = np.float32(1).view(np.uint32)
_PIECE = 1024
MISSING = np.uint32(0xFFFFFFFF)
"""The key of a cell that gives no feature. No index reaches it: they end at 2**31 - 2."""
_NONE = np.array([MISSING])


@dataclass(frozen=True)
class SparseRows:
    """Rows in compressed sparse row form.

    Attributes:
        offsets: Where each row starts in the other two, shape (rows + 1,).
        indices: Column of each entry, ascending within a row.
        values: float32, which holds sums of ±1 exactly; float64 where a column is numeric.
    """

    offsets: npt.NDArray[np.int32]
    indices: npt.NDArray[np.int32]
    values: Values

    def lists(self) -> list[pa.ListArray]:
        """Return the columns of indices and of values."""
        offsets = pa.array(self.offsets)
        flat = (pa.array(self.indices), pa.array(self.values))
        return [pa.ListArray.from_arrays(offsets, entries) for entries in flat]


def sparse_rows(tokens: RowTokens, keys: Sequence[U32]) -> SparseRows:
    """Return the rows whose tokens these are.

    Args:
        tokens: Of each row.
        keys: For each column ``index << 1 | negative`` of each of its hashes, which a hasher makes.
    """
    if tokens.are_ragged:
        return _ragged(tokens, keys)
    kernels = library()
    if kernels is not None:
        columns = [_column(column, key) for column, key in zip(tokens.given, keys, strict=True)]
        if (compiled := calls.sparse(kernels, columns, tokens.order)) is not None:
            return SparseRows(*compiled)
    joined = np.concatenate([*keys, _NONE])
    by_row = joined.take(tokens.places)
    if any(column.is_numeric for column in tokens.columns):
        return _weighted(tokens.columns, by_row, int(joined[:-1].max(initial=0)) >> 1)
    by_row.sort(axis=1)
    offsets, flat = _without_gaps(MISSING, by_row)
    # The key's lowest bit is the sign, and so is the highest bit of a float.
    values = (flat << np.uint32(31) | _ONE_AS_BITS).view(np.float32)
    return _summed(offsets, (flat >> np.uint32(1)).view(np.int32), values)


def _column(column: ColumnTokens, keys: U32) -> calls.Column:
    """Return a column as the kernels take it."""
    cells = column.cells
    if not column.is_numeric:
        return calls.Column(cells.codes, keys, cells.missing)
    codes = np.zeros(len(cells.codes), np.int32)  # of the only key
    return calls.Column(codes, keys, cells.missing, column.row_weights())


def _weighted(columns: Sequence[ColumnTokens], keys: U32, last: int) -> SparseRows:
    """Make rows in general: each entry remembers its column, to find its number after the sort.

    Args:
        columns: Some of them numeric.
        keys: Of each cell, shape (rows, columns).
        last: The highest index.
    """
    rows, count = keys.shape
    weights = (keys << np.uint32(31) | _ONE_AS_BITS).view(np.float32).astype(np.float64)
    for place, column in enumerate(columns):
        if column.is_numeric:
            weights[:, place] *= column.row_weights()
    shift = (count - 1).bit_length()
    # Words of 32 bits are sorted sooner, and nearly always have room for index and column.
    word = np.uint32 if last < _absent(np.uint32, shift) else np.uint64
    index: Array = (keys >> np.uint32(1)).astype(word)
    column_of: Array = np.arange(count, dtype=word)
    by_row = index << word(shift) | column_of
    by_row.sort(axis=1)
    cells = (by_row & word((1 << shift) - 1)).astype(np.intp)
    cells += (np.arange(rows) * count)[:, np.newaxis]
    absent = word(_absent(word, shift) << shift)
    offsets, flat, chosen = _without_gaps(absent, by_row, cells)
    return _summed(offsets, (flat >> word(shift)).astype(np.int32), weights.take(chosen))


def _ragged(tokens: RowTokens, keys: Sequence[U32]) -> SparseRows:
    """Make rows whose cells may hold several values: all tokens in a line, sorted by row and index.

    Tokens of one index are summed in the order of their columns, as elsewhere.
    """
    numeric = any(column.is_numeric for column in tokens.columns)
    kind = np.float64 if numeric else np.float32
    lined = [_lined(column, each, kind) for column, each in zip(tokens.columns, keys, strict=True)]
    rows, found, values = (np.concatenate(pieces) for pieces in zip(*lined, strict=True))
    order = np.argsort(rows << 31 | found >> np.uint32(1), kind="stable")
    counts = np.bincount(rows, minlength=tokens.columns[0].rows)
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(counts, dtype=np.int32)])
    indices = (found >> np.uint32(1)).view(np.int32)
    return _summed(offsets, indices.take(order), values.take(order))


def _lined(column: ColumnTokens, keys: U32, kind: type[np.floating[Any]]) -> list[Array]:
    """Return row, key and value of each token of a column."""
    if column.lengths is not None:
        rows = np.repeat(np.arange(column.rows), column.lengths)
        chosen = keys.take(column.cells.codes) if len(rows) else keys[:0]
    else:
        places = column.places(np.int32(0), np.int32(len(keys)))
        rows = np.flatnonzero(places < len(keys))
        chosen = keys.take(places[rows]) if len(rows) else keys[:0]
    values = np.where(chosen & np.uint32(1), kind(-1), kind(1))
    if column.is_numeric:
        values = values * column.row_weights()[rows]
    return [rows, chosen, values]


def _absent(word: type[np.unsignedinteger[Any]], shift: int) -> int:
    """Return the index of a cell that gives no feature, in words with room for a column as well."""
    return min(int(MISSING) >> 1, np.iinfo(word).max >> shift)


def _without_gaps(absent: np.unsignedinteger[Any], by_row: Array, *others: Array) -> list[Array]:
    """Drop sorted cells that give no feature, which come last in each row.

    Args:
        absent: Such a cell's word, or less than that, but more than any other's.
        by_row: Shape (rows, columns).
        others: What else there is of each cell.

    Returns:
        Where each row starts, shape (rows + 1,); then what is left of each array, flat.
    """
    rows, columns = by_row.shape
    if (by_row[:, -1] < absent).all():
        offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(columns)
        return [offsets, by_row.ravel(), *(other.ravel() for other in others)]
    present = by_row < absent
    offsets = np.zeros(rows + 1, np.int32)
    np.cumsum(np.count_nonzero(present, axis=1), out=offsets[1:])
    return [offsets, by_row[present], *(other[present] for other in others)]


def _summed(
    offsets: npt.NDArray[np.int32], indices: npt.NDArray[np.int32], values: Values
) -> SparseRows:
    """Add up the entries of a row that share an index."""
    again = np.zeros(len(indices), np.bool_)
    np.equal(indices[1:], indices[:-1], out=again[1:])
    again[offsets[:-1][offsets[:-1] < len(again)]] = False
    repeated = np.flatnonzero(again)
    if not len(repeated):
        return SparseRows(offsets, indices, values)
    if len(repeated) > len(again) // _PIECE:
        kept = np.flatnonzero(~again)
        once, merged = indices.take(kept), values.take(kept)
    else:
        once, merged = _without(indices, repeated), _without(values, repeated)
    with np.errstate(over="ignore"):  # as the kernels, which tell nobody
        np.add.at(merged, repeated - np.arange(1, len(repeated) + 1), values[repeated])
    moved = offsets - np.searchsorted(repeated, offsets).astype(np.int32)
    return SparseRows(moved, once, merged)


def sorted_rows(offsets: npt.NDArray[np.int64], indices: Array, values: Array) -> SparseRows:
    """Return rows whose entries come in any order; those of one index are summed in theirs.

    Args:
        offsets: Where each row starts in the other two, shape (rows + 1,).
        indices: Of each entry.
        values: Of each entry.
    """
    row_of = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = np.lexsort((indices, row_of))
    return _summed(offsets.astype(np.int32), indices[order].astype(np.int32), values[order])


def _without(entries: Array, places: npt.NDArray[np.int64]) -> Array:
    """Return all entries but those at a few places, which ascend.

    Long pieces are copied at once, many times faster than by what is left of the places.
    """
    starts, ends = [0, *(places + 1)], [*places, len(entries)]
    joined: Array = np.concatenate([entries[a:b] for a, b in zip(starts, ends, strict=True)])
    return joined
