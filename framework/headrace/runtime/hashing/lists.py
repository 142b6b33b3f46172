"""Columns of lists of text: several values in a cell.

A reader gives cells as text, a list as the texts of its elements with `MARK` in front of each. An
element that holds the mark itself, or the sign that escapes it, has both of them escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

I32 = npt.NDArray[np.int32]
MARK = "\x1f"
"""In front of each element in the text of a list."""
_SIGN = "\x1e"
_ESCAPES = ((_SIGN, f"{_SIGN}e"), (MARK, f"{_SIGN}u"))
"""The signs that mean something in the text of a list, and what escapes each, in that order."""


class Elements(NamedTuple):
    """The values of all cells of a column of lists.

    Attributes:
        values: One behind the other, none of them null.
        lengths: Number of values of each cell, 0 for a null, shape (rows,).
    """

    values: pa.StringArray
    lengths: I32


def text_of_list(texts: Sequence[str]) -> str:
    """Return the text of a list.

    Args:
        texts: Those of its elements.
    """
    joined = MARK.join(texts)
    if joined.count(MARK) >= len(texts) or _SIGN in joined:
        for sign, escape in _ESCAPES:
            texts = [text.replace(sign, escape) for text in texts]
        joined = MARK.join(texts)
    return f"{MARK}{joined}"


def texts_of_lists(lists: pa.Array, values: pa.StringArray) -> pa.StringArray:
    """Return the text of each list of a column; null for null.

    Args:
        lists: The column.
        values: The texts of its flattened elements, without nulls.
    """
    for sign, escape in _ESCAPES:
        values = _with(values, sign, escape)
    marked = pc.binary_join_element_wise(MARK, values, "")
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy()
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    texts = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), marked), "")
    texts = pc.if_else(pc.equal(texts, ""), MARK, texts)
    return pc.if_else(lists.is_valid(), texts, None) if lists.null_count else texts


def lists_of_texts(cells: pa.StringArray, separator: str) -> pa.ListArray:
    """Return the values of each cell; null for null.

    Args:
        cells: Texts; those that begin with `MARK` are lists.
        separator: What stands between two values of any other text.
    """
    lists = pc.split_pattern(cells, separator)
    is_list = pc.starts_with(cells, MARK).fill_null(False)
    if not pc.any(is_list).as_py():
        return lists
    marked = pc.split_pattern(pc.if_else(is_list, cells, MARK), MARK)
    values = marked.flatten()
    for sign, escape in reversed(_ESCAPES):
        values = _with(values, escape, sign)
    return pc.if_else(is_list, pa.ListArray.from_arrays(marked.offsets, values), lists)


def values_of_text(text: str, separator: str) -> list[str]:
    """Return the values of a single cell, as `lists_of_texts` does."""
    if not text.startswith(MARK):
        return text.split(separator)
    values = text.split(MARK)
    for sign, escape in reversed(_ESCAPES):
        values = [value.replace(escape, sign) for value in values]
    return values


def _with(texts: pa.StringArray, old: str, new: str) -> pa.StringArray:
    if not pc.any(pc.match_substring(texts, old)).as_py():
        return texts
    return pc.replace_substring(texts, old, new)


def elements_of(column: pa.ListArray) -> Elements:
    """Return the values of a column's cells, without those that are null."""
    values = column.flatten()
    lengths = pc.list_value_length(column).fill_null(0).to_numpy().astype(np.int32)
    if not values.null_count:
        return Elements(values, lengths)
    return _kept(Elements(values, lengths), values.is_valid())


def without_empty(column: pa.ListArray) -> pa.ListArray:
    """Return the same lists without empty texts and nulls; null where the cell is null."""
    elements = elements_of(column)
    values, lengths = _kept(elements, pc.not_equal(elements.values, ""))
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    made = pa.ListArray.from_arrays(pa.array(offsets), values)
    if not column.null_count:
        return made
    return pc.if_else(column.is_valid(), made, pa.scalar(None, made.type))


def _kept(elements: Elements, mask: pa.BooleanArray) -> Elements:
    rows = np.repeat(np.arange(len(elements.lengths)), elements.lengths)
    there = rows[mask.to_numpy(zero_copy_only=False)]
    lengths = np.bincount(there, minlength=len(elements.lengths)).astype(np.int32)
    return Elements(elements.values.filter(mask), lengths)
