"""Two or more columns as one: a token for each combination of their values.

    before  site   C1          after  site   C1     site_x_C1   (columns=[site, C1], separator=_)
            1fbe   1005               1fbe   1005   1fbe_1005
            (null) 1002               (null) 1002   (null)

The new column holds the cells joined by the separator, U+001F unless another one is given. It is
null where one of them is. Two different combinations never give the same text, unless a cell holds
the separator itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Len

from headrace.runtime.chain.choice import added, chosen, replaced
from headrace.runtime.shown import quoted
from headrace.runtime.transform import Role, RowStep, with_role


@dataclass(frozen=True)
class Cross:
    """Join categorical columns to a further one.

    Attributes:
        columns: Names of the columns, at least two, in the order in which they are joined.
        column: Name of the new column; null for the names joined by _x_.
        separator: What stands between the cells.
        keep: Keep the columns themselves, too.
    """

    columns: Annotated[tuple[str, ...], Len(2)]
    column: Annotated[str, Len(1)] | None = None
    separator: Annotated[str, Len(1)] = "\x1f"
    keep: bool = True

    def __post_init__(self) -> None:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("columns should each be named once")

    @property
    def made(self) -> str:
        """Return the name of the new column."""
        return "_x_".join(self.columns) if self.column is None else self.column

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the columns and the new one."""
        names = chosen(schema, Role.CATEGORICAL, names=self.columns)
        for name in names:
            if pa.types.is_nested(schema.field(name).type):
                raise ValueError(
                    f"column {quoted(name)} has several values in a cell; cross takes one"
                )
        schema = added(schema, with_role(pa.field(self.made, pa.string()), Role.CATEGORICAL))
        if self.keep:
            return schema
        return pa.schema([field for field in schema if field.name not in names])

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Join the cells of each row; an id of an earlier step stands for its digits."""
        cells = [batch.column(name).cast(pa.string()) for name in self.columns]
        joined = pc.binary_join_element_wise(*cells, self.separator)
        return replaced(batch, {self.made: joined}, self.output_schema(batch.schema))

    def on_a_row(self, schema: pa.Schema) -> RowStep | None:
        """Return what does the same to a single row."""
        kinds = [schema.field(name).type for name in self.columns]
        if not all(pa.types.is_string(kind) or pa.types.is_integer(kind) for kind in kinds):
            return None

        def step(cells: dict[str, Any]) -> None:
            found = [cells[name] if self.keep else cells.pop(name) for name in self.columns]
            cells[self.made] = None if None in found else self.separator.join(map(str, found))

        return step
