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

from framework.runtime.tokens import U32, ColumnTokens, RowTokens

Values = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Array = npt.NDArray[Any]

_ONE_AS_BITS = np.float32(1).view(np.uint32)
_PIECE = 1024
MISSING = np.uint32(0xFFFFFFFF)
"""The key of a cell that gives no feature. No index reaches it: they end at 2**31 - 2."""
_NONE = np.array([MISSING])
_ABSENT = np.uint64(MISSING >> np.uint32(1)) << np.uint64(32)


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


def sparse_rows(tokens: RowTokens, keys: Sequence[U32]) -> SparseRows:
    """The rows whose tokens these are.

    Args:
        tokens: Of each row.
        keys: For each column ``index << 1 | negative`` of each of its hashes, which a hasher makes.
    """
    by_row = np.concatenate([*keys, _NONE]).take(tokens.places)
    if any(column.is_numeric for column in tokens.columns):
        return _weighted(tokens.columns, by_row)
    by_row.sort(axis=1)
    if (by_row[:, -1] != MISSING).all():  # it is the greatest key
        flat, offsets = by_row.ravel(), _full(by_row.shape)
    else:
        present = by_row != MISSING
        flat, offsets = by_row[present], _offsets(present)
    # The key's lowest bit is the sign, and so is the highest bit of a float.
    values = (flat << np.uint32(31) | _ONE_AS_BITS).view(np.float32)
    return _summed(offsets, (flat >> np.uint32(1)).view(np.int32), values)


def _weighted(columns: Sequence[ColumnTokens], keys: U32) -> SparseRows:
    """The general form: every entry remembers its column, to find its number after the sort."""
    weights = np.where(keys & np.uint32(1), -1.0, 1.0)
    for place, column in enumerate(columns):
        if column.is_numeric:
            weights[:, place] *= column.row_weights()
    index = (keys >> np.uint32(1)).astype(np.uint64)
    by_row = index << np.uint64(32) | np.arange(len(columns), dtype=np.uint64)
    by_row.sort(axis=1)
    present = by_row < _ABSENT
    row, chosen = np.nonzero(present)[0], by_row[present]
    source = (chosen & np.uint64(0xFFFFFFFF)).astype(np.int64)
    indices = (chosen >> np.uint64(32)).astype(np.int32)
    return _summed(_offsets(present), indices, weights[row, source])


def _full(shape: tuple[int, ...]) -> npt.NDArray[np.int32]:
    """Where rows start whose cells are all there."""
    rows, columns = shape
    return np.arange(rows + 1, dtype=np.int32) * np.int32(columns)


def _offsets(present: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Where rows start."""
    offsets = np.zeros(len(present) + 1, np.int32)
    np.cumsum(np.count_nonzero(present, axis=1), out=offsets[1:])
    return offsets


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
    np.add.at(merged, repeated - np.arange(1, len(repeated) + 1), values[repeated])
    moved = offsets - np.searchsorted(repeated, offsets).astype(np.int32)
    return SparseRows(moved, once, merged)


def _without(entries: Array, places: npt.NDArray[np.int64]) -> Array:
    """All entries but those at a few places, which ascend.

    Long pieces are copied at once, many times faster than by what is left of the places.
    """
    starts, ends = [0, *(places + 1)], [*places, len(entries)]
    joined: Array = np.concatenate([entries[a:b] for a, b in zip(starts, ends, strict=True)])
    return joined
