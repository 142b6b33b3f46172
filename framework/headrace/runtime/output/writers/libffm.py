"""libffm: a line for each row, ``label field:index:value field:index:value …``.

Each feature column is a field; ``fields`` in the manifest numbers them from 0. Of hashed rows an
index is that of the matrix, and tokens of two columns on one index are two entries. Without a
hasher each field has a range of indices of its own, one after the other: a column of ids one for
each id, with the value 1; a column of numbers one index. A null and the number 0 give no entry.

Source: https://github.com/ycjuan/libffm
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.hashing.by_column import COLUMN, INDEX, VALUE
from headrace.runtime.output.writers.base import Floats, Layout, refuse_left_over, slices
from headrace.runtime.output.writers.byte_strings import joined, strings_at
from headrace.runtime.output.writers.fields import fields_of, refuse_text
from headrace.runtime.output.writers.numerals import index_texts, number_strings, number_texts
from headrace.runtime.output.writers.reading import Known, text_rows
from headrace.runtime.output.writers.texts import packed
from headrace.runtime.transform import Role, positions

_ROWS_AT_ONCE = 8192
_NEWLINE = pa.scalar(b"\n", pa.large_binary())

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]


class LibffmWriter:
    """Parts for libffm, xLearn and other field-aware factorization machines."""

    suffix: ClassVar[str] = ".libffm"
    maps_features: ClassVar[bool] = True
    keeps_columns: ClassVar[bool] = True

    def check(self, schema: pa.Schema) -> None:
        """Refuse text, and rows without a label, with which each line begins."""
        refuse_left_over(schema)
        layout = Layout.of(schema)
        if layout.indices is None:
            refuse_text(schema, "libffm")
        if layout.label is None:
            raise ValueError(
                "libffm begins each line with the label, but there is none; "
                "set dataset.label or use output.format=npz"
            )

    def knowing(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> LibffmWriter:
        """Return this writer: nothing is laid out before."""
        return self

    def write(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
        """Write one part."""
        layout = Layout.of(schema)
        for rows in slices(batches, _ROWS_AT_ONCE):
            file.write(_lines(rows, layout))

    def is_exact(self, known: Known) -> bool:
        """Return whether the lines hold all: an id has no place there, nor a null or a zero."""
        return known.n_features is not None and known.id is None

    def read(self, files: Mapping[str, bytes], known: Known) -> pa.RecordBatch:
        """Return the rows of a part: a matrix, whatever its columns were."""
        columns = text_rows(files[self.suffix], 3, is_double=known.has_numbers)
        width = sum(each["size"] for each in known.features.values())
        is_hashed = known.n_features is not None
        return replace(known, n_features=known.n_features if is_hashed else width).batch(columns)


@dataclass(frozen=True)
class _Entries:
    """The entries of some rows.

    Attributes:
        offsets: Where each row starts in the others, shape (rows + 1,).
        fields: Number of the field of each entry.
        indices: Of each entry.
        values: Of each entry.
        n_fields: Number of fields.
        n_features: Number of indices.
    """

    offsets: I64
    fields: U32
    indices: U32
    values: Floats
    n_fields: int
    n_features: int


def _lines(rows: pa.RecordBatch, layout: Layout) -> memoryview:
    entries = _dense(rows) if layout.n_features is None else _hashed(rows, layout.n_features)
    fields = index_texts(entries.fields, entries.n_fields)
    indices = index_texts(entries.indices, entries.n_features, before=":")
    data, starts = packed([*fields, *indices, *number_texts(entries.values, before=":")])
    labels = number_strings(rows.column(layout.label).to_numpy())
    return joined([labels, strings_at(data, starts[entries.offsets]), _NEWLINE])


def _hashed(rows: pa.RecordBatch, n_features: int) -> _Entries:
    (place,) = positions(rows.schema, Role.BY_COLUMN)
    column = rows.column(place)
    offsets = column.offsets.to_numpy().astype(np.int64)
    fields, indices, values = (column.flatten().field(key) for key in (COLUMN, INDEX, VALUE))
    numbers = fields.to_numpy().view(np.uint32)
    n_fields = int(numbers.max(initial=0)) + 1
    unsigned = indices.to_numpy().view(np.uint32)
    return _Entries(
        offsets - offsets[0], numbers, unsigned, values.to_numpy(), n_fields, n_features
    )


def _dense(rows: pa.RecordBatch) -> _Entries:
    fields = fields_of(rows.schema, null_is_an_id=False)
    shape = (rows.num_rows, len(fields))
    indices, values = np.empty(shape, np.uint32), np.ones(shape)
    offset = 0
    for number, field in enumerate(fields):
        column = rows.column(field.column_index)
        if field.encoding is None:
            indices[:, number] = offset
            values[:, number] = _filled(column, 0.0)
        else:
            indices[:, number] = _filled(column, 0) + offset
            values[:, number] = column.is_valid().to_numpy(zero_copy_only=False)
        offset += field.size
    is_there = values != 0
    offsets = np.zeros(rows.num_rows + 1, np.int64)
    np.cumsum(np.count_nonzero(is_there, axis=1), out=offsets[1:])
    numbers = np.broadcast_to(np.arange(len(fields), dtype=np.uint32), shape)
    flat = (numbers[is_there], indices[is_there], values[is_there])
    return _Entries(offsets, *flat, len(fields), max(offset, 1))


def _filled(column: pa.Array, with_: float) -> npt.NDArray[np.number]:
    filled: npt.NDArray[np.number] = column.fill_null(with_).to_numpy(zero_copy_only=False)
    return filled
