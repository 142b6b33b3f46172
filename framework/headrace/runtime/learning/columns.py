"""The base of steps that learn something of each column of some roles by itself.

The client checks parameters with this class. pyarrow is imported where it is used, for it would be
a part of the client's start.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from headrace.runtime.chain.choice import chosen
from headrace.runtime.transform import Role, Transform, role_of

if TYPE_CHECKING:
    import pyarrow as pa


class ColumnLearner(ABC):
    """Base of `Learner` transforms that change columns of some roles, each by itself.

    A subclass says which role, has a field `columns` (None for all columns of the role), and the
    four methods of a learner; what its `with_state` gives has an `apply`. The columns stay where
    they are, and hold text or float64 unless `made` says what else.
    """

    role: ClassVar[Role]
    reads_dictionaries: ClassVar[bool] = False
    """Whether `cells` may give texts as Arrow dictionaries, for `Encoded.of` to take apart."""
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
        """Raise `TypeError`: only what `with_state` gives can be applied."""
        raise TypeError(f"{type(self).__name__} has to learn first; see with_state")

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
        """Return the columns that are changed, by their names: text or float64."""
        from headrace.runtime.chain.dictionaries import decoded_schema

        schema = decoded_schema(batch.schema)
        names = self.touches(schema)
        return {name: self._cells(batch.column(name), schema.field(name)) for name in names}

    def _cells(self, column: pa.Array, field: pa.Field) -> pa.Array:
        from headrace.runtime.chain.dictionaries import plain

        wanted = _type_of(field)
        if self.reads_dictionaries and field.type == wanted:
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
