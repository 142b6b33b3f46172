"""Mean and standard deviation of columns as a state: from exact sums, which no order changes.

One row for each column; its sums are exact fractions, as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import pyarrow as pa

from headrace.runtime.statistics.sums import exact_sum, exact_sum_of_squares, square_root

COLUMN, MEAN, SCALE = "column", "mean", "scale"
_SUMS = ("rows", "sum", "sum_of_squares")

Sums = tuple[Fraction, Fraction, Fraction]
_NOTHING = (Fraction(), Fraction(), Fraction())


def moments_of(columns: Mapping[str, pa.DoubleArray]) -> pa.Table:
    """Return the state of some columns' cells: finite numbers; nulls do not count."""
    numbers = {name: cells.drop_null().to_numpy() for name, cells in columns.items()}
    return _table(
        {
            name: (Fraction(len(each)), exact_sum(each), exact_sum_of_squares(each))
            for name, each in numbers.items()
        }
    )


def added_up_moments(states: Sequence[pa.Table]) -> pa.Table:
    """Add up moments: all of these in one."""
    total: dict[str, Sums] = {}
    for state in states:
        for name, sums in _sums(state).items():
            rows, first, second = total.get(name, _NOTHING)
            total[name] = (rows + sums[0], first + sums[1], second + sums[2])
    return _table(total)


def means_and_scales(state: pa.Table) -> pa.Table:
    """Return the mean and population standard deviation of each column, exact to the last bits.

    Both are 0 where a column has no numbers.
    """
    figures = [_mean_and_scale(*sums) for sums in _sums(state).values()]
    means, scales = ([each[place] for each in figures] for place in (0, 1))
    made = [state[COLUMN], pa.array(means, pa.float64()), pa.array(scales, pa.float64())]
    return pa.table(made, [COLUMN, MEAN, SCALE])


def _mean_and_scale(rows: Fraction, first: Fraction, second: Fraction) -> tuple[float, float]:
    if not rows:
        return 0.0, 0.0
    mean = first / rows
    return float(mean), square_root(second / rows - mean**2)


def _table(sums: Mapping[str, Sums]) -> pa.Table:
    columns = [list(sums), *([str(each[place]) for each in sums.values()] for place in range(3))]
    return pa.table([pa.array(each, pa.string()) for each in columns], [COLUMN, *_SUMS])


def _sums(state: pa.Table) -> dict[str, Sums]:
    columns = state.to_pydict().values()
    rows = zip(*columns, strict=True)
    return {name: (Fraction(a), Fraction(b), Fraction(c)) for name, a, b, c in rows}
