"""From the text that stands in the file to the columns that transforms see.

Label and numeric columns become float64, everything else stays the text it was. An empty cell is a
null. Rows that cannot be used are pointed at with `BadRows`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.runtime.chain.columns import BESIDE, Columns
from headrace.runtime.errors import BadRows
from headrace.runtime.hashing.tokens import Encoded
from headrace.runtime.hashing.words import Cells
from headrace.runtime.shown import listed
from headrace.runtime.transform import Role

_TRUTH = {
    text: number
    for word, number in (("true", "1"), ("false", "0"))
    for text in (word, word.title(), word.upper())
}
_TEXTS = "dataset.label_values gives each text a number; action=look writes it"
UNIT_SEPARATOR = "\x1f"
MOST_TEXT = (1 << 31) - 1
"""Bytes of text that an array of Arrow's can hold: its offsets have 32 bits."""


def typed(text: pa.RecordBatch, columns: Columns, first_row: int = 0) -> pa.RecordBatch:
    """Return the batch that the first transform gets.

    Args:
        text: All of `columns.read`, as strings.
        columns: What each of them is.
        first_row: Position of the batch's first row in the whole input.

    Raises:
        BadRows: A label is not a number, an id is null, a number is none.
    """
    values = columns.label_values
    made = [_column(text.column(name), name, role, values) for name, role in columns.roles.items()]
    for role in columns.wanted:
        made.append(_extra(text, columns, role, first_row))
    return pa.RecordBatch.from_arrays(made, schema=columns.schema)


def _extra(text: pa.RecordBatch, columns: Columns, role: Role, first_row: int) -> pa.Array:
    if role is Role.ROW_TEXT:
        return _with_what_is_beside(row_text(text.select(columns.names)), text)
    if role is Role.UNLABELED_TEXT:
        others = [name for name in columns.names if columns.roles.get(name) is not Role.LABEL]
        return _with_what_is_beside(row_text(text.select(others)), text)
    if role is Role.TIME:
        return _by_value(text.column(columns.time))
    return pa.array(np.arange(first_row, first_row + text.num_rows))


def _by_value(texts: pa.StringArray) -> pa.DictionaryArray:
    """Return texts as Arrow's `dictionary_encode` does."""
    cells = Encoded.of(texts)
    codes = pa.array(cells.codes, mask=cells.missing)
    return pa.DictionaryArray.from_arrays(codes, cells.values, safe=False)


def row_text(text: pa.RecordBatch) -> pa.StringArray:
    """Return each row as it stood in the file: its cells joined by U+001F, a null being empty."""
    if text.num_columns == 1:
        return text.column(0).fill_null("")
    return pc.binary_join_element_wise(
        *text.columns, UNIT_SEPARATOR, null_handling="replace", null_replacement=""
    )


def _with_what_is_beside(texts: pa.StringArray, text: pa.RecordBatch) -> pa.StringArray:
    place = text.schema.get_field_index(BESIDE)
    if place < 0:
        return texts
    beside = pc.binary_join_element_wise("", text.column(place), UNIT_SEPARATOR)
    return pc.binary_join_element_wise(
        texts, beside, "", null_handling="replace", null_replacement=""
    )


def _column(
    cells: pa.StringArray, name: str, role: Role, label_values: tuple[tuple[str, float], ...]
) -> pa.Array:
    if role is Role.ID:
        _refuse_ids(cells, name)
    if role is Role.LABEL:
        return _labels(cells, name, dict(label_values))
    return numbers_of(cells, name) if role is Role.NUMERIC else cells


def _refuse_ids(cells: pa.StringArray, name: str) -> None:
    if cells.null_count:
        raise BadRows(name, _nulls(cells), "an id")
    if _bytes_of(cells).min(initial=1):
        return
    is_cut = pc.ends_with(cells, "\0")
    if pc.any(is_cut).as_py():  # bytes of one width, as NumPy has them, end before it
        raise BadRows(name, is_cut.to_numpy(zero_copy_only=False), "an id that does not end in NUL")


def _labels(cells: pa.StringArray, name: str, values: dict[str, float]) -> pa.DoubleArray:
    """Return labels as numbers: by ``dataset.label_values``, else true and false, else as is."""
    expected = "a number, 0 or 1 for a click"
    if values:
        expected = f"one of {listed(text for text in values if text)} or a number"
    if cells.null_count and "" not in values:
        raise BadRows(name, _nulls(cells), expected)
    if not values:
        try:
            return numbers_of(cells, name, expected)
        except BadRows:
            pass
    coded = cells.fill_null("").dictionary_encode()
    known = {**_TRUTH, **{text: repr(float(value)) for text, value in values.items()}}
    same: dict[float | None, str] = {_number(text): text for text in values}
    texts = []
    for text in coded.dictionary.to_pylist():
        number = _number(text) if same and text not in known else None
        named = text if number is None else same.get(number, text)  # 1.0 is what 1 is
        texts.append(known.get(named, text))
    try:
        return numbers_of(pa.array(texts, pa.string()).take(coded.indices), name, expected)
    except BadRows as bad:
        way = _TEXTS if not values and len(bad.mask) > 1 and bad.mask.all() else ""
        raise BadRows(name, bad.mask, expected, way) from None


def _nulls(cells: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(cells.is_null().to_numpy(zero_copy_only=False), np.bool_)


def numbers_of(cells: pa.StringArray, name: str, expected: str = "a number") -> pa.DoubleArray:
    """Return the finite number that each text is; a null stays null.

    Raises:
        BadRows: A text is none.
    """
    if (digits := _digits(cells)) is not None:
        return digits
    try:
        numbers = pc.cast(cells, pa.float64())
    except pa.ArrowInvalid:
        raise BadRows(name, _not_numbers(cells), expected) from None
    finite = pc.is_finite(numbers).fill_null(True)
    if not pc.all(finite).as_py() and len(cells):
        raise BadRows(name, ~finite.to_numpy(zero_copy_only=False), expected)
    return numbers


def _digits(cells: pa.StringArray) -> pa.DoubleArray | None:
    """Return the number that each text is, if each is a single digit: most labels are."""
    if cells.null_count or not len(cells) or (np.diff(Cells.offsets(cells)) != 1).any():
        return None
    digits = _bytes_of(cells) - np.uint8(ord("0"))
    return pa.array(digits.astype(np.float64)) if digits.max() <= 9 else None


def _bytes_of(cells: pa.StringArray) -> npt.NDArray[np.uint8]:
    """Return the bytes of all texts, one behind the other."""
    if not len(cells):
        return np.empty(0, np.uint8)
    first, last = Cells.offsets(cells)[[0, -1]]
    data = cells.buffers()[2]
    return np.empty(0, np.uint8) if first == last else np.frombuffer(data, np.uint8)[first:last]


def _not_numbers(cells: pa.StringArray) -> npt.NDArray[np.bool_]:
    """Return which texts are no finite number; looks at each distinct one by itself."""
    dictionary = cells.dictionary_encode()
    bad = np.array([not _is_number(text) for text in dictionary.dictionary], np.bool_)
    missing = _nulls(cells)
    bad_cells: npt.NDArray[np.bool_] = bad.take(dictionary.indices.fill_null(0).to_numpy())
    return bad_cells & ~missing


def _is_number(text: pa.StringScalar) -> bool:
    return _number(text.as_py()) is not None


def _number(text: str | None) -> float | None:
    """Return the finite number that a text is, None if it is none."""
    try:
        number = pc.cast(pa.scalar(text, pa.string()), pa.float64()).as_py()
    except pa.ArrowInvalid:
        return None
    return number if number is not None and np.isfinite(number) else None


def bytes_of_text(column: pa.Array | pa.ChunkedArray) -> int:
    """Return how many bytes the texts of a column take together."""
    return int(pc.sum(pc.binary_length(column)).as_py() or 0)
