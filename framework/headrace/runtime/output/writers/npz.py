"""SciPy's sparse ``.npz``: a CSR matrix, plus the arrays ``label`` and ``id``.

``scipy.sparse.load_npz`` reads the matrix, ``numpy.load`` the rest; neither needs pickle.

Source: ``scipy/sparse/_matrix_io.py``, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.errors import DataError
from headrace.runtime.hashing.words import WORD, Cells
from headrace.runtime.output.writers.base import Layout, refuse_left_over, refuse_unhashed
from headrace.runtime.shown import quoted

_EPOCH = (1980, 1, 1, 0, 0, 0)
_INT32_MAX = 2**31 - 1
_MOST_ID_BYTES = 1 << 31
_WIDE = 512
"""Bytes beyond which ids are laid out byte by byte instead of in steps of a word for all."""
_LONGEST_HEADER = 2**16
"""Of an array in NumPy's file format 1.0."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class NpzWriter:
    """Parts for scikit-learn and everything else that takes a SciPy matrix.

    Attributes:
        beside: The arrays beside the matrix of the rows that are to be written, if known.
    """

    suffix: ClassVar[str] = ".npz"
    beside: Mapping[str, _Pieces] | None = None

    def check(self, schema: pa.Schema) -> None:
        """Refuse rows that are not hashed, which are no matrix."""
        refuse_unhashed(schema, "npz")
        refuse_left_over(schema)

    def knowing(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> NpzWriter:
        """Lay out labels and ids."""
        return NpzWriter(_beside(batches, schema))

    def write(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
        """Write one part."""
        beside = _beside(batches, schema) if self.beside is None else self.beside
        arrays = {**_matrix(batches, schema), **beside}
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                # The date is part of the bytes, so it has to be the same for ever.
                member = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
                # ZIP's 64-bit fields only where they are needed: Python 3.11.4 writes them in
                # another way than 3.11.3.
                member.file_size = array.size
                with archive.open(member, "w") as stream:
                    array.write(stream)


@dataclass(frozen=True)
class _Pieces:
    """An array in the pieces that it came in; joining them would only copy them."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pieces: Sequence[Array]

    @classmethod
    def of(cls, pieces: Sequence[Array], dtype: npt.DTypeLike) -> _Pieces:
        return cls((sum(len(piece) for piece in pieces),), np.dtype(dtype), pieces)

    @classmethod
    def whole(cls, array: Array) -> _Pieces:
        return cls(array.shape, array.dtype, [array])

    @property
    def size(self) -> int:
        """Return the number of bytes in a file, or a few more."""
        return _LONGEST_HEADER + math.prod(self.shape) * self.dtype.itemsize

    def write(self, stream: IO[bytes]) -> None:
        """Write the array in NumPy's own file format."""
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": self.shape,
        }
        np.lib.format.write_array_header_1_0(stream, header)
        for piece in self.pieces:
            contiguous = np.ascontiguousarray(piece, self.dtype)
            stream.write(contiguous.reshape(-1).view(np.uint8).data)


def _matrix(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> dict[str, _Pieces]:
    layout = Layout.of(schema)
    if layout.indices is None or layout.values is None:
        raise ValueError("there is no sparse row to write")
    is_double = pa.types.is_float64(schema.field(layout.values).type.value_type)
    indptr = _indptr(batches, layout.indices)
    return {
        "indices": _Pieces.of(_entries(batches, layout.indices), np.int32),
        "indptr": _Pieces.whole(indptr),
        "format": _Pieces.whole(np.array(b"csr")),
        "shape": _Pieces.whole(np.array([len(indptr) - 1, layout.n_features], np.int64)),
        "data": _Pieces.of(
            _entries(batches, layout.values), np.float64 if is_double else np.float32
        ),
    }


def _beside(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> dict[str, _Pieces]:
    layout, arrays = Layout.of(schema), {}
    if layout.label is not None:
        labels = [batch.column(layout.label).to_numpy() for batch in batches]
        arrays["label"] = _Pieces.of(labels, np.float64)
    if layout.id is not None:
        columns = [batch.column(layout.id) for batch in batches]
        arrays["id"] = _fixed_width(columns, schema.field(layout.id).name)
    return arrays


def _indptr(batches: Sequence[pa.RecordBatch], place: int) -> Array:
    """Return where each row starts among the part's entries, shape (rows + 1,)."""
    lengths = [np.diff(batch.column(place).offsets.to_numpy()) for batch in batches]
    counts = np.concatenate([np.zeros(1, np.int64), *lengths])
    starts = np.cumsum(counts)
    return starts.astype(np.int32) if starts[-1] <= _INT32_MAX else starts


def _entries(batches: Sequence[pa.RecordBatch], place: int) -> list[Array]:
    return [batch.column(place).flatten().to_numpy() for batch in batches]


def _fixed_width(columns: Sequence[pa.StringArray], name: str) -> _Pieces:
    """Return texts as UTF-8 bytes of one width, that of the longest, padded with zero bytes.

    Raises:
        DataError: That would take more memory than a part should.
    """
    cells = [Cells.of(column) for column in columns]
    width = max((int(part.lengths.max(initial=0)) for part in cells), default=0) or 1
    rows = sum(len(part.lengths) for part in cells)
    if rows * width > _MOST_ID_BYTES:
        raise DataError(
            f"column {quoted(name)}: npz makes the {rows:,} ids of a part as long as the longest, "
            f"which has {width:,} bytes; use output.format=parquet, or a smaller "
            "output.rows_per_part"
        )
    return _Pieces.of([_padded(part, width) for part in cells], f"S{width}")


def _padded(cells: Cells, width: int) -> Array:
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
