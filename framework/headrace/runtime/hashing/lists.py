"""Columns of lists of text: several values in a cell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

I32 = npt.NDArray[np.int32]


class Elements(NamedTuple):
    """The values of all cells of a column of lists.

    Attributes:
        values: One behind the other, none of them null.
        lengths: Number of values of each cell, 0 for a null, shape (rows,).
    """

    values: pa.StringArray
    lengths: I32


def elements_of(column: pa.ListArray) -> Elements:
    """Return the values of a column's cells, without those that are null."""
    values = column.flatten()
    lengths = pc.list_value_length(column).fill_null(0).to_numpy().astype(np.int32)
    if not values.null_count:
        return Elements(values, lengths)
    return _kept(Elements(values, lengths), values.is_valid())


def without_empty(column: pa.ListArray) -> pa.ListArray:
    """Return the same lists without empty texts and nulls; null where the cell is null."""
    elements = elements_of(column)
    values, lengths = _kept(elements, pc.not_equal(elements.values, ""))
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    made = pa.ListArray.from_arrays(pa.array(offsets), values)
    if not column.null_count:
        return made
    return pc.if_else(column.is_valid(), made, pa.scalar(None, made.type))


def _kept(elements: Elements, mask: pa.BooleanArray) -> Elements:
    rows = np.repeat(np.arange(len(elements.lengths)), elements.lengths)
    there = rows[mask.to_numpy(zero_copy_only=False)]
    lengths = np.bincount(there, minlength=len(elements.lengths)).astype(np.int32)
    return Elements(elements.values.filter(mask), lengths)
