"""States: what steps learn from rows, as tables that are added up, sent elsewhere and kept.

A state is a bag of rows: plain columns (numbers, text), no nulls, and no order that would mean
anything. Arrow's file format carries it, which holds no code and is read by many languages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ctypes import CDLL
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.kernels import dense_calls, row_calls
from headrace.runtime.kernels.arrays import MOST, straight
from headrace.runtime.kernels.library import library
from headrace.runtime.transform import Learner, speaks_for

Integers = npt.NDArray[np.integer[Any]]

_WAITING = 1 << 16
"""Rows of states that are worth a merge."""
_FEW, _MOST_WORDS = 1 << 20, 1 << 62
"""Numbers that are near each other, and products that fit a word."""


def added_up(states: Sequence[pa.Table], *keys: str) -> pa.Table:
    """Add up states: rows that agree in their keys become one, their other columns summed.

    Args:
        states: At least one, all with the same columns; those that are no keys are int64.
        keys: Names of columns.
    """
    together = pa.concat_tables(states)
    kernels, are_keys = library(), _are_integers(together, keys)
    if kernels is not None and are_keys and together.num_rows <= MOST:
        return _by_kernel(kernels, together, keys)
    summed = [name for name in together.column_names if name not in keys]
    grouped = together.group_by(list(keys), use_threads=False)
    made = grouped.aggregate([(name, "sum") for name in summed])
    found = [f"{name}_sum" if name in summed else name for name in together.column_names]
    return pa.table([made[name] for name in found], schema=together.schema)


class Gatherer(Protocol):
    """Puts states together one by one, as they come."""

    def add(self, state: pa.Table) -> None:
        """Take in a state; raise `ValueError` where that is too much."""

    def merged(self) -> pa.Table:
        """Return the state of all that have come."""


def gatherer_of(kind: Callable[[CDLL, int], Gatherer], max_values: int) -> Gatherer | None:
    """Return a gatherer that works with kernels; None without them."""
    kernels = library()
    return None if kernels is None else kind(kernels, max_values)


class Merging:
    """Puts states together by a step's `merge`, when there are as many new as old rows.

    Args:
        merge: The step's.
    """

    def __init__(self, merge: Callable[[Sequence[pa.Table]], pa.Table]) -> None:
        self._merge = merge
        self._states: list[pa.Table] = []
        self._waiting = 0

    def add(self, state: pa.Table) -> None:
        """Take in a state, and merge those there are if it is time to."""
        self._states.append(state)
        self._waiting += state.num_rows
        if self._waiting > max(self._states[0].num_rows, _WAITING):
            self.merged()

    def merged(self) -> pa.Table:
        """Return the state of all that have come."""
        self._states, self._waiting = [self._merge(self._states)], 0
        return self._states[0]


def gatherer_for(learner: Learner) -> Gatherer:
    """Return what puts the states of a step together: its own gatherer, or its `merge`."""
    gatherer = None
    if speaks_for(type(learner), "gatherer", "merge"):
        gatherer = getattr(learner, "gatherer", lambda: None)()
    return Merging(learner.merge) if gatherer is None else gatherer


def _are_integers(state: pa.Table, keys: Sequence[str]) -> bool:
    types = [state.schema.field(name).type for name in keys]
    return bool(types) and all(map(pa.types.is_integer, types))


def _by_kernel(kernels: CDLL, state: pa.Table, keys: Sequence[str]) -> pa.Table:
    numbers = {name: state[name].to_numpy() for name in state.column_names}
    together, size = numbers[keys[0]], 1 << 64
    for name in keys[1:]:
        further, count = _numbered(kernels, numbers[name])
        if size * count > _MOST_WORDS:
            together, size = _grouped(kernels, together)
        together, size = together * np.int64(count) + further, size * count
    codes, first = dense_calls.group(kernels, _words(together))
    made = [
        each[first] if name in keys else dense_calls.add_up(kernels, codes, each, len(first))
        for name, each in numbers.items()
    ]
    return pa.table(made, schema=state.schema)


def _numbered(kernels: CDLL, numbers: Integers) -> tuple[npt.NDArray[np.int64], int]:
    """Return numbers from 0 on in the place of others, and one that is above them all."""
    lowest, highest = (int(each) for each in (numbers.min(initial=0), numbers.max(initial=0)))
    if highest - lowest > _FEW:
        return _grouped(kernels, numbers)
    return numbers.astype(np.int64) - lowest, highest - lowest + 1


def _grouped(kernels: CDLL, numbers: Integers) -> tuple[npt.NDArray[np.int64], int]:
    codes, first = dense_calls.group(kernels, _words(numbers))
    return codes.astype(np.int64), len(first)


def _words(numbers: Integers) -> npt.NDArray[np.uint64]:
    words: npt.NDArray[np.uint64] = numbers.astype(np.int64, copy=False).view(np.uint64)
    return words


def in_their_order(state: pa.Table) -> pa.Table:
    """Return the same rows by the values of their columns, the first column first."""
    integers = [*map(_holds_integers, state.columns)]
    if integers[:1] == [True]:
        for count in (1, len(integers)):
            if not all(integers[:count]):
                break
            keys = [_ascending(column.to_numpy()) for column in state.columns[count - 1 :: -1]]
            order = order_of(*keys)
            ties = [each[1:] == each[:-1] for each in rows_of(keys, order)]
            if count == len(integers) or not np.logical_and.reduce(ties).any():
                return _taken(state, order)
    return state.sort_by([(name, "ascending") for name in state.column_names]).combine_chunks()


def _holds_integers(column: pa.ChunkedArray) -> bool:
    return pa.types.is_integer(column.type) and not column.null_count


def _ascending(numbers: Integers) -> npt.NDArray[np.uint64]:
    """Return numbers in the order of these."""
    if numbers.dtype == np.uint64:
        return numbers.view(np.uint64)
    return _words(numbers) ^ np.uint64(1 << 63)


def _taken(state: pa.Table, rows: npt.NDArray[np.integer[Any]]) -> pa.Table:
    """Return these rows: the integers by a kernel, all else by Arrow."""
    numbers = [name for name in state.column_names if _holds_integers(state[name])]
    taken = rows_of([state[name].to_numpy() for name in numbers], rows)
    made = dict(zip(numbers, taken, strict=True))
    others = state.drop_columns(numbers).combine_chunks().take(pa.array(rows)).combine_chunks()
    columns = [made[name] if name in made else others[name] for name in state.column_names]
    return pa.table(columns, schema=state.schema)


def rows_of(
    columns: Sequence[npt.NDArray[Any]], rows: npt.NDArray[np.integer[Any]]
) -> Sequence[npt.NDArray[Any]]:
    """Return these rows of each column."""
    if (kernels := library()) is not None and len(rows) <= MOST:
        return row_calls.take(kernels, columns, straight(rows, np.int32))
    return [column[rows] for column in columns]


def order_of(*keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.integer[Any]]:
    """Return the rows in the order of the last key, equals in that of the one before, and so on."""
    kernels = library()
    if kernels is not None and len(keys[0]) <= MOST:
        return dense_calls.order(kernels, *keys)
    return np.lexsort(keys)


def to_bytes(state: pa.Table) -> bytes:
    """Return a state as a file of Arrow's; the same rows in the same order give the same bytes."""
    plain = state.replace_schema_metadata(None).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, plain.schema) as file:
        file.write_table(plain)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def from_bytes(content: bytes) -> pa.Table:
    """Return what `to_bytes` has written.

    Raises:
        ValueError: These are no such bytes.
    """
    return pa.ipc.open_file(pa.py_buffer(content)).read_all()
