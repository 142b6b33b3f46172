"""Numbers as distances from the mean, in standard deviations.

    before  price        after  price       (the prices of the training rows: 10, 30 and a null)
            30.0                1.0
            (null)              (null)

``(x - mean) / scale``, as scikit-learn's ``StandardScaler``; the scale is the standard deviation of
the population. Both are learned from the training rows: exactly, so that it makes no difference
how rows are divided. Where all of these have the same number, or none, every number becomes 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Len

from headrace.runtime.learning.columns import CellStep, ColumnLearner
from headrace.runtime.learning.moments import added_up_moments, means_and_scales, moments_of
from headrace.runtime.learning.numbers import finite, refuse_infinite
from headrace.runtime.transform import Role


@dataclass(frozen=True)
class Standardize(ColumnLearner):
    """Bring numeric columns to mean 0 and standard deviation 1.

    Attributes:
        columns: Their names; null for all numeric columns.
    """

    columns: Annotated[tuple[str, ...], Len(1)] | None = None

    role: ClassVar[Role] = Role.NUMERIC
    takes_dictionaries: ClassVar[bool] = True

    def accumulate(self, batch: pa.RecordBatch) -> pa.Table:
        """Return number, sum and sum of squares of each column's numbers."""
        columns = self.cells(batch)
        for name, cells in columns.items():
            refuse_infinite(name, cells)
        return moments_of(columns)

    def merge(self, states: Sequence[pa.Table]) -> pa.Table:
        """Add up all of it."""
        return added_up_moments(states)

    def finish(self, state: pa.Table) -> pa.Table:
        """Return mean and scale of each column."""
        return means_and_scales(state)

    def with_state(self, state: pa.Table) -> Standardize:
        """Return the step that knows them."""
        figures = zip(*state.to_pydict().values(), strict=True)
        return _Fitted(self.columns, {name: (mean, scale) for name, mean, scale in figures})


@dataclass(frozen=True)
class _Fitted(Standardize):
    takes_dictionaries: ClassVar[bool] = True
    learned: dict[str, tuple[float, float]] | None = None

    def on_a_column(self, name: str, cells: pa.Array) -> pa.Array:
        mean, scale = (self.learned or {})[name]
        apart = pc.subtract(cells, mean)
        made = pc.divide(apart, scale) if scale else pc.if_else(cells.is_valid(), 0.0, cells)
        refuse_infinite(name, made, "a number nearer to the mean of the training rows")
        return made

    def on_a_cell(self, name: str, kind: pa.DataType) -> CellStep:
        mean, scale = (self.learned or {})[name]

        def cell(number: float | None) -> float | None:
            if number is None:
                return None
            return finite((number - mean) / scale) if scale else 0.0

        return cell
