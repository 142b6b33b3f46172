"""The base of steps that learn something of each column of some roles by itself.

The client checks parameters with this class. pyarrow is imported where it is used, for it would be
a part of the client's start.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.runtime.chain.choice import chosen
from headrace.runtime.transform import (
    Role,
    RowStep,
    Transform,
    role_of,
    speaks_for,
    takes_dictionaries,
)

if TYPE_CHECKING:
    import pyarrow as pa

CellStep = Callable[[Any], Any]
"""Makes of a text or a float, or None for a null, what stands there behind the step."""


class ColumnLearner(ABC):
    """Base of `Learner` transforms that change columns of some roles, each by itself.

    A subclass says which role, has a field `columns` (None for all columns of the role), and the
    four methods of a learner; what its `with_state` gives has an `on_a_column` or another `apply`.
    The columns stay where they are, and hold text or float64 unless `made` says what else. With an
    `on_a_cell`, it serves single rows quickly.
    """

    role: ClassVar[Role]
    columns: Sequence[str] | None

    def roles(self) -> tuple[Role, ...]:
        """Return the roles of the columns that it is for."""
        return (self.role,)

    def made(self, field: pa.Field) -> pa.Field:
        """Return what becomes of one of the columns."""
        return field.with_type(_type_of(field))

    def touches(self, schema: pa.Schema) -> list[str]:
        """Return the columns that are changed.

        Raises:
            ValueError: One of them is not there or is no such column, or there are none.
        """
        return chosen(schema, *self.roles(), names=self.columns, takes_lists=False)

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the same columns, those that are changed as `made` says."""
        import pyarrow as pa

        names = frozenset(self.touches(schema))
        return pa.schema([self.made(each) if each.name in names else each for each in schema])

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Change each of the columns."""
        cells = self.cells(batch)
        made = {name: self.on_a_column(name, column) for name, column in cells.items()}
        return self.changed(batch, made)

    def on_a_column(self, name: str, cells: pa.Array) -> pa.Array:
        """Return what becomes of the cells of a column: text or float64.

        Raises:
            BadRows: Some of them cannot be used.
            TypeError: Only what `with_state` gives can be applied.
        """
        raise TypeError(f"{type(self).__name__} has to learn first; see with_state")

    def on_a_cell(self, name: str, kind: pa.DataType) -> CellStep | None:
        """Return what does to a single cell what `on_a_column` does to each, None being a null.

        It raises `ValueError` for a cell that `on_a_column` refuses. None where there is nothing.

        Args:
            name: Of the column.
            kind: Text or float64.
        """
        return None

    def on_a_row(self, schema: pa.Schema) -> RowStep | None:
        """Return what does the step's work on a single row, by `on_a_cell`; see `Transform`."""
        steps = {}
        for name in self.touches(schema):
            cast, kind = _cast_of(field := schema.field(name)), _type_of(field)
            on_a_cell = self.on_a_cell(name, kind)
            if cast is None or on_a_cell is None:
                return None
            steps[name] = cast, on_a_cell

        def step(cells: dict[str, Any]) -> None:
            for name, (cast, on_a_cell) in steps.items():
                cell = cells[name]
                cells[name] = on_a_cell(None if cell is None else cast(cell))

        speaks = speaks_for(type(self), "on_a_cell", "on_a_column")
        return step if speaks else None

    @abstractmethod
    def accumulate(self, batch: pa.RecordBatch) -> pa.Table:
        """Return the state of some rows; see `Learner`."""

    @abstractmethod
    def merge(self, states: Sequence[pa.Table]) -> pa.Table:
        """Return the states in one; see `Learner`."""

    @abstractmethod
    def finish(self, state: pa.Table) -> pa.Table:
        """Return what the step has to know; see `Learner`."""

    @abstractmethod
    def with_state(self, state: pa.Table) -> Transform:
        """Return the step that knows it; see `Learner`."""

    def cells(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        """Return the columns that are changed, by their names: text or float64.

        Texts are Arrow dictionaries, for `Encoded.of` to take apart, if it takes them.
        """
        from headrace.runtime.chain.dictionaries import decoded_schema

        schema = decoded_schema(batch.schema)
        names = self.touches(schema)
        return {name: self._cells(batch.column(name), schema.field(name)) for name in names}

    def _cells(self, column: pa.Array, field: pa.Field) -> pa.Array:
        import pyarrow as pa

        from headrace.runtime.chain.dictionaries import plain

        wanted = _type_of(field)
        if field.type == wanted and pa.types.is_string(wanted) and takes_dictionaries(self):
            return column
        return plain(column).cast(wanted)

    def changed(self, batch: pa.RecordBatch, columns: dict[str, pa.Array]) -> pa.RecordBatch:
        """Return the batch with other cells in these columns, which may be dictionaries."""
        from headrace.runtime.chain.dictionaries import decoded_schema, held

        schema = self.output_schema(decoded_schema(batch.schema))
        made = [columns[name] if name in columns else batch.column(name) for name in schema.names]
        return held(schema, made)


def _type_of(field: pa.Field) -> pa.DataType:
    import pyarrow as pa

    return pa.float64() if role_of(field) is Role.NUMERIC else pa.string()


def _cast_of(field: pa.Field) -> type[str] | type[float] | None:
    """Return what makes text or a float of a cell, as Arrow would; None where it may not."""
    import pyarrow as pa

    if role_of(field) is Role.NUMERIC:
        return float if pa.types.is_float64(field.type) else None
    return str if pa.types.is_string(field.type) or pa.types.is_integer(field.type) else None
