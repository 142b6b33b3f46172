"""Columns of a small table, looked up by a key.

    before  site  table  site  topic  visits     after  site  topic  visits
            a            a     news   120               a     news   120
            z            b     games  7                 z     (null) (null)

The table is an input of its own: ``inputs.NAME.path=…``, a file in CSV, TSV, JSON lines or Parquet,
or a folder of such files. It is read whole, and kept in ``report/state/`` for `load()` and
``transform.learned``. A key that the table does not have, or a null, gives nulls.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Len

from headrace.runtime.chain.choice import added, replaced
from headrace.runtime.chain.names import absent, absent_here
from headrace.runtime.chain.typed import numbers_of
from headrace.runtime.errors import BadRows, DataError
from headrace.runtime.hashing.hash64 import hash64, key_of
from headrace.runtime.learning.counts import Values
from headrace.runtime.shown import quoted
from headrace.runtime.transform import Role, RowStep, role_of, with_role


@dataclass(frozen=True)
class Join:
    """Look up columns of a table.

    Attributes:
        input: Name of the table among the job's inputs.
        key: Column of the rows that has the key; categorical, or the id.
        columns: Columns of the table to look up.
        table_key: The table's column that has the key; null if it has the name of `key`.
        numeric: Those of the columns that are numbers.
        prefix: What the names of the new columns begin with.
    """

    input: Annotated[str, Len(1)]
    key: Annotated[str, Len(1)]
    columns: Annotated[tuple[str, ...], Len(1)]
    table_key: Annotated[str, Len(1)] | None = None
    numeric: tuple[str, ...] = ()
    prefix: str = ""

    def __post_init__(self) -> None:
        for name in self.numeric:
            if name not in self.columns:
                raise ValueError(f"numeric should name some of the columns (got {quoted(name)})")

    @property
    def table_input(self) -> str:
        """Return the name of the table's input."""
        return self.input

    def state_of(self, table: pa.Table) -> pa.Table:
        """Return what the step has to know of the table: the key and the columns.

        Raises:
            ValueError: A column is not there.
            DataError: A key stands twice, or a number is none.
        """
        key = self.table_key or self.key
        for name in (key, *self.columns):
            if name not in table.column_names:
                raise ValueError(f"inputs.{self.input}: {absent(name, table.column_names)}")
        table = table.filter(table[key].is_valid())
        counts = pc.value_counts(table[key].combine_chunks())
        twice = counts.filter(pc.greater(counts.field("counts"), 1))
        if len(twice):
            text = quoted(twice[0]["values"].as_py())
            raise DataError(f"inputs.{self.input}: the key {text} stands twice in {quoted(key)}")
        made = {"key": table[key]}
        for place, name in enumerate(self.columns):
            cells = table[name]
            made[str(place)] = self._numbers(name, cells) if name in self.numeric else cells
        return pa.table(made)

    def with_state(self, state: pa.Table) -> Join:
        """Return the step that knows the table."""
        hashes = hash64(state["key"].combine_chunks(), key_of(self.key))
        order = np.argsort(hashes)
        rows = pa.array(order)
        table = {name: state[name].combine_chunks().take(rows) for name in state.column_names}
        return _Fitted(**asdict(self), learned=(Values(hashes[order]), table))

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the columns and those that are looked up."""
        if self.key not in schema.names:
            raise ValueError(absent_here(self.key, schema.names))
        field = schema.field(self.key)
        if role_of(field) not in (Role.CATEGORICAL, Role.ID) or pa.types.is_nested(field.type):
            raise ValueError(
                f"column {quoted(self.key)} should be text, or the id, to be looked up"
            )
        for name in dict.fromkeys(self.columns):
            is_number = name in self.numeric
            made = pa.field(self.prefix + name, pa.float64() if is_number else pa.string())
            role = Role.NUMERIC if is_number else Role.CATEGORICAL
            schema = added(schema, with_role(made, role))
        return schema

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Raise `TypeError`: only what `with_state` gives can be applied."""
        raise TypeError("a join needs its table first; see with_state")

    def _numbers(self, name: str, cells: pa.ChunkedArray) -> pa.DoubleArray:
        try:
            return numbers_of(cells.combine_chunks(), name)
        except BadRows as bad:
            got = quoted(cells.filter(pa.array(bad.mask))[0].as_py())
            what = f"column {quoted(name)} should hold numbers (got {got})"
            raise DataError(f"inputs.{self.input}: {what}") from bad


@dataclass(frozen=True)
class _Fitted(Join):
    learned: Any = None
    """The table's keys and its columns, both in the order of the keys' hashes."""

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        values, table = self.learned
        keys = batch.column(self.key).cast(pa.string())
        places = values.places(self.key, keys)
        rows = pa.array(places, mask=places < 0)
        same = pc.equal(table["key"].take(rows), keys)  # not only their hashes
        rows = pc.if_else(same.fill_null(False), rows, None)
        made = {
            self.prefix + name: table[str(place)].take(rows)
            for place, name in enumerate(self.columns)
        }
        return replaced(batch, made, self.output_schema(batch.schema))

    def on_a_row(self, schema: pa.Schema) -> RowStep | None:
        """Return what looks up the key of a single row."""
        kind = schema.field(self.key).type
        if not (pa.types.is_string(kind) or pa.types.is_integer(kind)):
            return None
        values, table = self.learned
        place_of, keys = values.place_in(self.key), table["key"]
        made = {self.prefix + name: table[str(n)] for n, name in enumerate(self.columns)}

        def step(cells: dict[str, Any]) -> None:
            key = cells[self.key]
            place = -1 if key is None else place_of(str(key))
            found = place >= 0 and keys[place].as_py() == str(key)
            cells.update((n, each[place].as_py() if found else None) for n, each in made.items())

        return step
