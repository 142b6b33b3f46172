"""Order-free digests of rows: by them two results of any shape can be compared.

Each row has a 64-bit hash, and rows have the sum of their hashes modulo 2**64: it does not depend
on their order, nor on how they are divided, and a row that is there twice counts twice.
docs/files.md defines it down to the constants; whoever changes anything here makes another digest,
and has to say so in the manifest's ``digest``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ctypes import CDLL
from functools import cache
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.runtime.chain.dictionaries import by_value
from headrace.runtime.chain.typed import UNIT_SEPARATOR
from headrace.runtime.hashing.hash64 import GAMMA, hash64, key_of, mix
from headrace.runtime.hashing.words import U64
from headrace.runtime.kernels import calls, dense_calls, row_calls
from headrace.runtime.kernels.library import library
from headrace.runtime.kernels.row_calls import ByValue
from headrace.runtime.output.writers.base import Entries, Layout, named_columns, slices
from headrace.runtime.transform import Role, roles_of

_ROWS_AT_ONCE = 16_384
"""Few enough for what is made of a column's cells to stay in a core's cache."""
_ENTRY_ROWS = 8192
"""Fewer would have threads wait for each other more often, more would only take memory."""
_WIDTH = "n_features"


def digest_of(
    batches: Sequence[pa.RecordBatch], schema: pa.Schema, beside: U64 | None = None
) -> str:
    """Return the digest of rows as a step hands them to a writer.

    Args:
        batches: The rows.
        schema: Their columns, with roles.
        beside: What `cells_beside` gives, if it is known.

    Returns:
        16 hexadecimal digits.
    """
    if beside is None:
        beside = cells_beside(batches, schema)
    layout, total, start = Layout.of(schema), 0, 0
    width = _width(layout.n_features)
    for rows in _slices(batches):
        sums, start = beside[start : start + rows.num_rows], start + rows.num_rows
        total += _total(
            sums, width, None if layout.n_features is None else Entries.of(rows, layout)
        )
    return _text(total)


def cells_beside(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> U64:
    """Return the sum of the hashes of each row's cells beside its entries, which no width changes.

    Args:
        batches: The rows.
        schema: Their columns, with roles.

    Returns:
        Shape (rows,).
    """
    roles = roles_of(schema)
    columns = [
        (place, key_of(name))
        for name, place in named_columns(schema).items()
        if roles[place] not in (Role.INDICES, Role.VALUES)
    ]
    sums = np.zeros(sum(batch.num_rows for batch in batches), np.uint64)
    start = 0
    for rows in _slices(batches):
        for place, key in columns:
            if not pa.types.is_dictionary(rows.column(place).type):
                _add_cells(sums[start : start + rows.num_rows], rows.column(place), key)
        start += rows.num_rows
    start = 0
    for batch in batches:  # a piece of one would have all its values hashed again
        chosen = [each for each in columns if pa.types.is_dictionary(batch.column(each[0]).type)]
        dictionaries = [batch.column(place) for place, _ in chosen]
        hashed = _by_value(dictionaries, [key for _, key in chosen])
        _add_by_value(sums[start : start + batch.num_rows], hashed)
        start += batch.num_rows
    return sums


def merged(digests: Iterable[str]) -> str:
    """Return the digest of all rows together."""
    return _text(sum(int(digest, 16) for digest in digests))


@cache
def _width(n_features: int | None) -> U64:
    """Return the hash of the cell that says how wide the matrix is, shape (1,)."""
    if n_features is None:
        return np.zeros(1, np.uint64)
    return _cells(pa.array([n_features]), key_of(_WIDTH))


def _slices(batches: Sequence[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield as many rows at a time as are worked on best: kernels make nothing on the way."""
    return iter(batches) if library() is not None else slices(batches, _ROWS_AT_ONCE)


def _total(beside: U64, width: U64, entries: Entries | None) -> int:
    """Return the digest of rows, given the sums of what they have beside their entries."""
    if (kernels := library()) is not None:
        given = None if entries is None else (entries.offsets, entries.indices, entries.values)
        total = calls.digest(kernels, given, beside, int(width[0]))
        if total is not None:
            return total
    sums = beside + width
    if entries is not None:
        _add_entries(sums, entries)
    return int(mix(sums).sum())


def _add_entries(sums: U64, entries: Entries) -> None:
    """Add the entries: each is a cell whose name is its index."""
    for start in range(0, len(sums), _ENTRY_ROWS):
        bounds = entries.offsets[start : start + _ENTRY_ROWS + 1]
        chosen = slice(bounds[0], bounds[-1])
        cells = entries.values[chosen].astype(np.float64).view(np.uint64)
        cells *= GAMMA
        cells += entries.indices[chosen]
        sums[start : start + _ENTRY_ROWS] += _row_sums(mix(cells), bounds - bounds[0])


def _row_sums(cells: U64, offsets: npt.NDArray[np.int64]) -> U64:
    sums = np.zeros(len(offsets) - 1, np.uint64)
    filled = offsets[1:] > offsets[:-1]  # `reduceat` knows no empty rows
    if len(cells):
        sums[filled] = np.add.reduceat(cells, offsets[:-1][filled])
    return sums


def _add_cells(sums: U64, column: pa.Array, key: U64) -> None:
    """Add the hash of each cell of a column."""
    if (kernels := library()) is not None and _is_exact(column):
        _add_numbers(kernels, [column.to_numpy()], [key], sums)
    else:
        sums += _cells(column, key)


def _is_exact(column: pa.Array) -> bool:
    """Return whether all cells are numbers that float64 holds."""
    is_number = pa.types.is_floating(column.type) or column.type == pa.int32()
    return is_number and not column.null_count


def _add_numbers(
    kernels: CDLL, columns: Sequence[npt.NDArray[Any]], keys: Sequence[U64], sums: U64
) -> list[int]:
    """Add the hash of each number of columns, one behind the other; return where each ends."""
    ends = [*accumulate(map(len, columns))]
    numbers = columns[0] if len(columns) == 1 else np.concatenate(columns)
    dense_calls.add_digests_of_numbers(kernels, _bits(numbers), ends, np.concatenate(keys), sums)
    return ends


def _by_value(columns: Sequence[pa.DictionaryArray], keys: Sequence[U64]) -> list[ByValue]:
    """Return the hashes of columns: those of all numbers are made in one go."""
    values, kernels = [column.dictionary for column in columns], library()
    exact = [] if kernels is None else [p for p, each in enumerate(values) if _is_exact(each)]
    made = {}
    if kernels is not None and exact:
        sums = np.zeros(sum(len(values[place]) for place in exact), np.uint64)
        numbers = [values[place].to_numpy() for place in exact]
        ends = _add_numbers(kernels, numbers, [keys[place] for place in exact], sums)
        bounds = zip(exact, [0, *ends], ends, strict=False)
        made = {place: sums[start:end] for place, start, end in bounds}
    return [
        by_value(
            column,
            made[place] if place in made else _cells(values[place], keys[place]),
            _null(keys[place]).item() if column.null_count else 0,
        )
        for place, column in enumerate(columns)
    ]


def _add_by_value(sums: U64, columns: Sequence[ByValue]) -> None:
    """Add the hash of each cell of some columns."""
    if (kernels := library()) is not None:
        row_calls.add_cells(kernels, columns, sums)
        return
    for cells, codes in columns:
        sums += cells if codes is None else cells.take(codes)


def _cells(column: pa.Array, key: U64) -> U64:
    """Return the hash of each cell of a column, shape (rows,)."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        cells = _numbers(column, key)
    elif pa.types.is_list(column.type):
        cells = hash64(pc.binary_join(column.cast(pa.list_(pa.string())), UNIT_SEPARATOR), key)
    else:
        cells = hash64(column.cast(pa.string()), key)
    if column.null_count:
        missing = column.is_null().to_numpy(zero_copy_only=False)
        cells[missing] = _null(key)
    return cells


def _null(key: U64) -> U64:
    return mix(key - GAMMA)  # a word of ones


def _numbers(column: pa.Array, key: U64) -> U64:
    filled = column.cast(pa.float64(), safe=False).fill_null(0.0)  # the nearest one of an integer
    return mix(_bits(filled.to_numpy(zero_copy_only=False)) * GAMMA + key)


def _bits(numbers: npt.NDArray[np.floating]) -> U64:
    return numbers.astype(np.float64, copy=False).view(np.uint64)


def _text(number: int) -> str:
    return f"{number & 0xFFFFFFFFFFFFFFFF:016x}"
