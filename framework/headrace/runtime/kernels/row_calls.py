"""Kernels that put rows into another order, called with NumPy arrays and Arrow columns."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import CDLL

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.kernels.arrays import I32, Array, addresses, at, straight, texts_at

MOST = 2**31 - 1
"""Rows: their numbers have 32 bits."""


def order(kernels: CDLL, numbers: npt.NDArray[np.int8]) -> I32:
    """Return the places of at most `MOST` rows by their numbers, those of one as they stood."""
    numbers = straight(numbers, np.int8)
    places = np.empty(len(numbers), np.int32)
    kernels.headrace_order(at(numbers), len(numbers), at(places))
    return places


def take(kernels: CDLL, columns: Sequence[Array], rows: I32) -> list[Array]:
    """Return these rows of each column.

    Args:
        kernels: The library.
        columns: All of one length, their cells of 1, 2, 4 or 8 bytes.
        rows: Their places.

    Raises:
        ValueError: A column is not like that, or a place is beyond the rows.
    """
    columns = [straight(column, column.dtype) for column in columns]
    taken = [np.empty(len(rows), column.dtype) for column in columns]
    given, rows = len(columns[0]) if columns else 0, straight(rows, np.int32)
    sizes = np.array([column.itemsize for column in columns], np.int64)
    each, to_each = addresses(columns), addresses(taken)
    fits = all(len(column) == given for column in columns)
    arguments = (at(rows), len(rows), given, len(columns), at(each), at(sizes), at(to_each))
    if columns and not (fits and kernels.headrace_take(*arguments) == 0):
        raise ValueError("there are no such rows in all columns")
    return taken


def take_texts(kernels: CDLL, texts: pa.StringArray, rows: I32) -> pa.StringArray | None:
    """Return these texts, none of them null; None if Arrow has to."""
    if not len(texts):
        return None
    offsets, data = texts_at(texts)
    bounds = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, 4 * texts.offset)
    rows, ends = straight(rows, np.int32), np.empty(len(rows) + 1, np.int32)
    taken = np.empty(int(bounds[-1] - bounds[0]), np.uint8)
    done = kernels.headrace_take_texts(
        *(offsets, data, len(texts), at(rows), len(rows), at(ends), at(taken), len(taken))
    )
    if done < 0:
        return None
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(taken)]
    return pa.Array.from_buffers(pa.string(), len(rows), buffers)
