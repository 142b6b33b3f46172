"""Columns by their distinct values inside a chain: Arrow dictionaries in place of plain columns.

A step that says `takes_dictionaries` gets them, and may make them, wherever plain cells are
promised; every other step, and every file, gets plain cells. The values of a dictionary are
distinct, none is null, and each stands in some row, unless rows have been chosen since.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.hashing.tokens import I32, Encoded
from headrace.runtime.kernels import dense_calls
from headrace.runtime.kernels.arrays import Codes
from headrace.runtime.kernels.library import library
from headrace.runtime.kernels.row_calls import ByValue
from headrace.runtime.transform import Role, role_of


def encoded(batch: pa.RecordBatch, names: Collection[str] | None = None) -> pa.RecordBatch:
    """Return the batch with some columns of text as dictionaries; None for all categorical ones."""
    made = list(batch.columns)
    for place, field in enumerate(batch.schema):
        if not pa.types.is_string(field.type):
            continue
        if field.name in names if names is not None else role_of(field) is Role.CATEGORICAL:
            made[place] = dictionary(*Encoded.of(made[place])[:3])
    return held(batch.schema, made)


def decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch with plain cells in every column but the time, which is a dictionary."""
    places = _dictionaries(batch.schema)
    if not places:
        return batch
    made = list(batch.columns)
    for place in places:
        made[place] = plain(made[place])
    return pa.RecordBatch.from_arrays(made, schema=decoded_schema(batch.schema))


def decoded_schema(schema: pa.Schema) -> pa.Schema:
    """Return the columns that `decoded` makes of a batch."""
    places = _dictionaries(schema)
    if not places:
        return schema
    fields = list(schema)
    for place in places:
        fields[place] = fields[place].with_type(fields[place].type.value_type)
    return pa.schema(fields, schema.metadata)


def plain(column: pa.Array) -> pa.Array:
    """Return the cells of a column, whether it is a dictionary or not."""
    if not pa.types.is_dictionary(column.type):
        return column
    kind = column.type.value_type
    if column.null_count or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return column.dictionary_decode()
    return pa.array(column.dictionary.to_numpy().take(column.indices.to_numpy()))


def as_cells(cells: Encoded, made: npt.NDArray[Any], null: Any = None) -> pa.Array:
    """Return another cell for each of a column's.

    Args:
        cells: The column.
        made: What becomes of each of its values: numbers.
        null: What becomes of a null; None if it stays null.
    """
    if cells.missing is None:
        return pa.array(made[cells.codes])
    found = made[cells.codes] if len(made) else np.zeros(len(cells.codes), made.dtype)
    if null is None:
        return pa.array(found, mask=cells.missing)
    found[cells.missing] = null
    return pa.array(found)


def as_dictionary(
    column: pa.DictionaryArray,
    made: npt.NDArray[Any],
    null: Any = None,
    alike: npt.NDArray[np.bool_] | None = None,
) -> pa.DictionaryArray:
    """Return the same as a dictionary.

    Args:
        column: The column, as a dictionary.
        made: What becomes of each of its values: numbers.
        null: What becomes of a null; None if it stays null.
        alike: Which values become the same number, where it is known that all others and a null
            become different ones.
    """
    codes = column.indices
    if codes.null_count and null is not None:
        codes = _in_type(codes, np.int32).fill_null(len(made))
        made = np.append(made, made.dtype.type(null))
        alike = None if alike is None else np.append(alike, False)
    if alike is not None and np.count_nonzero(alike) < 2:
        return of_codes(codes, pa.array(made))
    again, first = _grouped(made) if alike is None else _joined(alike)
    if len(first) < len(made):
        codes, made = _recoded(codes, again.astype(_code_type(len(first)))), made[first]
    return of_codes(codes, pa.array(made))


def _recoded(codes: pa.Array, again: Codes) -> pa.Array:
    if not codes.null_count:
        return pa.array(again.take(codes.to_numpy()))
    missing = codes.is_null().to_numpy(zero_copy_only=False)
    return pa.array(again.take(codes.fill_null(0).to_numpy()), mask=missing)


def dictionary(
    values: pa.Array, codes: npt.NDArray[np.integer[Any]], missing: npt.NDArray[np.bool_] | None
) -> pa.DictionaryArray:
    """Return a column by its values, each of which stands in some row.

    Args:
        values: The values, each once.
        codes: The place of each row's value, shape (rows,); that of a null has no meaning.
        missing: Which rows are null; None where none is.
    """
    codes = codes.astype(np.int32, copy=False)
    return of_codes(pa.array(codes) if missing is None else pa.array(codes, mask=missing), values)


def _grouped(numbers: npt.NDArray[Any]) -> tuple[I32, npt.NDArray[np.integer[Any]]]:
    """Return which of the different numbers each one is, and where these first stand."""
    if (kernels := library()) is not None:
        return dense_calls.group(kernels, numbers.view(f"u{numbers.itemsize}").astype(np.uint64))
    _, first, codes = np.unique(numbers, return_index=True, return_inverse=True)
    return codes.astype(np.int32), first


def _joined(alike: npt.NDArray[np.bool_]) -> tuple[I32, npt.NDArray[np.integer[Any]]]:
    """Return the same where those that are alike are known, and all others are different."""
    is_first, one = ~alike, int(alike.argmax())
    is_first[one] = True
    codes = np.cumsum(is_first, dtype=np.int32) - np.int32(1)
    codes[alike] = codes[one]
    return codes, np.flatnonzero(is_first)


def by_value(column: pa.DictionaryArray, values: npt.NDArray[Any], null: Any) -> ByValue:
    """Return a column of numbers, given those of a dictionary's values and of null."""
    codes = column.indices
    if codes.null_count:
        codes = _in_type(codes, np.int32).fill_null(len(values))
        values = np.append(values, values.dtype.type(null))
    return ByValue(values, codes.to_numpy())


def packed(batch: pa.RecordBatch) -> pa.Buffer:
    """Return a batch in as few bytes as its codes need, apart from what it was made of."""
    made = list(batch.columns)
    for place in _dictionaries(batch.schema):
        column = made[place]
        made[place] = of_codes(_narrow(column), column.dictionary)
    narrow, counting = held(batch.schema, made), pa.MockOutputStream()
    _write(narrow, counting)
    content = pa.allocate_buffer(counting.size())
    _write(narrow, pa.FixedSizeBufferWriter(content))
    return content


def unpacked(content: pa.Buffer) -> pa.RecordBatch:
    """Return the batch that was `packed`; the codes stay as they are."""
    return pa.ipc.open_stream(content).read_next_batch()


def _narrow(column: pa.DictionaryArray) -> pa.Array:
    return _in_type(column.indices, _code_type(len(column.dictionary)))


def _code_type(values: int) -> npt.DTypeLike:
    """Return the smallest type for the codes of so many values."""
    return np.uint8 if values <= 1 << 8 else np.uint16 if values <= 1 << 16 else np.int32


def _in_type(codes: pa.Array, kind: npt.DTypeLike) -> pa.Array:
    if codes.null_count:
        return codes.cast(pa.from_numpy_dtype(np.dtype(kind)), safe=False)
    return pa.array(codes.to_numpy().astype(kind))  # NumPy's memory is there already


def _write(batch: pa.RecordBatch, sink: pa.NativeFile) -> None:
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)


def _dictionaries(schema: pa.Schema) -> list[int]:
    """Return where the columns stand that are dictionaries, but are not promised to be."""
    return [
        place
        for place, kind in enumerate(schema.types)
        if pa.types.is_dictionary(kind) and role_of(schema.field(place)) is not Role.TIME
    ]


def held(schema: pa.Schema, columns: Sequence[pa.Array]) -> pa.RecordBatch:
    """Return a batch of columns, of which some may be dictionaries of what the schema says."""
    fields = [
        field if field.type == column.type else _as_dictionary(field, column.type)
        for field, column in zip(schema, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, schema.metadata))


def _as_dictionary(field: pa.Field, kind: pa.DataType) -> pa.Field:
    return field.with_type(kind) if pa.types.is_dictionary(kind) else field


def of_codes(indices: pa.Array, values: pa.Array) -> pa.DictionaryArray:
    """Return a column by the values and the code of each row, without checking these."""
    return pa.DictionaryArray.from_arrays(indices, values, safe=False)
