"""Kernels for learning and for rows of plain columns, called with NumPy arrays and Arrow columns.

What `headrace.runtime.kernels.calls` is for hashing; each has NumPy's or Arrow's way beside it,
where it is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import CDLL
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.kernels import row_calls
from headrace.runtime.kernels.arrays import (
    I32,
    I64,
    MOST,
    NOTHING,
    SLACK,
    U64,
    addresses,
    at,
    straight,
    texts_at,
)

_LONGEST = 32
"""Bytes of the longest text of a number."""
Bytes = npt.NDArray[np.uint8]


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


def whole_sums(
    kernels: CDLL, codes: I32 | None, numbers: npt.NDArray[np.float64], groups: int
) -> tuple[I64, I64] | None:
    """Return the number and the sum of the numbers of each group, shape (groups,) each.

    Without codes there is one group. None if a number is not whole, or has more than 31 bits.

    Raises:
        ValueError: There is another number of codes.
    """
    counts, sums = np.zeros(groups, np.int64), np.zeros(groups, np.int64)
    codes, numbers = straight(codes, np.int32), straight(numbers, np.float64)
    if codes is not None and len(codes) != len(numbers):
        raise ValueError(f"{len(numbers)} numbers have {len(codes)} codes")
    places = None if codes is None else at(codes)
    done = kernels.headrace_whole_sums(
        *(places, at(numbers), len(numbers), groups, at(counts), at(sums))
    )
    return None if done < 0 else (counts, sums)


class Index(NamedTuple):
    """Different numbers, and where to look for one among them.

    Attributes:
        known: The numbers.
        slots: A table of where they stand.
    """

    known: U64
    slots: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, kernels: CDLL, known: U64, room: int = 0) -> Index:
        """Return the index of at most `MOST` numbers, with slots for at least so many."""
        known = straight(known, np.uint64)
        slots = np.empty(_slots(max(len(known), room)), np.uint32)
        kernels.headrace_index(at(known), len(known), at(slots), len(slots))
        return cls(known, slots)

    def find(self, kernels: CDLL, keys: U64) -> I64:
        """Return where each key stands, -1 for one that is not there."""
        places, keys = np.empty(len(keys), np.int64), straight(keys, np.uint64)
        kernels.headrace_find(
            *(at(self.known), at(self.slots), len(self.slots), at(keys), len(keys), at(places))
        )
        return places


class Tally:
    """Sums of numbers by their keys, added up as they come; at most `MOST` different keys."""

    def __init__(self, kernels: CDLL) -> None:
        self._kernels = kernels
        self._known, self._sums = np.empty(0, np.uint64), np.empty(0, np.int64)
        self._slots = np.empty(0, np.uint32)
        self._count = 0

    @property
    def known(self) -> U64:
        """Return the keys that have come so far, each once, in that order."""
        return self._known[: self._count]

    @property
    def sums(self) -> I64:
        """Return the sum of each key's numbers, as it is now."""
        return self._sums[: self._count].copy()

    def add(self, keys: U64, numbers: I64) -> I32:
        """Add numbers to the sums of their keys; one that is 0 is left out.

        Returns:
            Where the keys stand that are new, each once.
        """
        rows = len(numbers)
        self._make_room(self._count + rows)
        keys, numbers = straight(keys, np.uint64), straight(numbers, np.int64)
        added = np.empty(rows, np.int32)
        count = self._kernels.headrace_tally(
            *(at(self._known), at(self._sums), self._count, at(self._slots), len(self._slots)),
            *(at(keys), at(numbers), rows, at(added)),
        )
        self._count += count
        return added[:count]

    def _make_room(self, most: int) -> None:
        if most > len(self._known):
            room = max(most, 2 * len(self._known))
            self._known, self._sums = (
                _wider(each, self._count, room) for each in (self._known, self._sums)
            )
        if 3 * most > 2 * len(self._slots):
            self._slots = Index.of(self._kernels, self.known, most).slots


def _wider(numbers: npt.NDArray[Any], count: int, room: int) -> npt.NDArray[Any]:
    made = np.empty(room, numbers.dtype)
    made[:count] = numbers[:count]
    return made


def order(kernels: CDLL, *keys: U64) -> I32:
    """Return the rows in the order of the last key, equals in that of the one before, and so on.

    Args:
        kernels: The library.
        keys: Of at most `MOST` rows.
    """
    rows = np.arange(len(keys[0]), dtype=np.int32)
    spare_rows, spare = np.empty_like(rows), np.empty(len(rows), np.uint64)
    for number, key in enumerate(keys):
        if number == 0:
            chosen = np.array(key, np.uint64)
        else:
            (chosen,) = row_calls.take(kernels, [straight(key, np.uint64)], rows)
        kernels.headrace_sort(at(chosen), at(rows), len(rows), at(spare), at(spare_rows))
    return rows


def begins(kernels: CDLL, texts: pa.StringArray) -> U64:
    """Return the first eight bytes of each text as a number, zero beyond its end; no null."""
    made = np.empty(len(texts), np.uint64)
    kernels.headrace_begins(*texts_at(texts), len(texts), at(made))
    return made


class Cells(NamedTuple):
    """A column of CSV.

    Attributes:
        texts: As they stand in the file; without codes, one for each row.
        codes: Which of the texts stands in each row, -1 for none.
    """

    texts: pa.StringArray | pa.LargeStringArray
    codes: I32 | None


def csv_plain(kernels: CDLL, texts: pa.StringArray | pa.LargeStringArray) -> bool:
    """Return whether no text needs quotes; an empty one does, but not a null."""
    offsets, data = _offsets(texts), _data(texts)
    validity = texts.buffers()[0] if texts.null_count else None
    bits = (validity.address if validity else 0, texts.offset)
    plain = kernels.headrace_csv_plain(at(offsets), _is_wide(texts), at(data), len(texts), *bits)
    return bool(plain)


def csv_lines(kernels: CDLL, columns: Sequence[Cells], rows: int) -> npt.NDArray[np.uint8]:
    """Return the bytes of the lines.

    Args:
        kernels: The library.
        columns: At least one; only texts without a code may be null.
        rows: Number of lines.

    Raises:
        ValueError: A column has fewer rows, or a code that is none of its texts.
    """
    offsets = [_offsets(each.texts) for each in columns]
    data = [_data(each.texts) for each in columns]
    codes = [None if each is None else straight(each, np.int32) for _, each in columns]
    wide = np.array([_is_wide(each.texts) for each in columns], np.uint8)
    counts = np.array([len(each.texts) for each in columns], np.int64)
    sizes = np.array([len(each) for each in data], np.int64)
    fits = all(len(t if c is None else c) == rows for t, c in columns)
    each_codes, each_offsets = addresses(codes), addresses(offsets)
    given, count = (at(each_codes), at(each_offsets), at(wide)), len(columns)
    size = kernels.headrace_csv_size(*given, at(counts), count, rows) if fits else -1
    if size < 0:
        raise ValueError("the columns of CSV do not fit each other")
    lines, texts = np.empty(size + SLACK, np.uint8), addresses(data)
    kernels.headrace_csv_lines(*(*given, at(texts), at(sizes), count, rows, at(lines), len(lines)))
    return lines[:size]


def decimals(kernels: CDLL, column: pa.Array) -> pa.StringArray | None:
    """Return the decimal text of each number of a column; null stays null.

    None if numbers are neither float64 nor signed integers, or one is not finite, is too large or
    too small, or if there are too many.
    """
    rows, is_double = len(column), pa.types.is_float64(column.type)
    if not (is_double or pa.types.is_signed_integer(column.type)) or rows > MOST // _LONGEST - 1:
        return None
    filled = column.fill_null(0) if column.null_count else column
    numbers = straight(filled.to_numpy(), np.float64 if is_double else np.int64)
    spell = kernels.headrace_decimals if is_double else kernels.headrace_integers
    offsets, texts = np.empty(rows + 1, np.int32), np.empty((rows + 1) * _LONGEST, np.uint8)
    size = spell(at(numbers), rows, at(offsets), at(texts))
    if size < 0:
        return None
    validity = column.is_valid().buffers()[1] if column.null_count else None
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(texts[:size])]
    return pa.Array.from_buffers(pa.string(), rows, buffers, column.null_count)


def add_digests_of_numbers(
    kernels: CDLL, bits: U64, ends: Sequence[int], keys: U64, sums: U64
) -> None:
    """Add to each sum the hash of its number, as `headrace.runtime.output.digest` does.

    Args:
        kernels: The library.
        bits: The numbers' own, those of one column behind those of the other.
        ends: Where those of each column end, ascending.
        keys: Of each column.
        sums: As many as there are numbers, side by side.
    """
    if not len(ends) == len(keys) or not (ends[-1] if ends else 0) == len(bits) == len(sums):
        raise ValueError(f"{len(bits)} numbers have {len(sums)} sums")
    bits, keys, bounds = (
        straight(bits, np.uint64),
        straight(keys, np.uint64),
        np.array(ends, np.int64),
    )
    kernels.headrace_digest_numbers(at(bits), at(bounds), at(keys), len(keys), at(sums))


def _is_wide(texts: pa.Array) -> bool:
    return bool(pa.types.is_large_string(texts.type))


def _offsets(texts: pa.Array) -> npt.NDArray[np.integer[Any]]:
    kind = np.dtype(np.int64 if _is_wide(texts) else np.int32)
    buffer = texts.buffers()[1]
    if buffer is None or not buffer.size:
        return np.zeros(1, kind)
    return np.frombuffer(buffer, kind, len(texts) + 1, texts.offset * kind.itemsize)


def _data(texts: pa.Array) -> npt.NDArray[np.uint8]:
    buffer = texts.buffers()[2]
    if buffer is None or not buffer.size:
        return NOTHING
    return np.frombuffer(buffer, np.uint8)
