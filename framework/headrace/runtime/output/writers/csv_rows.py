"""CSV: dense rows, the label first, without header and id: what SageMaker's algorithms read.

Numbers are the shortest text that reads back as the same number, never with an exponent. A null is
an empty cell; a text is quoted where RFC 4180 asks for it, and so is the empty text, which is no
null. In a file of one column a null is ``""`` too: readers skip blank lines. Hashed rows are
written with all their zeros; the name of such a column is its index.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html,
https://www.rfc-editor.org/rfc/rfc4180
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from headrace.runtime.chain.names import absent
from headrace.runtime.errors import DataError
from headrace.runtime.output.writers.base import (
    Entries,
    Layout,
    SettingError,
    named_columns,
    refuse_left_over,
    slices,
)
from headrace.runtime.output.writers.decimals import NotFiniteError, decimals
from headrace.runtime.output.writers.fields import side_by_side
from headrace.runtime.output.writers.numerals import coded
from headrace.runtime.output.writers.reading import ID, LABEL, Known, lists
from headrace.runtime.shown import quoted
from headrace.runtime.spec import OutputSpec
from headrace.runtime.transform import Role, encoding_of, is_pending, role_of

MOST_COLUMNS = 10_000
"""Columns of a hashed matrix that are written: beyond that a row is hardly more than zeros."""
_ROWS_AT_ONCE = 8192
_CELLS_AT_ONCE = 1 << 20
_FIRST = 64
"""Numbers of a column that tell whether it is one of whole numbers."""
_TYPES = {
    "label": pa.float64(),
    "id": pa.string(),
    "number": pa.float64(),
    "ids": pa.int32(),
    "text": pa.string(),
}
"""Of the kinds of columns, as the manifest names them."""
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


@dataclass(frozen=True)
class CsvWriter:
    """Parts for SageMaker's built-in algorithms, pandas and everything else that reads CSV.

    Attributes:
        header: Whether each part begins with the names of its columns.
        columns: The columns to write, in order; None for the label, then all features.
    """

    suffix: ClassVar[str] = ".csv"
    settings: ClassVar[tuple[str, ...]] = ("header", "columns")
    header: bool = False
    columns: tuple[str, ...] | None = None

    @classmethod
    def of(cls, output: OutputSpec) -> CsvWriter:
        """Return the writer that a configuration asks for."""
        return cls(output.header, output.columns)

    def check(self, schema: pa.Schema) -> None:
        """Refuse what cannot stand in a cell, a matrix that is too wide, and unknown names."""
        refuse_left_over(schema)
        width = Layout.of(schema).n_features
        if width is not None and width > MOST_COLUMNS:
            raise ValueError(
                "csv writes hashed rows with all their zeros, so transform.n_features may be at "
                f"most {MOST_COLUMNS:,} (got {width:,}); make it smaller, or use "
                "output.format=npz, libsvm or recordio"
            )
        for _, field, _ in self.chosen(schema):
            if field is not None and (pa.types.is_nested(field.type) or _is_binary(field.type)):
                raise ValueError(
                    f"csv has no cell for column {quoted(field.name)}, which holds {field.type}; "
                    "use output.format=parquet, or a step that makes numbers or texts of it"
                )

    def chosen(self, schema: pa.Schema) -> list[CsvColumn]:
        """Return the columns of the file, in order.

        Raises:
            SettingError: One that was asked for is not there, or stands twice.
        """
        there, seen = _all_columns(schema), set()
        if self.columns is None:
            return [each for each in there if _role(each) is not Role.ID]
        by_name = {each.name: each for each in reversed(there)}
        is_known = not any(map(is_pending, schema))
        for name in self.columns:
            if name not in by_name and is_known:
                raise SettingError("columns", absent(name, list(by_name)))
            if name in seen:
                raise SettingError("columns", f"{quoted(name)} stands twice")
            seen.add(name)
        return [by_name[name] for name in self.columns if name in by_name]

    def columns_of(self, schema: pa.Schema) -> dict[str, str] | None:
        """Return name → kind of the columns of a file; None for a whole matrix."""
        if self.columns is None and Layout.of(schema).indices is not None:
            return None
        return {each.name: _kind(each.field) for each in self.chosen(schema)}

    def knowing(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> CsvWriter:
        """Return this writer: nothing is laid out before."""
        return self

    def write(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
        """Write one part."""
        columns, layout = self.chosen(schema), Layout.of(schema)
        if self.header:
            names = _as_cells(pa.array([each.name for each in columns]))
            file.write(f"{','.join(names.to_pylist())}\n".encode())
        width = max(len(columns), layout.n_features or 0)
        rows_at_once = max(1, min(_ROWS_AT_ONCE, _CELLS_AT_ONCE // width))
        for rows in slices(batches, rows_at_once):
            lines = _dense if layout.indices is None else _matrix
            file.writelines(lines(rows, columns))

    def is_exact(self, known: Known) -> bool:
        """Return whether the files hold all columns; a zero of a matrix may be an entry or none.

        In a file of one column of text, an empty text may be a null.
        """
        is_all = known.n_features is None and known.id is None and self.columns is None
        return is_all and list(known.columns.values()) != ["text"]

    def read(self, files: Mapping[str, bytes], known: Known) -> pa.RecordBatch:
        """Return the rows of a part; those of a matrix without its zeros."""
        names = list(known.columns) or _names_of_matrix(known)
        types = {name: _TYPES[known.columns.get(name, "number")] for name in names}
        if known.label in types and not known.columns:
            types[known.label] = pa.float64()
        if content := files[self.suffix]:
            columns = _parsed(content, None if self.header else names, types)
        else:
            columns = {name: pa.array([], types[name]) for name in names}
        return known.batch(columns if known.n_features is None else _sparse(columns, known))


def _names_of_matrix(known: Known) -> list[str]:
    label = [known.label] if known.label is not None else []
    return [*label, *map(str, range(known.n_features or 0))]


def _parsed(
    content: bytes, names: Sequence[str] | None, types: Mapping[str, pa.DataType]
) -> dict[str, pa.Array]:
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(content),
            pa_csv.ReadOptions(column_names=names, use_threads=False),
            pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            pa_csv.ConvertOptions(
                column_types=types,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=len(types) == 1,
            ),
        )
    except pa.ArrowInvalid as error:
        raise ValueError(str(error)) from error
    return {name: table.column(name).combine_chunks() for name in types}


def _sparse(columns: Mapping[str, pa.Array], known: Known) -> dict[str, pa.Array]:
    """Return hashed rows without their zeros."""
    beside = {known.label: LABEL, known.id: ID}
    matrix = {int(name): columns[name].to_numpy() for name in columns if name not in beside}
    dense = np.stack(list(matrix.values()), axis=1) if matrix else np.empty((0, 0))
    row_of, place_of = np.nonzero(dense)
    offsets = np.searchsorted(row_of, np.arange(len(dense) + 1))
    indices = np.array(list(matrix), np.int32)[place_of]
    values = dense[row_of, place_of]
    made = lists(offsets, indices, values if known.has_numbers else values.astype(np.float32))
    named = {beside[name]: columns[name] for name in columns if name in beside}
    return {**made, **named}


def _all_columns(schema: pa.Schema) -> list[CsvColumn]:
    """Return every column that can be written: the label, the features, then the id."""
    layout = Layout.of(schema)
    fixed = [place for place in (layout.label, layout.id) if place is not None]
    if layout.n_features is None:
        features = [
            CsvColumn(name, schema.field(place), place)
            for name, place in named_columns(schema).items()
            if place not in fixed
        ]
    else:
        features = [CsvColumn(str(index), None, index) for index in range(layout.n_features)]
    label, id_ = (
        [] if place is None else [CsvColumn(schema.field(place).name, schema.field(place), place)]
        for place in (layout.label, layout.id)
    )
    return [*label, *features, *id_]


def _role(column: CsvColumn) -> Role:
    return Role.VALUES if column.field is None else role_of(column.field)


def _kind(field: pa.Field | None) -> str:
    """Return what the manifest calls a column: label, id, number, ids or text."""
    if field is None:
        return "number"
    if (role := role_of(field)) in (Role.LABEL, Role.ID):
        return str(role)
    if encoding_of(field) is not None:
        return "ids"
    return "number" if _is_number(field.type) else "text"


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_))


def _is_binary(type_: pa.DataType) -> bool:
    return bool(pa.types.is_binary(type_) or pa.types.is_large_binary(type_))


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
    return pa.array(side_by_side(numbers, rows.num_rows, np.float64).ravel())


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
    try:
        texts = decimals(column) if _is_number(column.type) else _as_cells(column)
    except NotFiniteError:
        raise DataError(
            f"column {quoted(name)}: a number is infinite or NaN, for which csv has no text; "
            "use output.format=parquet, or a step that makes it null"
        ) from None
    cells = texts.cast(pa.large_string())
    return cells.fill_null('""') if is_alone else cells


def _as_cells(column: pa.Array) -> pa.Array:
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
