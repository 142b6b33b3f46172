"""Counts of each number of each column, as a state: one row for each number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.runtime.errors import BadRows
from headrace.runtime.learning.counts import BYTES_EACH, refuse_more
from headrace.runtime.learning.states import added_up

COLUMN, NUMBER, ROWS = "column", "number", "rows"

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def numbers_of(columns: Mapping[str, pa.DoubleArray]) -> pa.Table:
    """Count in how many rows each number of some columns stands; nulls do not count.

    Args:
        columns: Finite numbers; -0.0 counts as 0.0.
    """
    names, numbers, counts = [pa.array([], pa.string())], [np.empty(0)], [np.empty(0, np.int64)]
    for name, column in columns.items():
        found, rows = np.unique(column.drop_null().to_numpy() + 0.0, return_counts=True)
        names.append(pa.array([name] * len(found), pa.string()))
        numbers.append(found)
        counts.append(rows.astype(np.int64))
    made = [pa.concat_arrays(names), np.concatenate(numbers), np.concatenate(counts)]
    return pa.table(made, [COLUMN, NUMBER, ROWS])


def added_up_numbers(states: Sequence[pa.Table], max_values: int) -> pa.Table:
    """Add up counts, those of equal numbers of a column.

    Raises:
        ValueError: There are more different numbers than `max_values`, of all columns together.
    """
    merged = added_up(states, COLUMN, NUMBER)
    refuse_more(merged.num_rows, max_values, BYTES_EACH)
    return merged


def by_column(state: pa.Table) -> Iterator[tuple[str, Floats, Ints]]:
    """Yield the numbers of each column, ascending, and the rows of each; state in its order."""
    for name in pc.unique(state[COLUMN]).to_pylist():
        rows = state.filter(pc.equal(state[COLUMN], name))
        yield name, rows[NUMBER].to_numpy(), rows[ROWS].to_numpy()


def refuse_infinite(name: str, numbers: pa.DoubleArray, expected: str = "a finite number") -> None:
    """Raise `BadRows` for numbers that are infinite or none at all."""
    bad = pc.invert(pc.is_finite(numbers).fill_null(True))
    if pc.any(bad).as_py():
        raise BadRows(name, bad.to_numpy(zero_copy_only=False), expected)


def finite(number: float) -> float:
    """Return the number; raise `ValueError` if it is infinite or none at all."""
    if not isfinite(number):
        raise ValueError(number)
    return number


def quantiles(numbers: Floats, rows: Ints, levels: Floats) -> Floats:
    """Return the quantiles of counted numbers, ``numpy.quantile(…, "averaged_inverted_cdf")``.

    Args:
        numbers: Ascending, at least one, shape (numbers,).
        rows: How often each of them stands there, shape (numbers,).
        levels: From 0 to 1, shape (levels,).
    """
    ends = np.cumsum(rows)
    count = int(ends[-1])
    place = count * levels - 1
    before = np.floor(place)
    share = np.where(place == before, 0.5, 1.0)

    def at(places: Floats) -> Floats:
        inside = np.clip(places, 0, count - 1).astype(np.int64)
        return numbers[np.searchsorted(ends, inside, side="right")]

    low, high = at(before), at(before + 1)
    apart = high - low
    return np.where(share == 1.0, high, high - apart * 0.5)
