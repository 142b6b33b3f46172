"""Tokens put together into sparse rows: sorted by index, equal indices summed.

The result has the structure that scikit-learn's ``FeatureHasher`` gives after its
``sum_duplicates``: a sum of zero stays as an explicit zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from framework.runtime.tokens import MISSING, ColumnTokens

_ABSENT = np.uint64(MISSING) << np.uint64(32)


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
    values: npt.NDArray[np.float32] | npt.NDArray[np.float64]


def sparse_rows(columns: Sequence[ColumnTokens]) -> SparseRows:
    """The rows whose tokens these are.

    Args:
        columns: At least one column; all have the same number of rows.
    """
    if any(column.is_numeric for column in columns):
        return _weighted(columns)
    keys = np.empty((len(columns), len(columns[0].cells.codes)), np.uint32)
    for position, column in enumerate(columns):
        keys[position] = column.row_keys()
    by_row = np.ascontiguousarray(keys.T)
    by_row.sort(axis=1)
    present = by_row != MISSING
    flat = by_row.ravel() if present.all() else by_row[present]
    values = (1 - 2 * (flat & np.uint32(1)).astype(np.int8)).astype(np.float32)
    return _summed(_offsets(present), (flat >> np.uint32(1)).view(np.int32), values)


def _weighted(columns: Sequence[ColumnTokens]) -> SparseRows:
    """The general form: every entry remembers its column, to find its number after the sort."""
    rows = len(columns[0].cells.codes)
    keys = np.empty((rows, len(columns)), np.uint64)
    weights = np.ones((rows, len(columns)))
    for position, column in enumerate(columns):
        entry = column.row_keys()
        keys[:, position] = (entry.astype(np.uint64) << np.uint64(32)) | np.uint64(position)
        if column.is_numeric:
            weights[:, position] = column.row_weights()
        weights[:, position] *= np.where(entry & np.uint32(1), -1.0, 1.0)
    # The lowest bit of the upper half is the sign, which must not decide the order of equal indices.
    keys &= ~(np.uint64(1) << np.uint64(32))
    keys.sort(axis=1)
    present = keys < (_ABSENT & ~(np.uint64(1) << np.uint64(32)))
    source = np.nonzero(present)[0] * len(columns) + (keys[present] & np.uint64(0xFFFFFFFF)).astype(
        np.int64
    )
    indices = (keys[present] >> np.uint64(33)).astype(np.int32)
    return _summed(_offsets(present), indices, weights.ravel()[source])


def _offsets(present: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    offsets = np.zeros(len(present) + 1, np.int32)
    np.cumsum(np.count_nonzero(present, axis=1), out=offsets[1:])
    return offsets


def _summed(
    offsets: npt.NDArray[np.int32], indices: npt.NDArray[np.int32], values: npt.NDArray[np.float64]
) -> SparseRows:
    """Add up the entries of a row that share an index."""
    first = np.ones(len(indices), np.bool_)
    np.not_equal(indices[1:], indices[:-1], out=first[1:])
    first[offsets[:-1][offsets[:-1] < len(first)]] = True
    repeated = np.flatnonzero(~first)
    if not len(repeated):
        return SparseRows(offsets, indices, values)
    before = np.cumsum(first, dtype=np.int32)
    merged = values[first]
    np.add.at(merged, before[repeated] - 1, values[repeated])
    return SparseRows(np.append(np.int32(0), before)[offsets], indices[first], merged)
