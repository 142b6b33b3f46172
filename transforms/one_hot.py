"""Texts as columns of zeros and ones, one for each value.

    before  site_id    after  site_id=a  site_id=b    (the training rows have a, b and a null)
            b                 0.0        1.0
            (null)            0.0        0.0
            c                 0.0        0.0

As scikit-learn's ``OneHotEncoder(handle_unknown="infrequent_if_exist")``: the values of the
training rows in the order of their text; those that are too rare share a column behind them,
``site_id=infrequent``, which unknown values have then as well. A null has zeros everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Ge, Len

from headrace.runtime.chain.dictionaries import decoded_schema, held
from headrace.runtime.learning.columns import CellStep, ColumnLearner
from headrace.runtime.learning.counts import Values
from headrace.runtime.learning.states import Gatherer, gatherer_of
from headrace.runtime.learning.texts import (
    COLUMN,
    ROWS,
    TEXT,
    TextsGatherer,
    added_up_texts,
    known_by,
    texts_of,
)
from headrace.runtime.shown import quoted
from headrace.runtime.transform import Role, RowStep, pending, with_role

SHARED = "shared"
MOST_COLUMNS = 10_000


@dataclass(frozen=True)
class OneHot(ColumnLearner):
    """Give each value of categorical columns a column of its own.

    Attributes:
        max_categories: Largest number of columns that come of one, the shared one among them; the
            most frequent values get one. Null for no limit.
        min_count: Number of training rows that have a value which gets a column of its own.
        columns: Names of the columns; null for all categorical ones.
        max_values: Different values, of all columns together, that may be counted; with more of
            them the job fails instead of filling the memory.
    """

    max_categories: Annotated[int, Ge(1)] | None = None
    min_count: Annotated[int, Ge(1)] = 1
    columns: Annotated[tuple[str, ...], Len(1)] | None = None
    max_values: Annotated[int, Ge(1)] = 20_000_000

    role: ClassVar[Role] = Role.CATEGORICAL
    takes_dictionaries: ClassVar[bool] = True

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return in place of each column those of its values, which are not known yet."""
        chosen, fields = frozenset(self.touches(schema)), []
        for field in schema:
            fields += self._columns_of(field.name) if field.name in chosen else [field]
        seen: set[str] = set()
        for field in fields:
            if field.name in seen:
                raise ValueError(f"there is a column {quoted(field.name)} already")
            seen.add(field.name)
        return pa.schema(fields)

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
        """Return the values that have a column, and a row for the shared one where it is needed."""
        names = state[COLUMN].cast(pa.string())
        state = pa.table([names, state[TEXT], state[ROWS]], [COLUMN, TEXT, ROWS])
        state = state.sort_by([(COLUMN, "ascending"), (TEXT, "ascending")])
        none, kept_columns = pa.array([], pa.string()), (COLUMN, TEXT, SHARED)
        made = [pa.table([none, none, pa.array([], pa.int8())], kept_columns)]
        for name in pc.unique(state[COLUMN]).to_pylist():
            texts = state.filter(pc.equal(state[COLUMN], name))
            rare = self._rare(texts[ROWS].to_numpy())
            kept = texts[TEXT].filter(pa.array(~rare)).to_pylist()
            cells = [*kept, *([""] if rare.any() else [])]
            shared = pa.array([0] * len(kept) + [1] * (len(cells) - len(kept)), pa.int8())
            texts_made = pa.array(cells, pa.string())
            made.append(pa.table([pa.repeat(name, len(cells)), texts_made, shared], kept_columns))
        found = pa.concat_tables(made).combine_chunks()
        if found.num_rows > MOST_COLUMNS:
            raise ValueError(
                f"the values would have {found.num_rows:,} columns, which are more than "
                f"{MOST_COLUMNS:,}; set max_categories or min_count"
            )
        return found

    def with_state(self, state: pa.Table) -> OneHot:
        """Return the step that knows them."""
        names: dict[str, list[str]] = {}
        own = state.filter(pc.equal(state[SHARED], 0))
        for name, text in zip(own[COLUMN].to_pylist(), own[TEXT].to_pylist(), strict=True):
            names.setdefault(name, []).append(text)
        shared = state.filter(pc.equal(state[SHARED], 1))[COLUMN].to_pylist()
        known = known_by(own)
        order = np.argsort(known)
        places = {name: np.arange(len(each)) for name, each in names.items()}
        indices = np.concatenate([np.empty(0, np.int64), *places.values()])[order]
        return _Fitted(
            **asdict(self), learned=(names, frozenset(shared), Values(known[order]), indices)
        )

    def _columns_of(self, name: str) -> list[pa.Field]:
        return [pending(with_role(pa.field(f"{name}=", pa.float64()), Role.NUMERIC))]

    def _rare(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return which values share a column, as scikit-learn chooses them."""
        rare = rows < self.min_count
        limit = self.max_categories
        if limit is not None and limit < len(rows) - rare.sum() + 1:
            rare[np.argsort(rows, kind="stable")[: len(rows) - limit + 1]] = True
        return rare


@dataclass(frozen=True)
class _Fitted(OneHot):
    takes_dictionaries: ClassVar[bool] = True
    learned: Any = None
    """The values of each column; which have a shared one; the values and the index of each."""

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns, made = self.cells(batch), []
        for field, column in zip(batch.schema, batch.columns, strict=True):
            made += (
                self._made(field.name, columns[field.name]) if field.name in columns else [column]
            )
        schema = self.output_schema(decoded_schema(batch.schema))
        return held(schema, made)

    def on_a_cell(self, name: str, kind: pa.DataType) -> CellStep:
        """Return what gives the index of a text among its columns, that of others for unknowns."""
        names, _, values, indices = self.learned
        place_of, found = values.place_in(name), np.append(indices, len(names.get(name, ())))
        return lambda text: None if text is None else found.item(place_of(text))

    def on_a_row(self, schema: pa.Schema) -> RowStep | None:
        """Return what does the same to a single row."""
        index = super().on_a_row(schema)
        if index is None:
            return None
        made = {
            name: [each.name for each in self._columns_of(name)] for name in self.touches(schema)
        }
        zeros = dict.fromkeys(chain.from_iterable(made.values()), 0.0)

        def step(cells: dict[str, Any]) -> None:
            index(cells)
            found = [(names, cells.pop(name)) for name, names in made.items()]
            cells.update(zeros)
            for names, place in found:
                if place is not None and place < len(names):
                    cells[names[place]] = 1.0

        return step

    def _made(self, name: str, cells: pa.StringArray) -> list[pa.Array]:
        names, shared, values, indices = self.learned
        count = len(names.get(name, ()))
        found = np.append(indices, count)[values.places(name, cells)]
        found[cells.is_null().to_numpy(zero_copy_only=False)] = -1
        return [pa.array((found == each).astype(float)) for each in range(count + (name in shared))]

    def _columns_of(self, name: str) -> list[pa.Field]:
        names, shared, *_ = self.learned
        texts = list(names.get(name, ()))
        if name in shared:
            texts.append(_free("infrequent", texts))
        fields = [pa.field(f"{name}={text}", pa.float64()) for text in texts]
        return [with_role(field, Role.NUMERIC) for field in fields]


def _free(text: str, taken: Sequence[str]) -> str:
    while text in taken:
        text = f"({text})"
    return text
