"""NumPy's ``.npz``: a matrix, plus the arrays ``label`` and ``id``.

Hashed rows are a CSR matrix of SciPy's, which ``scipy.sparse.load_npz`` reads. Others are the array
``x``, float64, a column for each feature, NaN for null, with the names of the columns in
``columns``. ``numpy.load`` reads all of it without pickle.

Source: ``scipy/sparse/_matrix_io.py``, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, ClassVar

import numpy as np
import pyarrow as pa

from headrace.runtime.kernels.file_calls import crc32
from headrace.runtime.kernels.library import library
from headrace.runtime.kernels.row_calls import ByValue
from headrace.runtime.output.writers.arrays import Array, Pieces, fixed_width
from headrace.runtime.output.writers.base import Layout, refuse_left_over
from headrace.runtime.output.writers.fields import (
    fields_of,
    numbers_of,
    refuse_text,
    side_by_side,
)
from headrace.runtime.output.writers.reading import ID, LABEL, Known, lists
from headrace.runtime.transform import Role

_INT32_MAX = 2**31 - 1
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date is part of the bytes, so it has to be the same for ever."""
_DATE = 1 << 5 | 1
_VERSION, _UNIX = 20, 3
_MODE = 0o600 << 16
_MOST = 2_000_000_000
"""Bytes of an archive that needs no 64-bit field, by `zipfile`'s rules."""
_HEAD = struct.Struct("<4s2B4HL2L2H")
_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_END = struct.Struct("<4s4H2LH")


@dataclass(frozen=True)
class NpzWriter:
    """Parts for scikit-learn and everything else that takes a SciPy matrix.

    Attributes:
        beside: The arrays beside the matrix of the rows that are to be written, if known.
    """

    suffix: ClassVar[str] = ".npz"
    beside: Mapping[str, Pieces] | None = None

    def check(self, schema: pa.Schema) -> None:
        """Refuse text, which stands in no matrix."""
        refuse_left_over(schema)
        if Layout.of(schema).indices is None:
            refuse_text(schema, "npz")

    def knowing(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> NpzWriter:
        """Lay out labels and ids."""
        return NpzWriter(_beside(batches, schema))

    def write(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
        """Write one part."""
        beside = _beside(batches, schema) if self.beside is None else self.beside
        write_arrays({**_matrix(batches, schema), **beside}, file)

    def is_exact(self, known: Known) -> bool:
        """Return true: nothing is rounded or left out."""
        return True

    def read(self, files: Mapping[str, bytes], known: Known) -> pa.RecordBatch:
        """Return the rows of a part."""
        with np.load(io.BytesIO(files[self.suffix])) as arrays:
            label, id_ = (LABEL, ID) if "x" not in arrays else (known.label, known.id)
            columns = _features_read(arrays, known)
            if label is not None and LABEL in arrays:
                columns[label] = pa.array(arrays[LABEL])
            if id_ is not None and ID in arrays:
                columns[id_] = pa.array(arrays[ID]).cast(pa.string())
        return known.batch(columns)


def _features_read(arrays: Mapping[str, Array], known: Known) -> dict[str, pa.Array]:
    if "x" not in arrays:
        return lists(arrays["indptr"], arrays["indices"], arrays["data"])
    names, matrix = arrays["columns"].tolist(), arrays["x"]
    columns = {
        name: pa.array(matrix[:, place], from_pandas=True) for place, name in enumerate(names)
    }
    ids = (name for name, each in known.features.items() if each["kind"] == Role.CATEGORICAL)
    return {**columns, **{name: columns[name].cast(pa.int32()) for name in ids}}


def _matrix(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> dict[str, Pieces]:
    layout = Layout.of(schema)
    if layout.indices is None or layout.values is None:
        return _dense(batches, schema)
    is_double = pa.types.is_float64(schema.field(layout.values).type.value_type)
    indptr = _indptr(batches, layout.indices)
    return {
        "indices": Pieces.of(_entries(batches, layout.indices), np.int32),
        "indptr": Pieces.whole(indptr),
        "format": Pieces.whole(np.array(b"csr")),
        "shape": Pieces.whole(np.array([len(indptr) - 1, layout.n_features], np.int64)),
        "data": Pieces.of(
            _entries(batches, layout.values), np.float64 if is_double else np.float32
        ),
    }


def _dense(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> dict[str, Pieces]:
    fields = fields_of(schema)
    places = [field.column_index for field in fields]
    width = max((len(field.name) for field in fields), default=0) or 1
    pieces = [
        side_by_side(
            [ByValue(numbers_of(batch.column(place))) for place in places],
            batch.num_rows,
            np.float64,
        )
        for batch in batches
    ]
    return {
        "x": Pieces.of(pieces, np.float64, len(fields)),
        "columns": Pieces.whole(np.array([field.name for field in fields], f"<U{width}")),
    }


def _beside(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> dict[str, Pieces]:
    layout, arrays = Layout.of(schema), {}
    if layout.label is not None:
        labels = [batch.column(layout.label).to_numpy() for batch in batches]
        arrays["label"] = Pieces.of(labels, np.float64)
    if layout.id is not None:
        columns = [batch.column(layout.id) for batch in batches]
        arrays["id"] = fixed_width(columns, schema.field(layout.id).name, "npz")
    return arrays


def _indptr(batches: Sequence[pa.RecordBatch], place: int) -> Array:
    """Return where each row starts among the part's entries, shape (rows + 1,)."""
    lengths = [np.diff(batch.column(place).offsets.to_numpy()) for batch in batches]
    counts = np.concatenate([np.zeros(1, np.int64), *lengths])
    starts = np.cumsum(counts)
    return starts.astype(np.int32) if starts[-1] <= _INT32_MAX else starts


def _entries(batches: Sequence[pa.RecordBatch], place: int) -> list[Array]:
    return [batch.column(place).flatten().to_numpy() for batch in batches]


def write_arrays(arrays: Mapping[str, Pieces], file: IO[bytes]) -> None:
    """Write an archive of arrays that nothing compresses, from the front to the end.

    The bytes are those that `zipfile` writes. It goes back to each member's head when the checksum
    is known; here the checksum comes first, so that whoever hashes the file need not read it again.

    Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.7, 4.3.12, 4.3.16

    Args:
        arrays: Name, in ASCII and without ``.npy`` → array.
        file: What to write into, at its beginning.
    """
    if sum(array.size for array in arrays.values()) > _MOST:
        _by_zipfile(arrays, file)
        return
    entries, start = [], 0
    for name, array in arrays.items():
        buffers, member = array.buffers(), f"{name}.npy".encode()
        size = sum(map(len, buffers))
        said = (0, 0, _DATE, _checksum(buffers), size, size, len(member), 0)
        file.write(_HEAD.pack(b"PK\3\4", _VERSION, 0, 0, *said) + member)
        for buffer in buffers:
            file.write(buffer)
        versions = (_VERSION, _UNIX, _VERSION, 0)
        entries.append(_ENTRY.pack(b"PK\1\2", *versions, 0, *said, 0, 0, 0, _MODE, start) + member)
        start += _HEAD.size + len(member) + size
    directory = b"".join(entries)
    count = len(entries)
    file.write(directory + _END.pack(b"PK\5\6", 0, 0, count, count, len(directory), start, 0))


def _checksum(buffers: Sequence[memoryview]) -> int:
    kernels, crc = library(), 0
    for buffer in buffers:
        found = None if kernels is None else crc32(kernels, buffer, crc)
        crc = zlib.crc32(buffer, crc) if found is None else found
    return crc


def _by_zipfile(arrays: Mapping[str, Pieces], file: IO[bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            # ZIP's 64-bit fields only where they are needed: Python 3.11.4 writes them in another
            # way than 3.11.3.
            member.file_size = array.size
            with archive.open(member, "w") as stream:
                for buffer in array.buffers():
                    stream.write(buffer)
