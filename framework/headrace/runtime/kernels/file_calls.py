"""Kernels for the bytes of files: checksums, texts of one width, lines of libsvm."""

from __future__ import annotations

from ctypes import CDLL
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.kernels.arrays import (
    I64,
    NOTHING,
    U32,
    Array,
    at,
    straight,
    texts_at,
)


def crc32(kernels: CDLL, data: memoryview, crc: int) -> int | None:
    """Return what `zlib.crc32` does, many times sooner; None if this processor cannot."""
    if not len(data):
        return crc
    content = np.frombuffer(data, np.uint8)
    found: int = kernels.headrace_crc32(at(content), len(content), crc)
    return None if found < 0 else found


def padded(kernels: CDLL, texts: pa.StringArray, width: int) -> Array:
    """Return texts as bytes of one width, which none is longer than, zeros behind them."""
    cells = np.empty(len(texts), f"S{width}")
    kernels.headrace_padded(*texts_at(texts), len(texts), width, at(cells))
    return cells


def lines(
    kernels: CDLL,
    labels: pa.LargeBinaryArray,
    offsets: I64,
    indices: U32,
    values: npt.NDArray[np.floating[Any]],
) -> memoryview | None:
    """Return lines of libsvm; None if values are not small whole numbers, for NumPy to write them.

    Args:
        kernels: The library.
        labels: The text of each row's label.
        offsets: Where each row starts in the next two, shape (rows + 1,).
        indices: Of each entry.
        values: Of each entry.
    """
    rows, entries = len(labels), min(len(indices), len(values))
    if values.dtype != np.float32 or len(offsets) != rows + 1 or not rows:
        return None
    _, starts, data = labels.buffers()
    bounds = np.frombuffer(starts, np.int64, rows + 1, 8 * labels.offset)
    text = np.frombuffer(data, np.uint8) if data is not None and data.size else NOTHING
    made = np.empty(int(bounds[-1] - bounds[0]) + 16 * entries + rows, np.uint8)
    offsets, indices = straight(offsets, np.int64), straight(indices, np.uint32)
    values = straight(values, np.float32)
    size = kernels.headrace_lines(
        *(at(bounds), at(text), at(offsets), at(indices), at(values)),
        *(entries, rows, at(made)),
    )
    return None if size < 0 else made[:size].data
