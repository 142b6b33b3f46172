"""Texts as ids, the most frequent first: what embedding tables take.

    before  site_id    after  site_id    (the training rows have a, b, b and a null)
            b                 2
            (null)            0
            c                 1

Each column has ids of its own: 0 is a null, 1 a value that is not in the vocabulary, and from 2 on
are the values of the training rows, by their number of rows; those with equally many in the order
of their text. Each different value takes its text and about 30 bytes of memory, and about 160 while
counts are added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Ge, Len

from headrace.runtime.learning.columns import CellStep, ColumnLearner
from headrace.runtime.learning.counts import Values
from headrace.runtime.learning.states import Gatherer, gatherer_of
from headrace.runtime.learning.texts import (
    ROWS,
    TextsGatherer,
    added_up_texts,
    by_count,
    known_by,
    runs_of,
    texts_of,
)
from headrace.runtime.transform import Role, encoded

ID = "id"
NULL, UNKNOWN, FIRST = range(3)


@dataclass(frozen=True)
class Vocabulary(ColumnLearner):
    """Number the values of categorical columns.

    Attributes:
        min_count: Number of training rows that have a value which gets an id.
        max_size: Largest number of ids of a column, those of null and unknown among them; the most
            frequent values get one. Null for no limit.
        columns: Names of the columns; null for all categorical ones.
        max_values: Different values, of all columns together, that may be counted; with more of
            them the job fails instead of filling the memory.
    """

    min_count: Annotated[int, Ge(1)] = 1
    max_size: Annotated[int, Ge(3)] | None = None
    columns: Annotated[tuple[str, ...], Len(1)] | None = None
    max_values: Annotated[int, Ge(1)] = 20_000_000

    role: ClassVar[Role] = Role.CATEGORICAL
    sorts: ClassVar[bool] = True
    takes_dictionaries: ClassVar[bool] = True

    def made(self, field: pa.Field) -> pa.Field:
        """Return a column of ids; how many is not known yet."""
        return encoded(field, 0, NULL, UNKNOWN)

    def accumulate(self, batch: pa.RecordBatch) -> pa.Table:
        """Count the rows of each value."""
        return texts_of(self.cells(batch))

    def merge(self, states: Sequence[pa.Table]) -> pa.Table:
        """Add up the counts of equal values."""
        return added_up_texts(states, self.max_values)

    def gatherer(self) -> Gatherer | None:
        """Return what does it as states come, if it can."""
        return gatherer_of(TextsGatherer, self.max_values)

    def finish(self, state: pa.Table) -> pa.Table:
        """Return the values that have an id, and the id."""
        if self.min_count > 1:
            state = state.filter(pc.greater_equal(state[ROWS], self.min_count))
        kept = by_count(state)
        ids = np.empty(kept.num_rows, np.int32)
        for _, rows in runs_of(kept):
            ids[rows] = np.arange(FIRST, FIRST + rows.stop - rows.start)
        made = kept.append_column(ID, pa.array(ids))
        return made if self.max_size is None else made.filter(pc.less(made[ID], self.max_size))

    def with_state(self, state: pa.Table) -> Vocabulary:
        """Return the step that knows them."""
        ids = np.append(state[ID].to_numpy(), np.int32(UNKNOWN))
        sizes = {name: int(ids[rows].max()) + 1 for name, rows in runs_of(state)}
        return _Fitted(**asdict(self), learned=(sizes, Values(known_by(state)), ids))


@dataclass(frozen=True)
class _Fitted(Vocabulary):
    takes_dictionaries: ClassVar[bool] = True
    learned: Any = None
    """Number of ids of each column; the values, and the id of each with that of others behind."""

    def made(self, field: pa.Field) -> pa.Field:
        sizes, _, _ = self.learned
        return encoded(field, sizes.get(field.name, FIRST), NULL, UNKNOWN)

    def on_a_column(self, name: str, cells: pa.Array) -> pa.Array:
        _, values, ids = self.learned
        return values.mapped(name, cells, ids, NULL, are_distinct=True)

    def on_a_cell(self, name: str, kind: pa.DataType) -> CellStep:
        _, values, ids = self.learned
        place_of = values.place_in(name)
        return lambda text: NULL if text is None else ids.item(place_of(text))
