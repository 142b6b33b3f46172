"""Nulls as what stands there most often, in the middle, on average, or always.

    before  price     after  price    price_missing    (strategy=mean, indicator=true; the prices
            10.0             10.0     0.0               of the training rows: 10, 30 and a null)
            (null)           20.0     1.0

As scikit-learn's ``SimpleImputer(keep_empty_features=True)``; what stands in for a null is learned
from the training rows, exactly, so that it makes no difference how rows are divided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Ge, Len

from headrace.runtime.chain.choice import added
from headrace.runtime.learning.columns import CellStep, ColumnLearner
from headrace.runtime.learning.counts import BYTES_EACH, refuse_more
from headrace.runtime.learning.moments import (
    MEAN,
    added_up_moments,
    means_and_scales,
    moments_of,
)
from headrace.runtime.learning.numbers import numbers_of, refuse_infinite
from headrace.runtime.learning.states import added_up
from headrace.runtime.learning.texts import texts_of
from headrace.runtime.shown import quoted
from headrace.runtime.transform import Role, RowStep, with_role

COLUMN, TEXT, NUMBER, ROWS = "column", "text", "number", "rows"
_SUFFIX = "_missing"


@dataclass(frozen=True)
class Impute(ColumnLearner):
    """Fill the nulls of columns.

    Attributes:
        strategy: What a null becomes; mean and median are for numeric columns. Of equally frequent
            values the least one.
        value: What it becomes (strategy constant): a number for numeric columns, any text for
            categorical ones.
        indicator: Add a column `<name>_missing` for each of them, 1 where there was a null.
        columns: Names of the columns; null for all that the strategy fits. For a constant these
            are the numeric ones if it is a number, else the categorical ones.
        max_values: Different values, of all columns together, that may be counted (strategies
            median and most_frequent); with more of them the job fails instead of filling the
            memory.
    """

    strategy: Literal["mean", "median", "most_frequent", "constant"] = "mean"
    value: str | None = None
    indicator: bool = False
    columns: Annotated[tuple[str, ...], Len(1)] | None = None
    max_values: Annotated[int, Ge(1)] = 20_000_000

    takes_dictionaries: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if (self.strategy == "constant") != (self.value is not None):
            raise ValueError("strategy 'constant' needs a 'value', and no other one has it")
        if self.columns is None and not math.isfinite(_read(self.value) or 0.0):
            raise ValueError(
                f"value should be a finite number or a text (got {quoted(self.value or '')}); "
                "as a text this one needs 'columns'"
            )

    def roles(self) -> tuple[Role, ...]:
        """Return the roles of the columns that can be filled so."""
        if self.strategy == "most_frequent":
            return (Role.CATEGORICAL, Role.NUMERIC)
        if self.value is None or _number(self.value) is not None:
            is_named = self.value is not None and self.columns is not None
            return (Role.NUMERIC, Role.CATEGORICAL) if is_named else (Role.NUMERIC,)
        return (Role.CATEGORICAL,)

    def learns(self) -> bool:
        """Return whether what fills nulls has to be found in the rows."""
        return self.strategy != "constant"

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the same columns, and the indicators behind them."""
        made = super().output_schema(schema)
        names = self.touches(schema) if self.indicator else ()
        flags = [pa.field(name + _SUFFIX, pa.float64()) for name in names]
        return added(made, *(with_role(flag, Role.NUMERIC) for flag in flags))

    def accumulate(self, batch: pa.RecordBatch) -> pa.Table:
        """Add up numbers, or count each value."""
        columns = self.cells(batch)
        numbers = {name: each for name, each in columns.items() if pa.types.is_floating(each.type)}
        for name, cells in numbers.items():
            refuse_infinite(name, cells)
        if self.strategy == "mean":
            return moments_of(numbers)
        counted = numbers_of(numbers)
        texts = texts_of({name: each for name, each in columns.items() if name not in numbers})
        texts = texts.filter(pc.greater(texts["rows"], 0))  # of values that no row has any more
        names = texts["column"].cast(pa.string())
        blank = pa.repeat("", counted.num_rows), pa.repeat(0.0, texts.num_rows)
        made = [
            pa.table([counted["column"], blank[0], counted["number"], counted["rows"]], _COUNTS),
            pa.table([names, texts["value"], blank[1], texts["rows"]], _COUNTS),
        ]
        return pa.concat_tables(made)

    def merge(self, states: Sequence[pa.Table]) -> pa.Table:
        """Add up all of it."""
        if self.strategy == "mean":
            return added_up_moments(states)
        merged = added_up(states, COLUMN, TEXT, NUMBER)
        refuse_more(merged.num_rows, self.max_values, BYTES_EACH)
        return merged

    def finish(self, state: pa.Table) -> pa.Table:
        """Return what the nulls of each column become."""
        if self.strategy == "mean":
            means = means_and_scales(state)
            texts = pa.repeat("", means.num_rows)
            return pa.table([means[COLUMN], texts, means[MEAN]], _COUNTS[:3])
        found = [
            self._chosen(state.filter(pc.equal(state[COLUMN], name))) for name in _names(state)
        ]
        empty = state.slice(0, 0).select(_COUNTS[:3])
        return pa.concat_tables([empty, *found]).combine_chunks()

    def with_state(self, state: pa.Table) -> Impute:
        """Return the step that knows it."""
        rows = zip(*state.to_pydict().values(), strict=True)
        return _Fitted(**asdict(self), learned={name: rest for name, *rest in rows})

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Fill the nulls."""
        if self.learns():
            return super().apply(batch)
        made: dict[str, pa.Array] = {}
        for name, cells in self.cells(batch).items():
            value = self._value(name, cells.type)
            made[name] = cells if value is None else _filled(cells, value)
            if self.indicator:
                made[name + _SUFFIX] = cells.is_null().cast(pa.float64())
        return self.changed(batch, made)

    def on_a_cell(self, name: str, kind: pa.DataType) -> CellStep | None:
        """Return what fills a null."""
        value = self._value(name, kind)
        return lambda cell: value if cell is None else cell

    def on_a_row(self, schema: pa.Schema) -> RowStep | None:
        """Return what fills the nulls of a row."""
        fill = None if self.learns() else super().on_a_row(schema)
        if fill is None or not self.indicator:
            return fill
        names = self.touches(schema)

        def step(cells: dict[str, Any]) -> None:
            flags = {name + _SUFFIX: float(cells[name] is None) for name in names}
            fill(cells)
            cells.update(flags)

        return step

    def _value(self, name: str, kind: pa.DataType) -> Any:
        return _number(self.value or "") if pa.types.is_floating(kind) else self.value

    def _chosen(self, state: pa.Table) -> pa.Table:
        """Return what fills a column, of the rows of its state in their order."""
        rows = state[ROWS].to_numpy()
        if self.strategy == "most_frequent":
            return state.slice(int(np.argmax(rows)), 1).select(_COUNTS[:3])
        ends = np.cumsum(rows)
        middle = np.searchsorted(ends, [(ends[-1] - 1) // 2, ends[-1] // 2], side="right")
        low, high = state[NUMBER].to_numpy()[middle]
        median = low if low == high else np.mean([low, high])
        return pa.table([state[COLUMN][:1], state[TEXT][:1], pa.array([median])], _COUNTS[:3])


_COUNTS = [COLUMN, TEXT, NUMBER, ROWS]


@dataclass(frozen=True)
class _Fitted(Impute):
    learned: Any = None
    """Text and number of each column that had any value."""

    def learns(self) -> bool:
        return False

    def _value(self, name: str, kind: pa.DataType) -> Any:
        if pa.types.is_floating(kind):
            return self.learned.get(name, ("", 0.0))[1]
        return self.learned.get(name, (None, 0.0))[0]


def _filled(cells: pa.Array, value: Any) -> pa.Array:
    """Return the cells with a value in place of each null."""
    if not pa.types.is_dictionary(cells.type):
        return cells.fill_null(value)
    if not cells.null_count:
        return cells
    values, code = cells.dictionary, cells.dictionary.index(value).as_py()
    if code < 0:
        code, values = len(values), pa.concat_arrays([values, pa.array([value], values.type)])
    indices = cells.indices.cast(pa.int32())  # they may be too narrow for one more
    return pa.DictionaryArray.from_arrays(indices.fill_null(code), values)


def _number(text: str) -> float | None:
    """Return the finite number that a text is; None if it is none."""
    number = _read(text)
    return number if number is not None and math.isfinite(number) else None


def _read(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _names(state: pa.Table) -> list[str]:
    names: list[str] = pc.unique(state[COLUMN]).to_pylist()
    return names
