"""Kernels called with NumPy arrays and Arrow columns; the addresses are of arrays that live on."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import CDLL
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.kernels.arrays import (
    I32,
    I64,
    MOST,
    U32,
    U64,
    Array,
    Bools,
    Floats,
    addresses,
    at,
    straight,
    texts_at,
)

MOST_COLUMNS = 256
"""Columns whose keys are sorted by the kernel; of more, NumPy is as fast."""
_ENTRIES_BEHIND = 3
_BYTES_BEHIND = 8
"""Entries and bytes that kernels may overwrite behind those of the rows and behind texts."""


def _of(array: Array | None) -> int | None:
    return None if array is None else at(array)


def hash32(kernels: CDLL, texts: pa.StringArray, prefix: bytes, function: int, seed: int) -> U32:
    """Return a 32-bit hash of each text behind the same prefix, shape (texts,).

    Args:
        kernels: The library.
        texts: UTF-8; what a null gives has no meaning.
        prefix: What stands before each of them.
        function: Number of the hash function in the library.
        seed: Its seed.
    """
    hashes = np.empty(len(texts), np.uint32)
    before = np.frombuffer(prefix or b"\0", np.uint8)
    kernels.headrace_hash32(
        *texts_at(texts), len(texts), at(before), len(prefix), function, seed, at(hashes)
    )
    return hashes


def tokens(
    kernels: CDLL, texts: pa.StringArray, prefix: bytes, function: int, seed: int, mark_seed: int
) -> tuple[U32, U64]:
    """Return the same hashes, and 64 bits by which each text is known, shape (texts,).

    Args:
        kernels: The library.
        texts: Those to hash, as in `hash32`.
        prefix: The same.
        function: The same.
        seed: The same.
        mark_seed: The seed of MurmurHash3, which gives the lower 32 bits; the hash is above them.
    """
    hashes, prints = np.empty(len(texts), np.uint32), np.empty(len(texts), np.uint64)
    before = np.frombuffer(prefix or b"\0", np.uint8)
    given = (*texts_at(texts), len(texts), at(before), len(prefix), function, seed, mark_seed)
    kernels.headrace_tokens(*given, at(hashes), at(prints))
    return hashes, prints


def hash_cells(
    kernels: CDLL,
    ends: I32,
    data: bytes | int,
    bounds: I32,
    prefixes: bytes,
    function: int,
    seed: int,
) -> U32:
    """Return a 32-bit hash of each cell behind the prefix of its column, shape (columns * rows,).

    Args:
        kernels: The library.
        ends: Where each cell begins in `data` and the last ends, column by column.
        data: The cells, UTF-8, or where they begin in memory.
        bounds: Where each prefix begins in `prefixes` and the last ends.
        prefixes: Of all columns.
        function: Number of the hash function in the library.
        seed: Its seed.
    """
    hashes, columns = np.empty(len(ends) - 1, np.uint32), len(bounds) - 1
    rows = len(hashes) // columns
    kernels.headrace_hash_cells(
        *(at(ends), data, columns, rows, at(bounds), prefixes, function, seed, at(hashes))
    )
    return hashes


def signed_keys(kernels: CDLL, hashes: U32, n_features: int, *, alternate_sign: bool) -> U32:
    """Return what `headrace.runtime.hashing.keys.signed_keys` returns."""
    hashes, keys = straight(hashes, np.uint32), np.empty(len(hashes), np.uint32)
    kernels.headrace_signed_keys(at(hashes), len(hashes), n_features, alternate_sign, at(keys))
    return keys


def sparse_keys(
    kernels: CDLL, keys: U32, columns: int, rows: int
) -> tuple[I32, I32, Floats] | None:
    """Return the offsets, indices and values of the rows that keys make, column by column.

    None if there is not one key of 32 bits for each cell, or there are more than `MOST_COLUMNS`.
    """
    if keys.dtype != np.uint32 or len(keys) != columns * rows or columns > MOST_COLUMNS:
        return None
    offsets = np.empty(rows + 1, np.int32)
    room = len(keys) + _ENTRIES_BEHIND
    indices, values = np.empty(room, np.int32), np.empty(room, np.float32)
    keys = straight(keys, np.uint32)
    found = kernels.headrace_sparse_keys(
        at(keys), columns, rows, at(offsets), at(indices), at(values)
    )
    return offsets, indices[:found], values[:found]


def hash64(kernels: CDLL, texts: pa.StringArray, key: int) -> U64:
    """Return what `headrace.runtime.hashing.hash64.hash64` returns."""
    hashes = np.empty(len(texts), np.uint64)
    kernels.headrace_hash64(*texts_at(texts), len(texts), key, at(hashes))
    return hashes


def encode(kernels: CDLL, column: pa.StringArray) -> tuple[pa.StringArray, I32, Bools | None, I64]:
    """Return the distinct values of a column.

    Returns:
        The values, the code of each row, which rows are null, and the rows of each value.
    """
    rows = len(column)
    offsets, data = texts_at(column)
    size = _bytes_of(column)
    validity = column.buffers()[0] if column.null_count else None
    missing = np.empty(rows, np.bool_) if validity else None
    slots = 1 << max(2 * rows - 1, 1).bit_length()
    codes, starts = np.empty(rows, np.int32), np.empty(rows + 1, np.int32)
    texts, marks = np.empty(size + _BYTES_BEHIND, np.uint8), np.empty(rows, np.uint64)
    table, counts = np.empty(slots, np.uint32), np.empty(rows, np.int64)
    count = kernels.headrace_encode(
        *(offsets, data, validity.address if validity else None, column.offset, rows),
        *(at(codes), _of(missing), at(starts), at(texts), at(counts)),
        *(at(marks), at(table), slots),
    )
    buffers = [None, pa.py_buffer(starts[: count + 1]), pa.py_buffer(texts[: starts[count]])]
    return pa.Array.from_buffers(pa.string(), count, buffers), codes, missing, counts[:count]


def _bytes_of(column: pa.StringArray) -> int:
    if not len(column):
        return 0
    start = column.offset * np.dtype(np.int32).itemsize
    offsets = np.frombuffer(column.buffers()[1], np.int32, len(column) + 1, start)
    return int(offsets[-1]) - int(offsets[0])


def count(
    kernels: CDLL,
    codes: I32,
    missing: Bools | None,
    values: int,
    groups: npt.NDArray[np.integer[Any]] | None,
    size: int,
) -> I64 | None:
    """Return the rows of each value in each group, shape (values + 1, size), the nulls' last.

    Args:
        kernels: The library.
        codes: The value of each row, shape (rows,).
        missing: Rows without a value.
        values: Number of values.
        groups: The group of each row; None for one group.
        size: Number of groups.

    Returns:
        None if the arrays do not fit each other, for NumPy to say so.
    """
    rows = len(codes)
    if any(each is not None and len(each) != rows for each in (missing, groups)):
        return None
    counts = np.zeros((values + 1, size), np.int64)
    codes, groups = straight(codes, np.int32), straight(groups, np.int32)
    missing = straight(missing, np.bool_)
    done = kernels.headrace_count(
        at(codes), _of(missing), _of(groups), size, rows, values, at(counts)
    )
    return None if done < 0 else counts


def add_to_sketch(kernels: CDLL, prints: U64, counts: I64, sketch: I64) -> None:
    """Add the count of each value to a counter of each row of a sketch, shape (4, 2**k)."""
    if len(prints) != len(counts):
        raise ValueError(f"{len(prints)} values have {len(counts)} counts")
    prints, counts = straight(prints, np.uint64), straight(counts, np.int64)
    kernels.headrace_sketch(at(prints), at(counts), len(prints), sketch.shape[1], at(sketch))


class Column(NamedTuple):
    """The features of one column.

    Attributes:
        codes: Of each row the place of its key, shape (rows,).
        keys: ``index << 1 | negative`` of each value.
        missing: Rows without a value, shape (rows,); None where no row is.
        weights: The number of each row of a numeric column, shape (rows,); None for another.
    """

    codes: I32
    keys: U32
    missing: Bools | None
    weights: npt.NDArray[np.float64] | None = None


def sparse(
    kernels: CDLL, columns: Sequence[Column], order: I32 | None = None
) -> tuple[I32, I32, Array] | None:
    """Return the offsets, indices and values of sparse rows; None if NumPy has to make them.

    Values are float64 if a column is numeric, else float32.

    Args:
        kernels: The library.
        columns: The features.
        order: The place of each row in the columns; None where they come as they stand there.
    """
    rows, width = len(columns[0].codes), len(columns)
    if width > MOST_COLUMNS or rows * width > MOST:
        return None
    if not all(_fits(column, rows) for column in columns):
        return None
    order = straight(order, np.int32)
    if order is not None and len(order) != rows:
        return None
    aligned = [
        Column(*map(straight, column, (np.int32, np.uint32, np.bool_, np.float64)))
        for column in columns
    ]
    codes, keys, missing, weights = (addresses(each) for each in zip(*aligned, strict=True))
    counts = np.array([len(column.keys) for column in aligned], np.int64)
    is_weighted = any(column.weights is not None for column in columns)
    room = rows * width + _ENTRIES_BEHIND
    offsets, indices = np.empty(rows + 1, np.int32), np.empty(room, np.int32)
    values: Array = np.empty(room, np.float64 if is_weighted else np.float32)
    made = (width, rows, at(offsets), at(indices), at(values))
    given = (at(codes), at(keys), at(counts), at(missing))
    if is_weighted:
        found = kernels.headrace_sparse_weighted(*given, at(weights), _of(order), *made)
    else:
        found = kernels.headrace_sparse(*given, _of(order), *made)
    if found < 0:
        return None
    indices, values = indices[:found], values[:found]
    if 4 * found < 3 * rows * width:  # do not keep room for what is not there
        indices, values = indices.copy(), values.copy()
    return offsets, indices, values


def _fits(column: Column, rows: int) -> bool:
    """Return whether a column is what the kernels take: a plugin may have made it."""
    by_row = (column.codes, column.missing, column.weights)
    return (
        all(each is None or len(each) == rows for each in by_row)
        and column.codes.dtype == np.int32
        and column.keys.dtype == np.uint32
    )


def digest(
    kernels: CDLL,
    entries: tuple[I64, U32, npt.NDArray[np.floating[Any]]] | None,
    beside: U64,
    width: int,
) -> int | None:
    """Return the digest of rows, as `headrace.runtime.output.digest` defines it.

    Args:
        kernels: The library.
        entries: Where each row starts, shape (rows + 1,), the index and the value of each entry;
            None if the rows have none.
        beside: The sum of the hashes of the other cells of each row, shape (rows,).
        width: The hash of the matrix's width.

    Returns:
        None if the arrays do not fit each other.
    """
    total, beside = np.zeros(1, np.uint64), straight(beside, np.uint64)
    given: tuple[int | None, ...] = (None, None, None, 0, 0)
    if entries is not None:
        offsets, indices = straight(entries[0], np.int64), straight(entries[1], np.uint32)
        is_double = entries[2].dtype == np.float64
        values = straight(entries[2], np.float64 if is_double else np.float32)
        if len(offsets) != len(beside) + 1:
            return None
        count = min(len(indices), len(values))
        given = (at(offsets), at(indices), at(values), is_double, count)
    done: int = kernels.headrace_digest(*given, len(beside), at(beside), width, at(total))
    return int(total[0]) if done == 0 else None
