"""Values as the number of training rows that have them.

    before  site_id    after  site_id    (the training rows have a, b, b and a null)
            b                 2.0
            (null)            (null)
            c                 0.0

Counted is each value of each column by itself, exactly, so that it makes no difference how rows are
divided. Each different value takes about 30 bytes of memory, and about 120 while counts are added
up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from annotated_types import Ge, Len

from headrace.runtime.learning.columns import CellStep, ColumnLearner
from headrace.runtime.learning.counts import (
    ROWS,
    VALUE,
    CountsGatherer,
    Values,
    added_up_counts,
    counts_of,
)
from headrace.runtime.learning.states import Gatherer, gatherer_of
from headrace.runtime.transform import Role, with_role


@dataclass(frozen=True)
class CountEncode(ColumnLearner):
    """Replace values of categorical columns by their counts.

    Attributes:
        columns: Names of the columns; null for all categorical ones.
        max_values: Different values, of all columns together, that may be counted; with more of
            them the job fails instead of filling the memory.
    """

    columns: Annotated[tuple[str, ...], Len(1)] | None = None
    max_values: Annotated[int, Ge(1)] = 20_000_000

    role: ClassVar[Role] = Role.CATEGORICAL
    takes_dictionaries: ClassVar[bool] = True

    def made(self, field: pa.Field) -> pa.Field:
        """Return a column of numbers."""
        return with_role(field.with_type(pa.float64()), Role.NUMERIC)

    def accumulate(self, batch: pa.RecordBatch) -> pa.Table:
        """Count the rows of each value."""
        return counts_of(self.cells(batch))

    def merge(self, states: Sequence[pa.Table]) -> pa.Table:
        """Add up the counts of equal values."""
        return added_up_counts(states, self.max_values)

    def gatherer(self) -> Gatherer | None:
        """Return what does it as states come, if it can."""
        return gatherer_of(CountsGatherer, self.max_values)

    def finish(self, state: pa.Table) -> pa.Table:
        """Return the counts: they are all that there is to know."""
        return state

    def with_state(self, state: pa.Table) -> CountEncode:
        """Return the step that knows them."""
        counts = np.append(state[ROWS].to_numpy(), 0).astype(np.float64)
        return _Fitted(**asdict(self), learned=(Values(state[VALUE].to_numpy()), counts))


@dataclass(frozen=True)
class _Fitted(CountEncode):
    takes_dictionaries: ClassVar[bool] = True
    learned: Any = None
    """The values, and the count of each with that of others behind."""

    def on_a_column(self, name: str, cells: pa.Array) -> pa.Array:
        values, counts = self.learned
        return values.mapped(name, cells, counts)

    def on_a_cell(self, name: str, kind: pa.DataType) -> CellStep:
        values, counts = self.learned
        place_of = values.place_in(name)
        return lambda text: None if text is None else counts.item(place_of(text))
