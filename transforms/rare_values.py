"""Values that few training rows have become nulls, or all of them one value.

    before  site_id    after  site_id    (min_count=2; the training rows have a, a, b and a null)
            a                 a
            b                 (null)

Counted is each value of each column by itself, exactly, so that it makes no difference how rows
are divided. A value that no training row has is rare as well. Each different value takes 16 bytes
of memory, and about 120 while counts are added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Ge, Len

from headrace.runtime.chain.dictionaries import dictionary
from headrace.runtime.hashing.tokens import Encoded
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
from headrace.runtime.transform import Role


@dataclass(frozen=True)
class RareValues(ColumnLearner):
    """Keep the values that enough training rows have.

    Attributes:
        min_count: Number of training rows that have a value which is kept.
        replacement: What the others become; null for an empty cell.
        columns: Names of the columns; null for all categorical ones.
        max_values: Different values, of all columns together, that may be counted; with more of
            them the job fails instead of filling the memory.
    """

    min_count: Annotated[int, Ge(1)] = 10
    replacement: Annotated[str, Len(1)] | None = None
    columns: Annotated[tuple[str, ...], Len(1)] | None = None
    max_values: Annotated[int, Ge(1)] = 20_000_000

    role: ClassVar[Role] = Role.CATEGORICAL
    takes_dictionaries: ClassVar[bool] = True

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
        """Return the values that are kept."""
        return state.filter(pc.greater_equal(state[ROWS], self.min_count)).select([VALUE])

    def with_state(self, state: pa.Table) -> RareValues:
        """Return the step that knows them."""
        return _Fitted(**asdict(self), kept=Values(state[VALUE].to_numpy()))


@dataclass(frozen=True)
class _Fitted(RareValues):
    takes_dictionaries: ClassVar[bool] = True
    kept: Any = None

    def on_a_column(self, name: str, cells: pa.Array) -> pa.Array:
        if pa.types.is_dictionary(cells.type):
            return self._by_value(name, Encoded.of(cells))
        is_rare = pa.array(self.kept.lacks(name, cells))
        # not `if_else`: older Arrow mixes up a sliced column with it (apache/arrow#41479)
        return pc.replace_with_mask(cells, is_rare, pa.scalar(self.replacement, pa.string()))

    def _by_value(self, name: str, cells: Encoded) -> pa.DictionaryArray:
        is_rare = self.kept.found(name, cells.values) < 0
        if not is_rare.any():
            return dictionary(cells.values, cells.codes, cells.missing)
        values, codes = cells.values.filter(pa.array(~is_rare)), np.cumsum(~is_rare) - 1
        if self.replacement is None:
            rare = is_rare.take(cells.codes)
            missing = rare if cells.missing is None else rare | cells.missing
            return dictionary(values, codes.take(cells.codes), missing)
        place = values.index(self.replacement).as_py()
        if place < 0:
            place = len(values)
            values = pa.concat_arrays([values, pa.array([self.replacement])])
        codes[is_rare] = place
        return dictionary(values, codes.take(cells.codes), cells.missing)

    def on_a_cell(self, name: str, kind: pa.DataType) -> CellStep:
        place_of, other = self.kept.place_in(name), self.replacement
        return lambda text: text if text is None or place_of(text) >= 0 else other
