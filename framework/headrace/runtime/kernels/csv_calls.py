"""The kernel that reads delimited text without quotes into columns.

How much memory columns take is known once they are read. They are read at once into as much as the
text's first rows promise, and a second time only if that was too little.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import CDLL, c_int32
from ctypes import byref as reference

import numpy as np
import pyarrow as pa

from headrace.runtime.kernels.arrays import I64, MOST, at

_NEVER = 0xFF
"""A byte that stands in no UTF-8."""
_NO_ROOM = -2
_SAMPLE = 1 << 18
_MARGIN = 1.25
_BEHIND = 9 * 32
"""Bytes behind a column's cells that the kernel may overwrite."""
_ENDS_OF_A_TILE = 128 * 64 + 32
_GROUP = 8
"""Rows that the kernel copies at once; it keeps the ends of so many, and of those of a tile."""


def csv_columns(
    kernels: CDLL,
    data: bytes,
    marks: tuple[str, str | None, str | None],
    width: int,
    wanted: Sequence[int],
) -> list[pa.StringArray] | None:
    """Return columns of delimited text, its empty cells being null; None if Arrow has to parse it.

    Args:
        kernels: The library.
        data: Whole rows.
        marks: Delimiter, quote and escape, the last two if they mean anything: ASCII.
        width: Number of columns.
        wanted: Those to return.
    """
    if not 0 < len(data) <= MOST:
        return None
    reading = _Reading(kernels, marks, width, wanted)
    sample = data if len(data) <= _SAMPLE else data[: data.rfind(b"\n", 0, _SAMPLE) + 1] or data
    rows, sizes = reading.measure(sample)
    if rows > 0 and len(sample) < len(data):
        more = len(data) / len(sample) * _MARGIN
        room = int(rows * more) + 1, (sizes * more).astype(np.int64)
        rows, columns = reading.columns(data, *room)
        if rows == _NO_ROOM and (room := reading.measure(data))[0] > 0:
            rows, columns = reading.columns(data, *room)
    elif rows > 0:
        rows, columns = reading.columns(data, rows, sizes)
    if rows <= 0:
        return None
    if not reading.is_ascii.value:
        try:
            for column in columns:
                column.validate(full=True)
        except pa.ArrowInvalid:
            return None  # Arrow finds the cell
    return columns


class _Reading:
    """The kernel, and what it needs whatever it reads.

    Attributes:
        is_ascii: Whether all of what it read last is.
    """

    def __init__(
        self,
        kernels: CDLL,
        marks: tuple[str, str | None, str | None],
        width: int,
        wanted: Sequence[int],
    ) -> None:
        self._kernels, self._width = kernels, width
        self._marks = [_NEVER if mark is None else ord(mark) for mark in marks]
        self._wanted = np.array(wanted, np.int64)
        self._ends = np.empty((_GROUP + 1) * width + _ENDS_OF_A_TILE, np.uint32)
        self.is_ascii = c_int32()

    def measure(self, data: bytes) -> tuple[int, I64]:
        """Return the number of rows, none of which is there if they are odd, and columns' bytes."""
        sizes = np.zeros(len(self._wanted), np.int64)
        return self._read(data, (None,) * 4, at(sizes), None, 0), sizes

    def columns(self, data: bytes, room: int, sizes: I64) -> tuple[int, list[pa.StringArray]]:
        """Return the number of rows, or why there are none, and the columns.

        Args:
            data: Whole rows.
            room: How many there may be.
            sizes: How many bytes the cells of each column may take.
        """
        # Buffers of each column alone: an id that waits for its part keeps no other column.
        sizes = sizes + _BEHIND
        offsets = [_buffer(4 * (room + 1)) for _ in sizes]
        validity = [_buffer((room + 7) // 8) for _ in sizes]
        cells = [_buffer(size) for size in sizes.tolist()]
        places = [
            np.array([buffer.address for buffer in each], np.uintp)
            for each in (offsets, cells, validity)
        ]
        filled, nulls = np.zeros(len(sizes), np.int64), np.zeros(len(sizes), np.int64)
        rows = self._read(data, (*map(at, places), at(sizes)), at(filled), at(nulls), room)
        return rows, [
            pa.Array.from_buffers(
                pa.string(), rows, [bitmap if count else None, start, text.slice(0, size)], count
            )
            for bitmap, start, text, size, count in zip(
                validity, offsets, cells, filled.tolist(), nulls.tolist(), strict=True
            )
            if rows > 0
        ]

    def _read(
        self,
        data: bytes,
        buffers: tuple[int | None, ...],
        filled: int,
        nulls: int | None,
        room: int,
    ) -> int:
        text = np.frombuffer(data, np.uint8)
        rows: int = self._kernels.headrace_csv_read(
            *(at(text), len(text), *self._marks, self._width, at(self._wanted), len(self._wanted)),
            *(*buffers, filled, nulls, room, at(self._ends), reference(self.is_ascii)),
        )
        return rows


def _buffer(size: int) -> pa.Buffer:
    """Return memory of NumPy's, which stays for the next block; Arrow's pool gives it back."""
    return pa.py_buffer(np.empty(size, np.uint8))
