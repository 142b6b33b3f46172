"""The tokens of a batch: what a hasher makes of each feature column before rows are put together.

Each distinct value of a column is hashed once, all columns' values in one go, then looked up for
every row. The statistics of a run (distinct values, collisions) come from the very same tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.runtime.hashing.functions import (
    HashFunction,
    hash_texts,
    murmur3_32,
    number_of,
    prefixed_hashes,
)
from headrace.runtime.hashing.hash64 import mix
from headrace.runtime.hashing.lists import elements_of
from headrace.runtime.hashing.words import Cells
from headrace.runtime.kernels import calls, dense_calls
from headrace.runtime.kernels.arrays import MOST
from headrace.runtime.kernels.library import library
from headrace.runtime.transform import Role, features, roles_of

I32 = npt.NDArray[np.int32]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

_FEW_ROWS = 64
"""Rows that are hashed cell by cell: finding distinct values takes a step for each column."""
_INTEGERS = {1: pa.uint8(), 2: pa.uint16(), 4: pa.uint32(), 8: pa.uint64()}
_PRINT_SEED = 0x5BD1E995


class Encoded(NamedTuple):
    """A column by its distinct values.

    Attributes:
        values: The values, distinct unless the rows are few: text for a categorical column, float64
            for a numeric one.
        codes: For each row the position of its value in `values`, shape (rows,).
        missing: True where the cell is null, shape (rows,); None where no cell is.
        counts: Rows of each value, shape (values,), if they were counted on the way.
    """

    values: pa.Array
    codes: npt.NDArray[np.int32]
    missing: npt.NDArray[np.bool_] | None
    counts: npt.NDArray[np.int64] | None = None

    @classmethod
    def of(cls, column: pa.Array) -> Encoded:
        """Find the distinct values of a column; a dictionary has them already."""
        if pa.types.is_dictionary(column.type):
            return cls._of_codes(column)
        kernels = library()
        if kernels is not None and pa.types.is_string(column.type):
            return cls(*calls.encode(kernels, column))
        return cls._of_codes(_dictionary(column))

    @classmethod
    def _of_codes(cls, column: pa.DictionaryArray) -> Encoded:
        codes, missing = column.indices, None
        if codes.null_count:
            missing = codes.is_null().to_numpy(zero_copy_only=False)
            codes = codes.fill_null(0)
        return cls(column.dictionary, codes.to_numpy().astype(np.int32, copy=False), missing)

    def rows(self) -> npt.NDArray[np.int64]:
        """Return the number of rows of each value, shape (values,)."""
        if self.counts is not None:
            return self.counts
        size, kernels = len(self.values), library()
        if kernels is not None:
            counts = calls.count(kernels, self.codes, self.missing, size, None, 1)
            if counts is not None:
                return counts[:size, 0]
        given = self.codes if self.missing is None else self.codes[~self.missing]
        return np.bincount(given, minlength=size)

    @classmethod
    def of_ids(cls, column: pa.Array) -> Encoded:
        """Find the distinct values of a column of integers, which are told as decimal text."""
        kernels = library()
        if kernels is None or column.null_count or len(column) > MOST:
            cells = cls.of(column)
            return cells._replace(values=_spelt(cells.values))
        numbers = column.to_numpy()
        codes, first = dense_calls.group(kernels, numbers.astype(np.int64).view(np.uint64))
        return cls(_spelt(pa.array(numbers[first])), codes, None)

    @classmethod
    def cell_by_cell(cls, column: pa.Array) -> Encoded:
        """Take every cell that is not null for a value, though the same may come twice."""
        if not column.null_count:
            return cls.all_of(column)
        missing = column.is_null().to_numpy(zero_copy_only=False)
        codes = np.cumsum(~missing, dtype=np.int32) - np.int32(1)
        codes[missing] = 0
        return cls(column.drop_null(), codes, missing)

    @classmethod
    def all_of(cls, column: pa.Array) -> Encoded:
        """Take every cell for a value of its own."""
        codes = np.arange(len(column), dtype=np.int32)
        if not column.null_count:
            return cls(column, codes, None)
        return cls(column, codes, column.is_null().to_numpy(zero_copy_only=False))


def _dictionary(column: pa.Array) -> pa.DictionaryArray:
    """Encode as Arrow does; cells that all have the width of an integer are encoded as integers.

    Identifiers often do (Avazu's are eight hexadecimal digits), and Arrow tells integers apart
    about three times as fast as texts.
    """
    integer = _INTEGERS.get(_common_width(column))
    if integer is None:
        return column.dictionary_encode()
    width: int = integer.bit_width // 8
    data = column.buffers()[2].slice(_first_byte(column), len(column) * width)
    encoded = pa.Array.from_buffers(integer, len(column), [None, data]).dictionary_encode()
    count = len(encoded.dictionary)
    offsets = pa.py_buffer(np.arange(count + 1, dtype=np.int32) * np.int32(width))
    texts = [None, offsets, encoded.dictionary.buffers()[1]]
    values = pa.Array.from_buffers(pa.string(), count, texts)
    return pa.DictionaryArray.from_arrays(encoded.indices, values)


def _common_width(column: pa.Array) -> int:
    """Return the bytes of each cell of a text column if all have the same number, else 0."""
    if not pa.types.is_string(column.type) or column.null_count or not len(column):
        return 0
    widths = np.diff(Cells.offsets(column))
    return int(widths[0]) if (widths == widths[0]).all() else 0


def _first_byte(column: pa.StringArray) -> int:
    return int(Cells.offsets(column)[0])


@dataclass(frozen=True)
class ColumnTokens:
    """The tokens of one column of a batch.

    Attributes:
        column: Name of the column.
        cells: The column's cells by their distinct values.
        hashes: Hash of the token of each distinct value, shape (values,); of a numeric column,
            whose one token is its name, shape (1,).
        prints: 64 bits by which each distinct value is known, shape (values,).
        lengths: Number of values of each row, shape (rows,), where a cell holds several: `cells`
            has one behind the other then, and none is missing. None where each row is a cell.
    """

    column: str
    cells: Encoded
    hashes: U32
    prints: U64
    lengths: I32 | None = None

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return len(self.cells.codes if self.lengths is None else self.lengths)

    @property
    def rows_without(self) -> int:
        """Return the number of rows without a value."""
        if self.lengths is not None:
            return int(np.count_nonzero(self.lengths == 0))
        return 0 if self.cells.missing is None else int(np.count_nonzero(self.cells.missing))

    @property
    def is_numeric(self) -> bool:
        """Return whether the value of a cell is its weight, instead of a part of its token."""
        return _is_number(self.cells.values)

    def take(self, rows: npt.NDArray[np.int64]) -> ColumnTokens:
        """Return the same tokens for these rows only, in this order."""
        if self.lengths is not None:
            lengths = self.lengths[rows]
            starts = (np.cumsum(self.lengths) - self.lengths)[rows]
            shift = starts - (np.cumsum(lengths) - lengths)
            chosen = np.repeat(shift, lengths) + np.arange(lengths.sum())
            cells = self.cells._replace(codes=self.cells.codes[chosen], counts=None)
            return replace(self, cells=cells, lengths=lengths)
        missing = None if self.cells.missing is None else self.cells.missing[rows]
        cells = Encoded(self.cells.values, self.cells.codes[rows], missing)
        return replace(self, cells=cells)

    def places(self, first: np.int32, none: np.int32) -> I32:
        """Return where each row's token stands among the hashes of all columns, shape (rows,).

        Args:
            first: Where the first of `hashes` stands.
            none: What stands for no token.
        """
        if not len(self.cells.values):
            return np.full(len(self.cells.codes), none)
        if self.is_numeric:
            by_row = np.where(self.row_weights() == 0, none, first)
        else:
            by_row = self.cells.codes + first
        if self.cells.missing is not None:
            by_row[self.cells.missing] = none
        return by_row

    def row_weights(self) -> npt.NDArray[np.float64]:
        """Return the number in each row of a numeric column, shape (rows,); a null has none."""
        if not len(self.cells.values):
            return np.zeros(len(self.cells.codes))
        numbers: npt.NDArray[np.float64] = self.cells.values.to_numpy(zero_copy_only=False)
        return numbers.take(self.cells.codes)


@dataclass(frozen=True)
class RowTokens:
    """The tokens of rows, for hashers of any width.

    Attributes:
        given: The feature columns, at least one; all have the same number of rows.
        order: The place of each row in these columns; None where they come as they stand there.
    """

    given: Sequence[ColumnTokens]
    order: I32 | None = None

    @property
    def are_ragged(self) -> bool:
        """Return whether a cell of some column may hold several values."""
        return any(column.lengths is not None for column in self.given)

    @cached_property
    def columns(self) -> Sequence[ColumnTokens]:
        """Return the columns with the rows in their order."""
        if self.order is None:
            return self.given
        rows = self.order.astype(np.int64)
        return [column.take(rows) for column in self.given]

    @cached_property
    def places(self) -> I32:
        """Return where each cell's token stands among all columns' hashes, shape (rows, columns).

        Behind the last of them where a cell has none.
        """
        counts = [len(column.hashes) for column in self.columns]
        *firsts, none = np.cumsum([0, *counts], dtype=np.int32)
        by_column = np.empty((len(counts), len(self.columns[0].cells.codes)), np.int32)
        for place, (column, first) in enumerate(zip(self.columns, firsts, strict=True)):
            by_column[place] = column.places(first, none)
        return np.ascontiguousarray(by_column.T)


def column_tokens(batch: pa.RecordBatch, function: HashFunction, seed: int) -> list[ColumnTokens]:
    """Return the tokens of every feature column: ``column=text``, or ``column`` for a numeric one.

    Args:
        batch: The rows.
        function: Hashes the tokens.
        seed: Its seed.
    """
    is_few, roles, places = (
        batch.num_rows <= _FEW_ROWS,
        roles_of(batch.schema),
        features(batch.schema),
    )
    if not places:
        return []
    encoded = [_encoded(batch.column(place), roles[place], is_few) for place in places]
    names = [batch.schema.field(place).name for place in places]
    values = [cells.values for cells, _ in encoded]
    hashed = _hashes_and_prints(list(zip(names, values, strict=True)), is_few, function, seed)
    return [
        ColumnTokens(name, cells, hashes, prints, lengths)
        for name, (cells, lengths), (hashes, prints) in zip(names, encoded, hashed, strict=True)
    ]


def _encoded(column: pa.Array, role: Role, is_few: bool) -> tuple[Encoded, I32 | None]:
    """Return the cells of a feature column and, if one may hold several values, how many each."""
    if pa.types.is_dictionary(column.type):
        cells = Encoded.of(column)
        if (rows := cells.rows()).all():
            return cells._replace(values=in_type(cells.values, role), counts=rows), None
        column = column.dictionary_decode()  # a step left out all rows of a value
    if pa.types.is_integer(column.type) and role is not Role.NUMERIC and not is_few:
        return Encoded.of_ids(column), None
    values, lengths = _values(in_type(column, role))
    return (Encoded.cell_by_cell if is_few else Encoded.of)(values), lengths


def _values(column: pa.Array) -> tuple[pa.Array, I32 | None]:
    """Return the values of a column and, if a cell may hold several, how many each row has."""
    return tuple(elements_of(column)) if pa.types.is_list(column.type) else (column, None)


def cell_tokens(
    columns: Sequence[tuple[str, pa.Array]], function: HashFunction, seed: int
) -> list[ColumnTokens]:
    """Return the same tokens without looking for distinct values: quicker for few rows.

    Every cell counts as a value of its own, and `ColumnTokens.prints` is empty.

    Args:
        columns: Name and cells of each feature column: numbers are float64, all else is text or
            lists of text.
        function: Hashes the tokens.
        seed: Its seed.
    """
    each = [_values(cells) for _, cells in columns]
    named = [(name, values) for (name, _), (values, _) in zip(columns, each, strict=True)]
    hashed, no_prints = _hashes(named, True, (function, seed)), np.empty(0, np.uint64)
    return [
        ColumnTokens(name, Encoded.all_of(values), hashes, no_prints, lengths)
        for (name, values), (_, lengths), (hashes,) in zip(named, each, hashed, strict=True)
    ]


def _no_text() -> pa.StringArray:
    """Return what follows the name of a numeric column, which is its only token."""
    return pa.array([""])


def _hashes_and_prints(
    columns: Sequence[tuple[str, pa.Array]], is_few: bool, function: HashFunction, seed: int
) -> list[tuple[U32, U64]]:
    """Return for each column the hashes of its values' tokens, and what these are known by."""
    kernels, number = library(), number_of(function)
    if kernels is None or number is None:
        hashed = _hashes(columns, is_few, (function, seed), (murmur3_32, _PRINT_SEED))
        return [
            (hashes, _prints(values, hashes, marks))
            for (_, values), (hashes, marks) in zip(columns, hashed, strict=True)
        ]
    found = []
    for name, values in columns:
        is_number = _is_number(values)
        texts, mark = (_no_text() if is_number else values), _mark(name, values).encode()
        hashes, prints = calls.tokens(kernels, texts, mark, number, seed, _PRINT_SEED)
        found.append((hashes, _prints_of_numbers(values) if is_number else prints))
    return found


def _hashes(
    columns: Sequence[tuple[str, pa.Array]], is_few: bool, *hashes: tuple[HashFunction, int]
) -> list[list[U32]]:
    """Return for each column several hashes of the tokens of its values."""
    found = []
    for name, values in columns:
        texts = _no_text() if _is_number(values) else values
        if (compiled := prefixed_hashes(texts, _mark(name, values).encode(), *hashes)) is None:
            break
        found.append(compiled)
    else:
        return found
    texts, counts = (_joined_at_once if is_few else _joined)(columns)
    every, ends = hash_texts(texts, *hashes), accumulate(counts)
    return [
        [each[end - count : end] for each in every] for end, count in zip(ends, counts, strict=True)
    ]


def _joined(columns: Sequence[tuple[str, pa.Array]]) -> tuple[pa.StringArray, list[int]]:
    """Join the tokens of all columns' values, and count those of each."""
    texts = [_texts(name, values) for name, values in columns]
    return pa.concat_arrays(texts), [len(each) for each in texts]


def _joined_at_once(columns: Sequence[tuple[str, pa.Array]]) -> tuple[pa.StringArray, list[int]]:
    """Join them at once: quicker for few values, since it takes no step for each column."""
    texts = [_no_text() if _is_number(values) else values for _, values in columns]
    marks = pa.array([_mark(name, values) for name, values in columns])
    counts = [len(each) for each in texts]
    marks = marks.take(pa.array(np.repeat(np.arange(len(counts)), counts)))
    return pc.binary_join_element_wise(marks, pa.concat_arrays(texts), ""), counts


def in_type(column: pa.Array, role: Role) -> pa.Array:
    """Return a feature column as it is hashed: numbers as float64, all else as (lists of) text."""
    if pa.types.is_list(column.type):
        return column.cast(pa.list_(pa.string()))
    wanted = pa.float64() if role is Role.NUMERIC else pa.string()
    if pa.types.is_integer(column.type) and wanted == pa.string():
        return _spelt(column)
    return column if column.type == wanted else column.cast(wanted)


def _spelt(integers: pa.Array) -> pa.StringArray:
    kernels = library()
    made = None if kernels is None else dense_calls.decimals(kernels, integers)
    return integers.cast(pa.string()) if made is None else made


def _is_number(values: pa.Array) -> bool:
    return bool(pa.types.is_floating(values.type))


def _mark(name: str, values: pa.Array) -> str:
    """Return how a column's tokens begin."""
    return name if _is_number(values) else f"{name}="


def _texts(name: str, values: pa.Array) -> pa.StringArray:
    mark = _mark(name, values)
    return pa.array([mark]) if _is_number(values) else pc.binary_join_element_wise(mark, values, "")


def _prints(values: pa.Array, hashes: U32, marks: U32) -> U64:
    if _is_number(values):
        return _prints_of_numbers(values)
    return hashes.astype(np.uint64) << np.uint64(32) | marks


def _prints_of_numbers(values: pa.DoubleArray) -> U64:
    return mix(values.to_numpy(zero_copy_only=False).view(np.uint64).copy())


def hashes_of(prints: U64) -> U32:
    """Return the hashes of the tokens of text values, given the values' `ColumnTokens.prints`."""
    return (prints >> np.uint64(32)).astype(np.uint32)
