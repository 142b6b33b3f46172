"""The base of steps that learn something of each column of a role by itself.

The client checks parameters with this class. pyarrow is imported where it is used, for it would be
a part of the client's start.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from headrace.runtime.transform import Role, Transform, positions, role_of

if TYPE_CHECKING:
    import pyarrow as pa


class ColumnLearner(ABC):
    """Base of `Learner` transforms that change columns of one role, each by itself.

    A subclass says which role, has a field `columns` (None for all columns of the role), and the
    four methods of a learner; what its `with_state` gives has an `apply`. The columns stay, and
    hold text or float64 then.
    """

    role: ClassVar[Role]
    columns: Sequence[str] | None

    def touches(self, schema: pa.Schema) -> list[str]:
        """Return the columns that are changed.

        Raises:
            ValueError: One of them is not there or has another role, or there are none.
        """
        if self.columns is None:
            return self._of_role(schema)
        there = frozenset(schema.names)
        for name in self.columns:
            if name not in there:
                raise ValueError(f"there is no column {name!r} at this point of the chain")
            if role_of(schema.field(name)) is not self.role:
                raise ValueError(f"column {name!r} has to be a {self.role} feature")
        return list(dict.fromkeys(self.columns))

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the same columns."""
        import pyarrow as pa

        kind, names = _type_of(self.role), frozenset(self.touches(schema))
        return pa.schema([each.with_type(kind) if each.name in names else each for each in schema])

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
        """Return the columns that are changed, by their names."""
        kind = _type_of(self.role)
        return {name: batch.column(name).cast(kind) for name in self.touches(batch.schema)}

    def changed(self, batch: pa.RecordBatch, columns: dict[str, pa.Array]) -> pa.RecordBatch:
        """Return the batch with other cells in these columns."""
        import pyarrow as pa

        every = [
            columns.get(name, cells)
            for name, cells in zip(batch.schema.names, batch.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(every, schema=self.output_schema(batch.schema))

    def _of_role(self, schema: pa.Schema) -> list[str]:
        found = [schema.field(place).name for place in positions(schema, self.role)]
        if not found:
            raise ValueError(f"there is no {self.role} column at this point of the chain")
        return found


def _type_of(role: Role) -> pa.DataType:
    import pyarrow as pa

    return pa.float64() if role is Role.NUMERIC else pa.string()
