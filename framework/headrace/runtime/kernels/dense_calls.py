"""Kernels for learning and for rows of plain columns, called with NumPy arrays and Arrow columns.

What `headrace.runtime.kernels.calls` is for hashing; each has NumPy's or Arrow's way beside it,
where it is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import CDLL
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.kernels.arrays import (
    I32,
    I64,
    NOTHING,
    SLACK,
    U64,
    addresses,
    at,
    straight,
)

MOST = 2**31 - 1
"""Rows: their numbers have 32 bits."""


def group(kernels: CDLL, keys: U64) -> tuple[I32, I32]:
    """Give equal keys one number, in the order in which they first occur.

    Args:
        kernels: The library.
        keys: At most `MOST`.

    Returns:
        The number of each key, and where each number first occurs.
    """
    rows = len(keys)
    slots = np.empty(_slots(rows), np.uint32)
    keys = straight(keys, np.uint64)
    codes, first = np.empty(rows, np.int32), np.empty(rows, np.int32)
    count = kernels.headrace_group(at(keys), rows, at(codes), at(first), at(slots), len(slots))
    return codes, first[:count]


def _slots(keys: int) -> int:
    return 1 << max(2 * keys - 1, 1).bit_length()


def add_up(kernels: CDLL, codes: I32, numbers: I64, groups: int) -> I64:
    """Return the sum of the numbers of each group, shape (groups,).

    Raises:
        ValueError: There is another number of codes, or a code is no group.
    """
    sums = np.zeros(groups, np.int64)
    codes, numbers = straight(codes, np.int32), straight(numbers, np.int64)
    if (
        len(codes) != len(numbers)
        or kernels.headrace_add_up(at(codes), at(numbers), len(codes), groups, at(sums)) < 0
    ):
        raise ValueError(f"{len(numbers)} numbers do not fit {len(codes)} codes of {groups} groups")
    return sums


class Index(NamedTuple):
    """Different numbers, and where to look for one among them.

    Attributes:
        known: The numbers.
        slots: A table of where they stand.
    """

    known: U64
    slots: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, kernels: CDLL, known: U64) -> Index:
        """Return the index of at most `MOST` numbers."""
        known = straight(known, np.uint64)
        slots = np.empty(_slots(len(known)), np.uint32)
        kernels.headrace_index(at(known), len(known), at(slots), len(slots))
        return cls(known, slots)

    def find(self, kernels: CDLL, keys: U64) -> I64:
        """Return where each key stands, -1 for one that is not there."""
        places, keys = np.empty(len(keys), np.int64), straight(keys, np.uint64)
        kernels.headrace_find(
            *(at(self.known), at(self.slots), len(self.slots), at(keys), len(keys), at(places))
        )
        return places


def order(kernels: CDLL, *keys: U64) -> I32:
    """Return the rows in the order of the last key, equals in that of the one before, and so on.

    Args:
        kernels: The library.
        keys: Of at most `MOST` rows.
    """
    rows = np.arange(len(keys[0]), dtype=np.int32)
    spare_rows, spare = np.empty_like(rows), np.empty(len(rows), np.uint64)
    for number, key in enumerate(keys):
        chosen = np.array(key, np.uint64) if number == 0 else key[rows].astype(np.uint64)
        kernels.headrace_sort(at(chosen), at(rows), len(rows), at(spare), at(spare_rows))
    return rows


class Cells(NamedTuple):
    """A column of CSV.

    Attributes:
        texts: As they stand in the file; without codes, one for each row.
        codes: Which of the texts stands in each row, -1 for none.
    """

    texts: pa.LargeStringArray
    codes: I32 | None


def csv_lines(kernels: CDLL, columns: Sequence[Cells], rows: int) -> npt.NDArray[np.uint8]:
    """Return the bytes of the lines.

    Args:
        kernels: The library.
        columns: At least one, without nulls.
        rows: Number of lines.

    Raises:
        ValueError: A column has fewer rows, or a code that is none of its texts.
    """
    offsets = [_offsets(each.texts) for each in columns]
    data = [_data(each.texts) for each in columns]
    codes = [None if each is None else straight(each, np.int32) for _, each in columns]
    counts = np.array([len(each.texts) for each in columns], np.int64)
    sizes = np.array([len(each) for each in data], np.int64)
    fits = all(len(t if c is None else c) == rows for t, c in columns)
    each_codes, each_offsets = addresses(codes), addresses(offsets)
    given, count = (at(each_codes), at(each_offsets)), len(columns)
    size = kernels.headrace_csv_size(*given, at(counts), count, rows) if fits else -1
    if size < 0:
        raise ValueError("the columns of CSV do not fit each other")
    lines, texts = np.empty(size + SLACK, np.uint8), addresses(data)
    kernels.headrace_csv_lines(*(*given, at(texts), at(sizes), count, rows, at(lines), len(lines)))
    return lines[:size]


def add_digests_of_numbers(kernels: CDLL, bits: U64, key: int, sums: U64) -> None:
    """Add to each row's sum the hash of its number, as `headrace.runtime.output.digest` does.

    Args:
        kernels: The library.
        bits: The numbers' own, shape (rows,).
        key: Of their column.
        sums: Shape (rows,), side by side.
    """
    if len(bits) != len(sums) or not sums.flags.c_contiguous:
        raise ValueError(f"{len(bits)} numbers have {len(sums)} sums")
    bits = straight(bits, np.uint64)
    kernels.headrace_digest_numbers(at(bits), len(bits), key, at(sums))


def _offsets(texts: pa.LargeStringArray) -> I64:
    start = texts.offset * np.dtype(np.int64).itemsize
    buffer = texts.buffers()[1]
    if buffer is None or not buffer.size:
        return np.zeros(1, np.int64)
    return np.frombuffer(buffer, np.int64, len(texts) + 1, start)


def _data(texts: pa.LargeStringArray) -> npt.NDArray[np.uint8]:
    buffer = texts.buffers()[2]
    if buffer is None or not buffer.size:
        return NOTHING
    return np.frombuffer(buffer, np.uint8)
