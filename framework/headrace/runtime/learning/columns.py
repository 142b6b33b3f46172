"""The base of steps that learn something of each column of some roles by itself.

The client checks parameters with this class. pyarrow is imported where it is used, for it would be
a part of the client's start.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from headrace.runtime.shown import quoted
from headrace.runtime.transform import Role, Transform, positions, role_of

if TYPE_CHECKING:
    import pyarrow as pa


class ColumnLearner(ABC):
    """Base of `Learner` transforms that change columns of some roles, each by itself.

    A subclass says which role, has a field `columns` (None for all columns of the role), and the
    four methods of a learner; what its `with_state` gives has an `apply`. The columns stay where
    they are, and hold text or float64 unless `made` says what else.
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
            ValueError: One of them is not there or has another role, or there are none.
        """
        if self.columns is None:
            return self._of_the_roles(schema)
        there, roles = frozenset(schema.names), self.roles()
        for name in self.columns:
            if name not in there:
                what = f"there is no column {quoted(name)} at this point of the chain"
                raise ValueError(what)
            if role_of(schema.field(name)) not in roles:
                raise ValueError(f"column {quoted(name)} has to be a {' or '.join(roles)} feature")
            if _has_lists(schema.field(name)):
                raise ValueError(f"column {quoted(name)} should have one value in each cell")
        return list(dict.fromkeys(self.columns))

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
        schema = batch.schema
        names = self.touches(schema)
        return {name: batch.column(name).cast(_type_of(schema.field(name))) for name in names}

    def changed(self, batch: pa.RecordBatch, columns: dict[str, pa.Array]) -> pa.RecordBatch:
        """Return the batch with other cells in these columns."""
        import pyarrow as pa

        every = [
            columns.get(name, cells)
            for name, cells in zip(batch.schema.names, batch.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(every, schema=self.output_schema(batch.schema))

    def _of_the_roles(self, schema: pa.Schema) -> list[str]:
        fields = [schema.field(place) for place in positions(schema, *self.roles())]
        found = [field.name for field in fields if not _has_lists(field)]
        if not found:
            kind = " or ".join(self.roles())
            raise ValueError(f"there is no {kind} column at this point of the chain")
        return found


def _type_of(field: pa.Field) -> pa.DataType:
    import pyarrow as pa

    return pa.float64() if role_of(field) is Role.NUMERIC else pa.string()


def _has_lists(field: pa.Field) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_nested(field.type))
