"""The fields of rows that are not hashed: feature columns of ids or of numbers.

Formats of arrays have no place for text, nor for a null among integers. The ids of a column whose
nulls stay null are therefore one more there: the last one stands for null.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.chain.dictionaries import by_value
from headrace.runtime.kernels import row_calls
from headrace.runtime.kernels.library import library
from headrace.runtime.kernels.row_calls import ByValue
from headrace.runtime.shown import quoted
from headrace.runtime.transform import Encoding, Role, encoding_of, features, is_pending, role_of

_BYTES_AT_ONCE = 1 << 18
"""Of a matrix: few enough to be in a core's cache until they are written."""


class Field(NamedTuple):
    """A feature column.

    Attributes:
        name: Its name.
        column_index: Position in the schema.
        encoding: What its ids mean, null among them; None for a column of numbers.
    """

    name: str
    column_index: int
    encoding: Encoding | None

    @property
    def size(self) -> int:
        """Return the number of ids; a number is one value."""
        return 1 if self.encoding is None else self.encoding.size


def fields_of(schema: pa.Schema, *, null_is_an_id: bool = True) -> list[Field]:
    """Return the feature columns that hold ids or numbers, in the schema's order.

    Args:
        schema: The columns of the rows.
        null_is_an_id: Whether null has an id behind the last one where it has none yet.
    """
    made = []
    for place in features(schema):
        field = schema.field(place)
        encoding = encoding_of(field)
        if encoding is not None and encoding.null is None and null_is_an_id:
            encoding = encoding._replace(size=encoding.size + 1, null=encoding.size)
        if encoding is not None or _is_numeric(field):
            made.append(Field(field.name, place, encoding))
    return made


def refuse_text(schema: pa.Schema, format_name: str, *, takes_hashed: bool = True) -> None:
    """Refuse a feature that is neither ids nor numbers, and rows without any feature.

    Args:
        schema: The columns of the rows.
        format_name: The format, for the message.
        takes_hashed: Whether the format holds hashed rows as well.

    Raises:
        ValueError: There is such a feature, or none at all.
    """
    fields = {field.column_index for field in fields_of(schema)}
    for place in features(schema):
        field = schema.field(place)
        if place not in fields and not is_pending(field):
            raise ValueError(
                f"{format_name} holds numbers, but column {quoted(field.name)} holds "
                f"{_way_out(field, takes_hashed)}, or use output.format=parquet"
            )
    if not features(schema):
        raise ValueError(f"there is no feature column left for {format_name} to hold")


def _way_out(field: pa.Field, takes_hashed: bool) -> str:
    hasher = ["feature_hasher"] if takes_hashed else []
    if not pa.types.is_nested(field.type):
        steps = ", ".join(["vocabulary", "one_hot", *hasher])
        return f"text; add a step that makes numbers of it ({steps})"
    return f"lists; {'add the step feature_hasher' if takes_hashed else 'leave it out'}"


def ids_of(column: pa.Array, encoding: Encoding) -> ByValue:
    """Return the ids of a column; null has one."""
    if pa.types.is_dictionary(column.type):
        return by_value(column, column.dictionary.to_numpy(), encoding.null)
    given = column.fill_null(encoding.null) if column.null_count else column
    return ByValue(given.to_numpy())


def numbers_of(column: pa.Array) -> npt.NDArray[np.float64]:
    """Return the numbers of a column; NaN for null."""
    numbers: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def side_by_side(columns: Sequence[ByValue], rows: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return a matrix of columns, shape (rows, columns)."""
    for matrix in matrices(columns, rows, dtype, max(rows, 1)):
        return matrix
    return np.empty((0, len(columns)), dtype)


def matrices(
    columns: Sequence[ByValue], rows: int, dtype: npt.DTypeLike, most: int | None = None
) -> Iterator[npt.NDArray[Any]]:
    """Yield the rows of the same matrix, some at a time, each time in the same memory.

    Args:
        columns: Their numbers become those of the matrix's type.
        rows: Number of rows.
        dtype: Of the matrix.
        most: Rows at a time; None for as many as are worked on best.
    """
    if most is None:
        most = max(1, _BYTES_AT_ONCE // (np.dtype(dtype).itemsize * max(len(columns), 1)))
    if (kernels := library()) is not None:
        yield from row_calls.matrices(kernels, columns, rows, dtype, most)
        return
    matrix = np.empty((min(rows, most), len(columns)), dtype)
    for first in range(0, rows, most):
        some = matrix[: rows - first]
        chosen = slice(first, first + len(some))
        for position, (values, codes) in enumerate(columns):
            some[:, position] = values[chosen] if codes is None else values.take(codes[chosen])
        yield some


def _is_numeric(field: pa.Field) -> bool:
    is_number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
    return is_number and role_of(field) is Role.NUMERIC
