"""Numbers as the buckets that they fall into.

    before  price    after  price    (edges=[10, 20])
            10.0            1
            (null)          (null)
            99.0            2

Bucket ``i`` holds the numbers from edge ``i - 1`` on and below edge ``i``, as ``numpy.digitize``
counts; a number beyond the ends falls into the first or the last bucket. The edges are given, or
learned from the training rows as scikit-learn's ``KBinsDiscretizer(subsample=None)`` does:
``uniform`` between the least and the greatest number, ``quantile`` with about as many rows in
each. ``log_square`` is what Criteo's numbers are used to: ``floor(log(x) ** 2)`` for x > 2, and up
to that the whole number itself, 0 for a negative one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from annotated_types import Ge, Le, Len

from headrace.runtime.chain.choice import on_numbers
from headrace.runtime.learning.columns import CellStep, ColumnLearner
from headrace.runtime.learning.counts import with_nulls_of
from headrace.runtime.learning.numbers import (
    COLUMN,
    added_up_numbers,
    by_column,
    finite,
    numbers_of,
    quantiles,
    refuse_infinite,
)
from headrace.runtime.transform import Role, RowStep, encoded

EDGE = "edge"
_RANGES = ("column", "least", "most")
_NARROW = 1e-8
"""Buckets of quantiles that are not wider than this are none, as scikit-learn has it."""
_LOG_SQUARES = 1908
"""Buckets of `log_square`, the last of which begins below 2**63."""


@dataclass(frozen=True)
class Bucketize(ColumnLearner):
    """Replace numbers by the ids of their buckets.

    Attributes:
        method: How the edges are found; null for edges where they are given, else quantile.
        edges: First number of each bucket but the first, ascending (method edges).
        buckets: Number of buckets of each column (methods uniform and quantile).
        columns: Names of the columns; null for all numeric ones.
        max_values: Different numbers, of all columns together, that may be counted (method
            quantile); with more of them the job fails instead of filling the memory.
    """

    method: Literal["edges", "uniform", "quantile", "log_square"] | None = None
    edges: Annotated[tuple[float, ...], Len(1)] | None = None
    buckets: Annotated[int, Ge(2), Le(1_000_000)] = 10
    columns: Annotated[tuple[str, ...], Len(1)] | None = None
    max_values: Annotated[int, Ge(1)] = 20_000_000

    role: ClassVar[Role] = Role.NUMERIC
    takes_dictionaries: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.method == "edges" and self.edges is None:
            raise ValueError("method 'edges' needs 'edges'")
        if self.method not in ("edges", None) and self.edges is not None:
            raise ValueError(f"'edges' is for method 'edges', not {self.method!r}")
        if any(one >= other for one, other in pairwise(self.edges or ())):
            raise ValueError("edges should be ascending")

    @property
    def _method(self) -> str:
        return self.method or ("quantile" if self.edges is None else "edges")

    def learns(self) -> bool:
        """Return whether the edges have to be found in the rows."""
        return self._method in ("uniform", "quantile")

    def made(self, field: pa.Field) -> pa.Field:
        """Return a column of ids of buckets, nulls staying nulls."""
        known = {"edges": len(self.edges or ()) + 1, "log_square": _LOG_SQUARES}
        return encoded(field, known.get(self._method, 0))

    def accumulate(self, batch: pa.RecordBatch) -> pa.Table:
        """Count each number, or find the least and the greatest."""
        columns = self._finite(batch)
        return numbers_of(columns) if self._method == "quantile" else _ranges_of(columns)

    def merge(self, states: Sequence[pa.Table]) -> pa.Table:
        """Return all of it in one."""
        if self._method == "quantile":
            return added_up_numbers(states, self.max_values)
        groups = pa.concat_tables(states).group_by(COLUMN, use_threads=False)
        made = groups.aggregate([("least", "min"), ("most", "max")])
        return pa.table([made[COLUMN], made["least_min"], made["most_max"]], _RANGES)

    def finish(self, state: pa.Table) -> pa.Table:
        """Return the edges between the buckets of each column."""
        if self._method == "quantile":
            edges = {name: self._quantiles(*rest) for name, *rest in by_column(state)}
        else:
            ranges = zip(*state.to_pydict().values(), strict=True)
            edges = {name: self._uniform(*rest) for name, *rest in ranges}
        rows = [(name, edge) for name, each in edges.items() for edge in each[1:-1].tolist()]
        names, numbers = ([row[place] for row in rows] for place in (0, 1))
        return pa.table(
            [pa.array(names, pa.string()), pa.array(numbers, pa.float64())], [COLUMN, EDGE]
        )

    def with_state(self, state: pa.Table) -> Bucketize:
        """Return the step that knows them."""
        learned: dict[str, list[float]] = {}
        for name, edge in zip(state[COLUMN].to_pylist(), state[EDGE].to_pylist(), strict=True):
            learned.setdefault(name, []).append(edge)
        return _Fitted(**asdict(self), learned=learned)

    def on_a_column(self, name: str, cells: pa.Array) -> pa.Array:
        """Find the bucket of each number."""
        if self.learns():
            return super().on_a_column(name, cells)
        refuse_infinite(name, cells)
        numbers = cells.fill_null(0.0).to_numpy()
        if self._method == "log_square":
            return with_nulls_of(cells, _log_squares(numbers))
        return with_nulls_of(cells, np.digitize(numbers, self._edges(name)).astype(np.int32))

    def on_a_cell(self, name: str, kind: pa.DataType) -> CellStep | None:
        """Return what finds the bucket of a number."""
        edges = self._edges(name)
        return lambda number: None if number is None else bisect_right(edges, finite(number))

    def on_a_row(self, schema: pa.Schema) -> RowStep | None:
        """Return what finds the buckets of a row's numbers."""
        if self._method != "log_square":
            return super().on_a_row(schema)
        if any(not pa.types.is_float64(schema.field(name).type) for name in self.touches(schema)):
            return None
        return on_numbers(self.touches(schema), _finite_log_squares)

    def _edges(self, name: str) -> Sequence[float]:
        return self.edges or ()

    def _finite(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        columns = self.cells(batch)
        for name, cells in columns.items():
            refuse_infinite(name, cells)
        return columns

    def _quantiles(self, numbers: Any, rows: Any) -> npt.NDArray[np.float64]:
        levels = np.linspace(0, 100, self.buckets + 1) / 100
        edges = quantiles(numbers, rows, levels)
        wide: npt.NDArray[np.float64] = edges[np.ediff1d(edges, to_begin=np.inf) > _NARROW]
        return wide

    def _uniform(self, least: float, most: float) -> npt.NDArray[np.float64]:
        if least == most:
            return np.array([least, most])
        return np.linspace(least, most, self.buckets + 1)


@dataclass(frozen=True)
class _Fitted(Bucketize):
    learned: Any = None
    """The edges of each column that has any."""

    def learns(self) -> bool:
        return False

    def made(self, field: pa.Field) -> pa.Field:
        return encoded(field, len(self.learned.get(field.name, ())) + 1)

    def _edges(self, name: str) -> Sequence[float]:
        edges: Sequence[float] = self.learned.get(name, ())
        return edges


def _log_squares(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    squares = np.square(np.log(np.maximum(numbers, 2.0)))
    made = np.floor(np.where(numbers > 2, squares, np.maximum(numbers, 0.0)))
    return np.minimum(made, _LOG_SQUARES - 1).astype(np.int32)


def _finite_log_squares(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    if not np.isfinite(numbers).all():
        raise ValueError(numbers)
    return _log_squares(numbers)


def _ranges_of(columns: Mapping[str, pa.DoubleArray]) -> pa.Table:
    numbers = {name: cells.drop_null().to_numpy() + 0.0 for name, cells in columns.items()}
    found = [(name, each.min(), each.max()) for name, each in numbers.items() if len(each)]
    names, least, most = ([row[place] for row in found] for place in range(3))
    cells = [
        pa.array(names, pa.string()),
        pa.array(least, pa.float64()),
        pa.array(most, pa.float64()),
    ]
    return pa.table(cells, _RANGES)
