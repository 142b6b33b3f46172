"""Arrays and Arrow columns as the addresses that kernels take; whoever calls keeps them alive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[Any]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.integer[Any]]
"""The places of rows' values among those of a column, of any type of integers."""

MOST = 2**31 - 1
"""Rows, entries, or bytes of texts: kernels keep their places in 32 bits."""
SLACK = 32
"""Bytes that are copied at once, so that texts may be followed by as many."""
NOTHING = np.zeros(SLACK, np.uint8)
"""The memory that empty columns point to."""


def at(array: Array) -> int:
    """Return where an array begins."""
    address: int = pa.py_buffer(array).address  # a quarter of the time that NumPy takes to tell it
    return address


def addresses(arrays: Sequence[Array | None]) -> Array:
    """Return where each array begins, zero for None."""
    return np.array([0 if each is None else at(each) for each in arrays], np.uintp)


def texts_at(column: pa.StringArray) -> tuple[int, int]:
    """Return where a column's offsets and bytes begin."""
    _, offsets, data = column.buffers()
    if offsets is None or not len(column):
        return at(NOTHING), at(NOTHING)
    size = np.dtype(np.int32).itemsize
    return offsets.address + size * column.offset, data.address if data else at(NOTHING)


def straight(array: Any, dtype: npt.DTypeLike) -> Any:
    """Return an array whose elements are of that type and stand side by side; None for None."""
    return None if array is None else np.ascontiguousarray(array, dtype)
