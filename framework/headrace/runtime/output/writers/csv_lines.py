"""Lines of CSV: the cells of rows as text, with a comma between two and a line end behind the last.

With the compiled kernels each different number is spelt once; without them, Arrow joins texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from ctypes import CDLL
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.runtime.chain.dictionaries import decoded
from headrace.runtime.errors import DataError
from headrace.runtime.hashing.tokens import I32, Encoded
from headrace.runtime.kernels.dense_calls import Cells, csv_lines, csv_plain, group
from headrace.runtime.kernels.library import library
from headrace.runtime.kernels.row_calls import ByValue
from headrace.runtime.output.writers.base import Entries, Layout, slices
from headrace.runtime.output.writers.decimals import NotFiniteError, decimals
from headrace.runtime.output.writers.fields import side_by_side
from headrace.runtime.output.writers.numerals import coded
from headrace.runtime.shown import quoted

_ROWS_AT_ONCE = 8192
_ROWS_OF_KERNEL = 1 << 16
"""More rows have fewer different numbers for each of them."""
_CELLS_AT_ONCE = 1 << 20
_SOME = 4096
"""Numbers of a column that tell whether most are different."""
_FIRST = 64
"""Numbers of a column that tell whether it is one of whole numbers."""
_TEXTS = (pa.string(), pa.large_string())
_NEWLINE, _COMMA, _QUOTE, _NOTHING = "\n", ",", '"', ""
_TO_QUOTE = '[",\r\n]|^$'


class CsvColumn(NamedTuple):
    """A column of the file.

    Attributes:
        name: As in the header.
        field: Of the schema; None for a column of the matrix.
        place: Position in the schema, or index in the matrix.
    """

    name: str
    field: pa.Field | None
    place: int


def lines_of(
    batches: Sequence[pa.RecordBatch], columns: Sequence[CsvColumn]
) -> Iterator[memoryview]:
    """Yield the lines of rows, piece by piece.

    Raises:
        DataError: A number is infinite or none.
    """
    if not batches:
        return
    layout, kernels = Layout.of(batches[0].schema), library()
    is_dense, width = layout.indices is None, max(len(columns), layout.n_features or 0)
    most = _ROWS_AT_ONCE if kernels is None or not is_dense else _ROWS_OF_KERNEL
    for rows in slices(batches, max(1, min(most, _CELLS_AT_ONCE // width))):
        if not is_dense:
            yield from _matrix(decoded(rows), columns)
        elif kernels is None:
            yield from _dense(decoded(rows), columns)
        else:
            yield _by_kernel(kernels, rows, columns)


def _by_kernel(kernels: CDLL, rows: pa.RecordBatch, columns: Sequence[CsvColumn]) -> memoryview:
    is_alone = len(columns) == 1
    cells = [
        _cells(kernels, rows.column(place), name, is_alone=is_alone) for name, _, place in columns
    ]
    return csv_lines(kernels, cells, rows.num_rows).data


def _cells(kernels: CDLL, column: pa.Array, name: str, *, is_alone: bool) -> Cells:
    """Return the cells of a column: each different number is spelt once, if that is quicker."""
    null = '""' if is_alone else ""
    if pa.types.is_dictionary(column.type):
        cells = Encoded.of(column)
        return _with_null(_texts(cells.values, name), cells.codes, cells.missing, null)
    if not is_number(column.type):
        is_plain = column.type in _TEXTS and csv_plain(kernels, column)
        return _one_by_one(column if is_plain else as_cells(column), null)
    filled = column.fill_null(0) if column.null_count else column
    numbers = filled.to_numpy()
    if _are_different(kernels, numbers):
        return _one_by_one(_spelt(column, name), null)
    codes, first = group(kernels, _words(numbers))
    missing = column.is_null().to_numpy(zero_copy_only=False) if column.null_count else None
    return _with_null(_spelt(pa.array(numbers[first]), name), codes, missing, null)


def _with_null(
    texts: pa.Array, codes: I32, missing: npt.NDArray[np.bool_] | None, null: str
) -> Cells:
    if missing is None:
        return Cells(texts, codes)
    codes = np.where(missing, np.int32(len(texts)), codes)
    return Cells(pa.concat_arrays([texts, pa.array([null], texts.type)]), codes)


def _one_by_one(texts: pa.Array, null: str) -> Cells:
    """Return the cells of a column whose rows have a text each."""
    if not texts.null_count:
        return Cells(texts, None)
    if null:
        return Cells(texts.fill_null(null), None)
    codes = np.arange(len(texts), dtype=np.int32)
    codes[texts.is_null().to_numpy(zero_copy_only=False)] = -1
    return Cells(texts, codes)


def _are_different(kernels: CDLL, numbers: npt.NDArray[Any]) -> bool:
    """Return whether most numbers are different, by the first of them."""
    some = numbers[:_SOME]
    return 8 * len(group(kernels, _words(some))[1]) > 7 * len(some) == 7 * _SOME


def _words(numbers: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Return integers that are equal where the numbers are; 0.0 does not equal -0.0."""
    whole = numbers.view(f"u{numbers.itemsize}")
    return whole.astype(np.uint64)


def is_number(type_: pa.DataType) -> bool:
    """Return whether cells of this type are numbers."""
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_))


def _dense(rows: pa.RecordBatch, columns: Sequence[CsvColumn]) -> list[memoryview]:
    matrix = _alike(rows, columns)
    with suppress(NotFiniteError):  # raised again, with the name of the column
        if matrix is not None:
            return _joined_lines(matrix, len(columns))
    is_alone = len(columns) == 1
    cells = [_texts(rows.column(each.place), each.name, is_alone) for each in columns]
    # The line end stands before each row, where it costs a pass over the first column only.
    cells[0] = _joined(_NEWLINE, cells[0], between=_NOTHING)
    joined = _joined(*cells, between=_COMMA)
    offsets = np.frombuffer(joined.buffers()[1], np.int64)
    return [memoryview(joined.buffers()[2])[1 : offsets[len(joined)]], memoryview(b"\n")]


def _alike(rows: pa.RecordBatch, columns: Sequence[CsvColumn]) -> pa.Array | None:
    """Return all cells, row after row, if all columns are numbers that are spelt alike.

    Texts are joined in half the time if they lie in the order of the file.
    """
    chosen = [rows.column(place) for _, _, place in columns]
    if any(each.type != pa.float64() or each.null_count for each in chosen):
        return None
    numbers = [each.to_numpy() for each in chosen]
    kinds = {bool((each[:_FIRST] == np.floor(each[:_FIRST])).all()) for each in numbers}
    if len(kinds) > 1:
        return None
    return pa.array(side_by_side([*map(ByValue, numbers)], rows.num_rows, np.float64).ravel())


def _joined_lines(cells: pa.Array, columns: int) -> list[memoryview]:
    """Return lines of so many cells each."""
    texts = decimals(cells)
    every = pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts)
    joined = np.frombuffer(pc.binary_join(every, ",").buffers()[2], np.uint8)
    if not joined.flags.writeable:
        joined = joined.copy()
    # Where a line ends, a comma has come between its last cell and the next line's first one.
    ends = np.frombuffer(texts.buffers()[1], np.int32)[columns : len(texts) : columns]
    joined[ends + np.arange(columns - 1, len(texts) - 1, columns)] = ord("\n")
    used = int(np.frombuffer(texts.buffers()[1], np.int32)[len(texts)]) + max(len(texts) - 1, 0)
    return [joined[:used].data, memoryview(b"\n")]


def _joined(*columns: pa.Array | str, between: str) -> pa.LargeStringArray:
    """Join the texts of each row; a null is an empty text."""
    texts = [
        pa.scalar(each, pa.large_string()) if isinstance(each, str) else each
        for each in (*columns, between)
    ]
    return pc.binary_join_element_wise(*texts, null_handling="replace", null_replacement="")


def _texts(column: pa.Array, name: str, is_alone: bool = False) -> pa.LargeStringArray:
    """Return the cells of a column; with `is_alone`, of the only one, none is empty."""
    texts = _spelt(column, name) if is_number(column.type) else as_cells(column)
    cells = texts.cast(pa.large_string())
    return cells.fill_null('""') if is_alone else cells


def _spelt(numbers: pa.Array, name: str) -> pa.StringArray:
    try:
        return decimals(numbers)
    except NotFiniteError:
        raise DataError(
            f"column {quoted(name)}: a number is infinite or NaN, for which csv has no text; "
            "use output.format=parquet, or a step that makes it null"
        ) from None


def as_cells(column: pa.Array) -> pa.Array:
    """Return texts as they stand in a cell."""
    texts = column.cast(pa.large_string())
    if not _may_need_quotes(texts):
        return texts
    needs_quotes = pc.match_substring_regex(texts, _TO_QUOTE)
    if not pc.any(needs_quotes).as_py():
        return texts
    doubled = pc.replace_substring(texts, '"', '""')
    return pc.if_else(needs_quotes, _joined(_QUOTE, doubled, _QUOTE, between=_NOTHING), texts)


def _may_need_quotes(texts: pa.LargeStringArray) -> bool:
    """Return false if no text needs quotes, which hardly any does and a look at all bytes tells."""
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset :][: len(texts) + 1]
    is_empty = np.diff(offsets) == 0
    if texts.null_count:
        is_empty &= texts.is_valid().to_numpy(zero_copy_only=False)
    if is_empty.any():
        return True
    data = texts.buffers()[2]
    used = b"" if data is None else bytes(memoryview(data)[offsets[0] : offsets[-1]])
    return any(mark in used for mark in (b'"', b",", b"\r", b"\n"))


def _matrix(rows: pa.RecordBatch, columns: Sequence[CsvColumn]) -> list[memoryview]:
    """Return hashed rows: each distinct text once, and for each cell which of them it is."""
    layout = Layout.of(rows.schema)
    entries = Entries.of(rows, layout)
    distinct, codes = coded(entries.values)
    texts = [pa.array(["0"], pa.large_string()), _texts(pa.array(distinct), "values")]
    matrix = np.zeros((rows.num_rows, entries.n_features), np.int32)
    row_of = np.repeat(np.arange(rows.num_rows), np.diff(entries.offsets))
    matrix[row_of, entries.indices] = codes + 1
    cells = np.empty((rows.num_rows, len(columns) + 1), np.int32)
    of_matrix = [position for position, each in enumerate(columns) if each.field is None]
    cells[:, of_matrix] = matrix[:, [columns[position].place for position in of_matrix]]
    count = 1 + len(distinct)
    for position, (name, field, place) in enumerate(columns):
        if field is not None:
            texts.append(_texts(rows.column(place), name))
            cells[:, position] = np.arange(count, count + rows.num_rows)
            count += rows.num_rows
    every = pa.concat_arrays(texts)
    behind = _joined(_COMMA, every, between=_NOTHING)
    cells[:, 0] += count
    cells[:, -1] = 2 * count
    every = pa.concat_arrays([behind, every, pa.array(["\n"], pa.large_string())])
    written = every.take(pa.array(cells.ravel()))
    return [memoryview(written.buffers()[2])]
