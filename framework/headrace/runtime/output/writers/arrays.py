"""Arrays in NumPy's own file format, in the pieces that they come in.

Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.errors import DataError
from headrace.runtime.hashing.words import WORD, Cells
from headrace.runtime.kernels import file_calls
from headrace.runtime.kernels.library import library
from headrace.runtime.shown import quoted

_MOST_ID_BYTES = 1 << 31
_WIDE = 512
"""Bytes beyond which ids are laid out byte by byte instead of in steps of a word for all."""
_LONGEST_HEADER = 2**16
"""Of an array in NumPy's file format 1.0."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Pieces:
    """An array in the pieces that it came in; joining them would only copy them."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pieces: Sequence[Array]

    @classmethod
    def of(
        cls, pieces: Sequence[Array], dtype: npt.DTypeLike, columns: int | None = None
    ) -> Pieces:
        """Return the array of some rows after others.

        Args:
            pieces: Rows; with `columns`, each is a matrix.
            dtype: Of the array.
            columns: Columns of the matrix; None for an array of one dimension.
        """
        rows = sum(len(piece) for piece in pieces)
        return cls((rows,) if columns is None else (rows, columns), np.dtype(dtype), pieces)

    @classmethod
    def whole(cls, array: Array) -> Pieces:
        """Return an array that came in one piece."""
        return cls(array.shape, array.dtype, [array])

    @property
    def size(self) -> int:
        """Return the number of bytes in a file, or a few more."""
        return _LONGEST_HEADER + math.prod(self.shape) * self.dtype.itemsize

    def write(self, stream: IO[bytes]) -> None:
        """Write the array in NumPy's own file format."""
        for buffer in self.buffers():
            stream.write(buffer)

    def buffers(self) -> list[memoryview]:
        """Return the bytes of the array in NumPy's own file format, one buffer behind the other."""
        pieces = (np.ascontiguousarray(piece, self.dtype) for piece in self.pieces)
        return [
            header(self.shape, self.dtype),
            *(each.reshape(-1).view(np.uint8).data for each in pieces),
        ]


def header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> memoryview:
    """Return how an array begins in NumPy's own file format."""
    described = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, described)
    return head.getbuffer()


def fixed_width(columns: Sequence[pa.StringArray], name: str, format_name: str) -> Pieces:
    """Return texts as UTF-8 bytes of one width, that of the longest, padded with zero bytes.

    Raises:
        DataError: That would take more memory than a part should.
    """
    lengths = [np.diff(Cells.offsets(column)) for column in columns]
    width = max((int(part.max(initial=0)) for part in lengths), default=0) or 1
    rows = sum(map(len, lengths))
    if rows * width > _MOST_ID_BYTES:
        raise DataError(
            f"column {quoted(name)}: {format_name} makes the {rows:,} ids of a part as long as the "
            f"longest, which has {width:,} bytes; use output.format=parquet, or a smaller "
            "output.rows_per_part"
        )
    return Pieces.of([_padded(column, width) for column in columns], f"S{width}")


def _padded(column: pa.StringArray, width: int) -> Array:
    if (kernels := library()) is not None:
        return file_calls.padded(kernels, column, width)
    cells = Cells.of(column)
    if width > _WIDE:
        wide = np.zeros((len(cells.lengths), width), np.uint8)
        wide[np.arange(width) < cells.lengths[:, np.newaxis]] = cells.data[: cells.lengths.sum()]
        return wide.view(f"S{width}").ravel()
    words = -(-width // WORD)
    padded = np.empty((len(cells.lengths), words), "<u8")
    for position in range(words):
        padded[:, position] = cells.word(WORD * position)
    by_byte = padded.view(np.uint8)[:, :width]
    return np.ascontiguousarray(by_byte).view(f"S{width}").ravel()
