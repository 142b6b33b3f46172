"""Byte strings, one for each row, put together without a loop over the rows.

A string comes in pieces. Short pieces stand in matrices, from which the bytes beyond their ends are
left out; long ones are Arrow's own arrays; and Arrow joins them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Short:
    """Strings of a few bytes.

    Attributes:
        cells: Their bytes from the left, shape (rows, width); (1, width) if all are the same.
        lengths: How many of them count, shape (rows,); () if all are as long.
    """

    cells: U8
    lengths: U8


def packed(pieces: Sequence[Short], rows: int) -> tuple[U8, I64]:
    """Return the first row's strings one behind the other, then the second row's, and so on.

    Returns:
        All bytes, and where each row starts among them, shape (rows + 1,).
    """
    cells = np.empty((rows, sum(piece.cells.shape[1] for piece in pieces)), np.uint8)
    kept = np.ones(cells.shape, np.bool_)
    lengths = np.zeros(rows, np.uint16)
    column = 0
    for piece in pieces:
        width = piece.cells.shape[1]
        cells[:, column : column + width] = piece.cells
        lengths += piece.lengths
        for place in range(int(piece.lengths.min(initial=width)), width):
            kept[:, column + place] = piece.lengths > place
        column += width
    offsets = np.zeros(rows + 1, np.int64)
    np.cumsum(lengths, dtype=np.int64, out=offsets[1:])
    return cells.ravel() if kept.all() else cells[kept], offsets


def strings_at(data: npt.NDArray[np.generic], offsets: I64) -> pa.LargeBinaryArray:
    """Return the strings between these offsets, which count bytes; nothing is copied."""
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def joined(columns: Sequence[pa.LargeBinaryArray | pa.LargeBinaryScalar]) -> memoryview:
    """Return each row's strings one behind the other, and so all rows.

    Args:
        columns: At least one is an array; a scalar is the same string in every row.
    """
    whole = pc.binary_join_element_wise(*columns, pa.scalar(b"", pa.large_binary()))
    offsets = np.frombuffer(whole.buffers()[1], np.int64)
    return memoryview(whole.buffers()[2])[offsets[0] : offsets[len(whole)]]


@dataclass(frozen=True)
class Strings:
    """One string for each row, in pieces that wait to be joined.

    Attributes:
        pieces: What to put one behind the other.
        lengths: Number of bytes of each row's string, shape (rows,) or ().
    """

    pieces: tuple[Short | pa.LargeBinaryArray, ...]
    lengths: I64

    @classmethod
    def short(cls, cells: U8, lengths: U8 | None = None) -> Strings:
        """Make strings as in `Short`; without lengths each fills its row of the matrix."""
        filled = np.array(cells.shape[1], np.uint8) if lengths is None else lengths
        return cls((Short(cells, filled),), filled.astype(np.int64))

    @classmethod
    def same(cls, content: bytes) -> Strings:
        """Return one string for all rows."""
        return cls.short(np.frombuffer(content, np.uint8)[None])

    @classmethod
    def long(cls, strings: pa.LargeBinaryArray) -> Strings:
        """Return strings of any length."""
        return cls((strings,), pc.binary_length(strings).to_numpy())

    def __add__(self, other: Strings) -> Strings:
        """Return each row's string with the other's behind it."""
        return Strings(self.pieces + other.pieces, self.lengths + other.lengths)

    def joined(self, rows: int) -> memoryview:
        """Return all bytes of all rows."""
        return joined(list(self._columns(rows)))

    def _columns(self, rows: int) -> Iterator[pa.LargeBinaryArray]:
        for are_short, pieces in groupby(self.pieces, lambda piece: isinstance(piece, Short)):
            if are_short:
                yield strings_at(*packed(list(pieces), rows))
            else:
                yield from pieces
