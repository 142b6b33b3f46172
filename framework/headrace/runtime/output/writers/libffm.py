"""libffm: a line for each row, ``label field:index:value field:index:value …``.

Each feature column is a field; ``fields`` in the manifest numbers them from 0. Of hashed rows an
index is that of the matrix, and tokens of two columns on one index are two entries. Without a
hasher each field has a range of indices of its own, one after the other: a column of ids one for
each id, with the value 1; a column of numbers one index. A null and the number 0 give no entry.

Source: https://github.com/ycjuan/libffm
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.hashing.by_column import COLUMN, INDEX, VALUE
from headrace.runtime.output.writers.base import (
    Floats,
    Layout,
    refuse_left_over,
    refuse_unlabelled,
)
from headrace.runtime.output.writers.fields import fields_of, refuse_text
from headrace.runtime.output.writers.libsvm import LabelledLines
from headrace.runtime.output.writers.numerals import U32, index_texts, number_texts
from headrace.runtime.output.writers.reading import Known
from headrace.runtime.output.writers.texts import I64, Texts
from headrace.runtime.transform import Role, positions


class LibffmWriter(LabelledLines):
    """Parts for libffm, xLearn and other field-aware factorization machines."""

    suffix: ClassVar[str] = ".libffm"
    numbers_each: ClassVar[int] = 3
    maps_features: ClassVar[bool] = True
    keeps_columns: ClassVar[bool] = True

    def check(self, schema: pa.Schema) -> None:
        """Refuse text, and rows without a label, with which each line begins."""
        refuse_left_over(schema)
        if Layout.of(schema).indices is None:
            refuse_text(schema, "libffm")
        refuse_unlabelled(schema, "libffm")

    def entries(self, rows: pa.RecordBatch, layout: Layout) -> tuple[I64, list[Texts]]:
        """Return the entries of hashed rows, or of columns."""
        width = layout.n_features
        entries = _dense(rows) if width is None else _hashed(rows, width)
        fields = index_texts(entries.fields, entries.n_fields)
        indices = index_texts(entries.indices, entries.n_features, before=":")
        return entries.offsets, [*fields, *indices, *number_texts(entries.values, before=":")]

    def read(self, files: Mapping[str, bytes], known: Known) -> pa.RecordBatch:
        """Return the rows of a part: a matrix, whatever its columns were."""
        if known.n_features is None:
            width = sum(each["size"] for each in known.features.values())
            known = replace(known, n_features=width)
        return super().read(files, known)


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
