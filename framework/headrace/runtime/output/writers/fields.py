"""The fields of rows that are not hashed: feature columns of ids or of numbers.

Formats of arrays have no place for text, nor for a null among integers. The ids of a column whose
nulls stay null are therefore one more there: the last one stands for null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.shown import quoted
from headrace.runtime.transform import Encoding, Role, encoding_of, features, is_pending, role_of


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


def ids_of(column: pa.Array, encoding: Encoding) -> npt.NDArray[np.int32]:
    """Return the ids of a column; null has one."""
    if pa.types.is_dictionary(column.type):
        return filled(column, column.dictionary.to_numpy(), encoding.null)
    given = column.fill_null(encoding.null) if column.null_count else column
    ids: npt.NDArray[np.int32] = given.to_numpy()
    return ids


def filled(column: pa.DictionaryArray, values: npt.NDArray[Any], null: Any) -> npt.NDArray[Any]:
    """Return the number of each row of a dictionary, given those of its values and of null."""
    codes = column.indices
    if codes.null_count:
        values, codes = np.append(values, values.dtype.type(null)), codes.fill_null(len(values))
    made: npt.NDArray[Any] = values.take(codes.to_numpy())
    return made


def numbers_of(column: pa.Array) -> npt.NDArray[np.float64]:
    """Return the numbers of a column; NaN for null."""
    numbers: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def side_by_side(columns: Sequence[npt.NDArray[Any]], rows: int, dtype: Any) -> npt.NDArray[Any]:
    """Return a matrix of columns, shape (rows, columns)."""
    matrix = np.empty((rows, len(columns)), dtype)
    for position, column in enumerate(columns):
        matrix[:, position] = column
    return matrix


def _is_numeric(field: pa.Field) -> bool:
    is_number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
    return is_number and role_of(field) is Role.NUMERIC
