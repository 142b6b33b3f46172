"""Kernels that put rows into another order or count them by group, called with NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ctypes import CDLL
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.kernels.arrays import (
    I32,
    I64,
    U64,
    Array,
    Bools,
    Codes,
    addresses,
    at,
    straight,
    texts_at,
)

_SOME = 1 << 12


def order(kernels: CDLL, numbers: npt.NDArray[np.int8]) -> I32:
    """Return the places of at most `MOST` rows by their numbers, those of one as they stood."""
    numbers = straight(numbers, np.int8)
    places = np.empty(len(numbers), np.int32)
    kernels.headrace_order(at(numbers), len(numbers), at(places))
    return places


def take(kernels: CDLL, columns: Sequence[Array], rows: I32) -> list[Array]:
    """Return these rows of each column.

    Args:
        kernels: The library.
        columns: All of one length, their cells of 1, 2, 4 or 8 bytes.
        rows: Their places.

    Raises:
        ValueError: A column is not like that, or a place is beyond the rows.
    """
    columns = [straight(column, column.dtype) for column in columns]
    taken = [np.empty(len(rows), column.dtype) for column in columns]
    given, rows = len(columns[0]) if columns else 0, straight(rows, np.int32)
    sizes = np.array([column.itemsize for column in columns], np.int64)
    each, to_each = addresses(columns), addresses(taken)
    fits = all(len(column) == given for column in columns)
    arguments = (at(rows), len(rows), given, len(columns), at(each), at(sizes), at(to_each))
    if columns and not (fits and kernels.headrace_take(*arguments) == 0):
        raise ValueError("there are no such rows in all columns")
    return taken


def take_texts(kernels: CDLL, texts: pa.StringArray, rows: I32) -> pa.StringArray | None:
    """Return these texts, none of them null; None if Arrow has to."""
    if not len(texts):
        return None
    offsets, data = texts_at(texts)
    bounds = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, 4 * texts.offset)
    rows, ends = straight(rows, np.int32), np.empty(len(rows) + 1, np.int32)
    taken = np.empty(int(bounds[-1] - bounds[0]), np.uint8)
    done = kernels.headrace_take_texts(
        *(offsets, data, len(texts), at(rows), len(rows), at(ends), at(taken), len(taken))
    )
    if done < 0:
        return None
    taken.resize(int(ends[-1]), refcheck=False)  # a few texts do not keep the room of all
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(taken)]
    return pa.Array.from_buffers(pa.string(), len(rows), buffers)


class ByValue(NamedTuple):
    """A column of numbers by its values.

    Attributes:
        values: The values; without codes, one for each row.
        codes: The place of each row's value, shape (rows,).
    """

    values: Array
    codes: Codes | None = None


def matrices(
    kernels: CDLL, columns: Sequence[ByValue], rows: int, dtype: npt.DTypeLike, most: int
) -> Iterator[Array]:
    """Yield the rows of a matrix of columns, some at a time, each time in the same memory.

    Args:
        kernels: The library.
        columns: Their numbers become those of the matrix's type.
        rows: Number of rows.
        dtype: Of the matrix; its numbers have 4 or 8 bytes.
        most: Rows at a time.

    Raises:
        ValueError: The columns do not fit each other.
    """
    matrix = np.empty((min(rows, most), len(columns)), dtype)
    given, size = _Given.of(columns, matrix.dtype, rows), matrix.itemsize
    for first in range(0, rows, most):
        some = matrix[: rows - first]
        bounds = first, first + len(some), size
        if (
            size not in (4, 8)
            or kernels.headrace_side_by_side(*given.arguments, *bounds, at(some)) < 0
        ):
            raise ValueError("the columns do not fit the matrix")
        yield some


def add_cells(kernels: CDLL, columns: Sequence[ByValue], sums: U64) -> None:
    """Add the numbers of each row to its sum.

    Args:
        kernels: The library.
        columns: Their numbers are of 64 bits.
        sums: Shape (rows,), side by side.

    Raises:
        ValueError: The arrays do not fit each other.
    """
    given, rows = _Given.of(columns, sums.dtype, len(sums)), len(sums)
    if (
        not sums.flags.c_contiguous
        or kernels.headrace_add_cells(*given.arguments, rows, at(sums)) < 0
    ):
        raise ValueError("the columns do not fit the sums")


class _Given(NamedTuple):
    """Columns as kernels take them; what the addresses point to lives as long as this."""

    values: Sequence[Array]
    codes: Sequence[Codes | None]
    arrays: tuple[Array, Array, Array, Array]

    @classmethod
    def of(cls, columns: Sequence[ByValue], dtype: npt.DTypeLike, rows: int) -> _Given:
        values = [straight(each, dtype) for each, _ in columns]
        codes = [None if each is None else _straight_codes(each) for _, each in columns]
        if any(each is not None and len(each) != rows for each in codes):
            raise ValueError(f"a column does not have {rows} codes")
        sizes = np.array([0 if each is None else each.itemsize for each in codes], np.int64)
        counts = np.array([len(each) for each in values], np.int64)
        return cls(values, codes, (addresses(codes), sizes, addresses(values), counts))

    @property
    def arguments(self) -> tuple[int, ...]:
        """Return the first arguments of a kernel."""
        return (*map(at, self.arrays), len(self.values))


def _straight_codes(codes: Codes) -> Codes:
    is_taken = codes.dtype in (np.uint8, np.uint16, np.int32)
    straightened: Codes = straight(codes, codes.dtype if is_taken else np.int32)
    return straightened


class Groups(NamedTuple):
    """A small number of each row, by which rows are counted.

    Attributes:
        by_row: The group of each row, shape (rows,).
        most: The group that most rows have, or nearly so.
        others: The places of the rows of other groups, ascending.
        of_others: The groups of those.
    """

    by_row: npt.NDArray[np.int8]
    most: int
    others: I32
    of_others: npt.NDArray[np.int8]

    @classmethod
    def of(cls, by_row: npt.NDArray[np.int8]) -> Groups:
        """Find the group that most rows have, among some of them."""
        some = by_row[:: 1 + len(by_row) // _SOME]
        most = int(np.bincount(some).argmax()) if len(some) else 0
        others = np.flatnonzero(by_row != most)
        return cls(by_row, most, others.astype(np.int32), by_row[others])


def add_crossed(
    kernels: CDLL,
    cells: tuple[I32, Bools | None, I64 | None],
    groups: Groups,
    keys: U64,
    known: U64,
    counts: I64,
    nulls: I64,
) -> bool:
    """Add the rows of each value in each group to the counts of values that are known.

    Args:
        kernels: The library.
        cells: The value of each row; rows without a value; the rows of each value, if known.
        groups: Of the rows.
        keys: Of the values.
        known: Of the values that are counted, ascending.
        counts: Of their rows, shape (known, groups), side by side.
        nulls: Of rows without a value, shape (groups,).

    Returns:
        False if there are other values, or the arrays do not fit each other; nothing is added then.
    """
    codes, missing, of_values = map(straight, cells, (np.int32, np.bool_, np.int64))
    counted, others = (
        (groups.by_row, None) if of_values is None else (groups.of_others, groups.others)
    )
    counted = straight(counted, np.int8)
    keys, known = straight(keys, np.uint64), straight(known, np.uint64)
    fits = all(each is None or len(each) == len(codes) for each in (missing, groups.by_row))
    fits = fits and (of_values is None or len(of_values) == len(keys))
    if not fits or counts.shape != (len(known), len(nulls)):
        return False
    given = [None if each is None else at(each) for each in (missing, of_values, others)]
    done: int = kernels.headrace_cross(
        *(at(codes), given[0], len(codes), at(counted), len(nulls), *given[1:]),
        *(0 if others is None else len(others), groups.most, at(keys), len(keys)),
        *(at(known), len(known), at(counts), at(nulls)),
    )
    return done == 0
