"""SageMaker's RecordIO-protobuf, sparse: what its built-in algorithms read.

A record is a magic number, the length of the message, the message, and zeros up to a multiple of
four bytes. The message is an ``aialgs.data.Record``::

    features {key: "values" value {float32_tensor {values: …, keys: …, shape: n_features}}}
    label {key: "values" value {float32_tensor {values: …}}}
    uid: …

These are the bytes that the SageMaker SDK's ``write_spmatrix_to_sparse_tensor`` made, but for rows
without entries: a tensor without keys is dense by definition, so they get a zero at index 0.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html (``record.proto``),
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.output.writers.base import (
    Entries,
    Layout,
    refuse_left_over,
    refuse_unhashed,
    slices,
)
from headrace.runtime.output.writers.byte_strings import Short, Strings, packed, strings_at

_ROWS_AT_ONCE = 16_384
_MAGIC = 0xCED7230A
_ALIGNMENT = 4
_FLOAT = 4
_LENGTH_DELIMITED = 2
"""Protobuf's wire type of strings, messages and packed arrays."""


class RecordioWriter:
    """Parts for Linear Learner, Factorization Machines, XGBoost and others of SageMaker's."""

    suffix: ClassVar[str] = ".recordio"

    def check(self, schema: pa.Schema) -> None:
        """Refuse rows that are not hashed, which are no sparse tensors."""
        refuse_unhashed(schema, "recordio")
        refuse_left_over(schema)

    def knowing(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> RecordioWriter:
        """Return this writer: nothing is laid out before."""
        return self

    def write(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
        """Write one part."""
        layout = Layout.of(schema)
        for rows in slices(batches, _ROWS_AT_ONCE):
            file.write(_records(rows, layout))


def _records(rows: pa.RecordBatch, layout: Layout) -> memoryview:
    message = _message(rows, layout)
    head = np.empty((rows.num_rows, 2), "<u4")
    head[:, 0], head[:, 1] = _MAGIC, message.lengths
    zeros = np.zeros((1, _ALIGNMENT - 1), np.uint8)
    padding = Strings.short(zeros, (-message.lengths % _ALIGNMENT).astype(np.uint8))
    record = Strings.short(head.view(np.uint8)) + message + padding
    return record.joined(rows.num_rows)


def _message(rows: pa.RecordBatch, layout: Layout) -> Strings:
    message = _in_map(1, _sparse_tensor(_without_empty_rows(Entries.of(rows, layout))))
    if layout.label is not None:
        label = _float32(rows.column(layout.label)).reshape(-1, 1).view(np.uint8)
        message += _in_map(2, _field(1, Strings.short(label)))
    if layout.id is not None:
        message += _field(3, Strings.long(rows.column(layout.id).cast(pa.large_binary())))
    return message


def _sparse_tensor(entries: Entries) -> Strings:
    values = strings_at(_float32(pa.array(entries.values)), entries.offsets * _FLOAT)
    data, starts = packed([_varints(entries.indices)], len(entries.indices))
    keys = strings_at(data, starts[entries.offsets])
    shape = _varints(np.array([entries.n_features]))
    tensor = _field(1, Strings.long(values)) + _field(2, Strings.long(keys))
    return tensor + _field(3, Strings.short(shape.cells))


def _without_empty_rows(entries: Entries) -> Entries:
    is_empty = np.diff(entries.offsets) == 0
    if not is_empty.any():
        return entries
    places = entries.offsets[:-1][is_empty]
    offsets = entries.offsets.copy()
    offsets[1:] += np.cumsum(is_empty)
    indices, values = np.insert(entries.indices, places, 0), np.insert(entries.values, places, 0)
    return Entries(offsets, indices, values, entries.n_features)


def _float32(column: pa.Array) -> npt.NDArray[np.float32]:
    """Round to float32 as Arrow does: what is too large for the type becomes infinite."""
    numbers: npt.NDArray[np.float32] = column.cast(pa.float32()).to_numpy()
    return numbers


def _in_map(number: int, tensor: Strings) -> Strings:
    """Return the entry "values" of the map in this field; a ``float32_tensor``, field 2."""
    value = _field(2, _field(2, tensor))
    return _field(number, _field(1, Strings.same(b"values")) + value)


def _field(number: int, content: Strings) -> Strings:
    tag = Strings.same(bytes([number << 3 | _LENGTH_DELIMITED]))
    length = _varints(np.atleast_1d(content.lengths))
    return tag + Strings.short(length.cells, length.lengths) + content


def _varints(numbers: npt.NDArray[np.integer[Any]]) -> Short:
    """Encode seven bits a byte, the lowest first; a byte's highest bit says that one follows."""
    width = max(1, -(-int(numbers.max(initial=0)).bit_length() // 7))
    cells = np.empty((len(numbers), width), np.uint8)
    lengths = np.ones(len(numbers), np.uint8)
    rest = numbers
    for place in range(width):
        lowest = rest.astype(np.uint8)
        rest = rest >> 7
        goes_on = (rest != 0).view(np.uint8)
        cells[:, place] = lowest | goes_on << 7
        lengths += goes_on
    return Short(cells, lengths)
