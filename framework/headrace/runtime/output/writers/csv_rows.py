"""CSV: dense rows, the label first, without header and id: what SageMaker's algorithms read.

Numbers are the shortest text that reads back as the same number, never with an exponent. A null is
an empty cell; a text is quoted where RFC 4180 asks for it, and so is the empty text, which is no
null. In a file of one column a null is ``""`` too: readers skip blank lines. Hashed rows are
written with all their zeros; the name of such a column is its index.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html,
https://www.rfc-editor.org/rfc/rfc4180
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from headrace.runtime.chain.names import absent
from headrace.runtime.output.writers.base import (
    Layout,
    SettingError,
    named_columns,
    refuse_left_over,
)
from headrace.runtime.output.writers.csv_lines import CsvColumn, as_cells, is_number, lines_of
from headrace.runtime.output.writers.reading import ID, LABEL, Known, lists
from headrace.runtime.shown import quoted
from headrace.runtime.spec import OutputSpec
from headrace.runtime.transform import Role, encoding_of, is_pending, role_of

MOST_COLUMNS = 10_000
"""Columns of a hashed matrix that are written: beyond that a row is hardly more than zeros."""
_TYPES = {
    "label": pa.float64(),
    "id": pa.string(),
    "number": pa.float64(),
    "ids": pa.int32(),
    "text": pa.string(),
}
"""Of the kinds of columns, as the manifest names them."""


@dataclass(frozen=True)
class CsvWriter:
    """Parts for SageMaker's built-in algorithms, pandas and everything else that reads CSV.

    Attributes:
        header: Whether each part begins with the names of its columns.
        columns: The columns to write, in order; None for the label, then all features.
    """

    suffix: ClassVar[str] = ".csv"
    settings: ClassVar[tuple[str, ...]] = ("header", "columns")
    takes_dictionaries: ClassVar[bool] = True
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
        chosen = self.chosen(schema)
        if not chosen and not any(map(is_pending, schema)):
            raise ValueError("there is no column left for csv to hold")
        self._refuse_twins(schema, chosen)
        for _, field, _ in chosen:
            if field is not None and (pa.types.is_nested(field.type) or _is_binary(field.type)):
                raise ValueError(
                    f"csv has no cell for column {quoted(field.name)}, which holds {field.type}; "
                    "use output.format=parquet, or a step that makes numbers or texts of it"
                )

    def _refuse_twins(self, schema: pa.Schema, chosen: Sequence[CsvColumn]) -> None:
        """Refuse names of which nobody knows what they mean: a label may be called as an index."""
        count = Counter(each.name for each in _all_columns(schema))
        for name in (each.name for each in chosen if count[each.name] > 1):
            if self.header or self.columns is not None:
                raise SettingError(
                    "header" if self.columns is None else "columns",
                    f"{quoted(name)} is a column of the hashed matrix, and the label or the id is "
                    "called so as well; leave this setting out, or give that column another name",
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
                raise SettingError("columns", absent(name, [each.name for each in there]))
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
        columns = self.chosen(schema)
        if self.header:
            names = as_cells(pa.array([each.name for each in columns]))
            file.write(f"{','.join(names.to_pylist())}\n".encode())
        file.writelines(lines_of(batches, columns))

    def is_exact(self, known: Known) -> bool:
        """Return whether the files hold all columns; a zero of a matrix may be an entry or none.

        In a file of one column of text, an empty text may be a null.
        """
        is_all = known.n_features is None and known.id is None and self.columns is None
        return is_all and list(known.columns.values()) != ["text"]

    def read(self, files: Mapping[str, bytes], known: Known) -> pa.RecordBatch:
        """Return the rows of a part; those of a matrix without its zeros."""
        if known.n_features is not None and self.columns is None:
            # A label may be called as an index is; where there is no header, it has no name.
            is_named = self.header or known.label is None
            known = replace(known, id=None, label=known.label if is_named else LABEL)
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
    mark = codecs.BOM_UTF8  # Arrow leaves it out, but no part has one: it is the first cell's
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(mark + content if content.startswith(mark) else content),
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
    return "number" if is_number(field.type) else "text"


def _is_binary(type_: pa.DataType) -> bool:
    return bool(pa.types.is_binary(type_) or pa.types.is_large_binary(type_))
