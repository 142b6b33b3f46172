"""Several values in a cell: a token for each of them.

    before  genres          after  genres
            drama|war              [drama, war]
            (null)                 (null)

A hasher makes the token ``genres=drama`` and the token ``genres=war`` of the first row, as
scikit-learn's ``FeatureHasher`` does with a list of them; a value that stands twice counts twice.
An empty value gives no token, as an empty cell gives none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pyarrow as pa
from annotated_types import Len

from headrace.runtime.chain.choice import chosen, replaced
from headrace.runtime.hashing.lists import lists_of_texts, values_of_text, without_empty
from headrace.runtime.shown import quoted
from headrace.runtime.transform import Role, RowStep


@dataclass(frozen=True)
class MultiValue:
    """Divide the cells of some columns into values.

    Attributes:
        columns: Names of the columns.
        separator: What stands between two values of a text; the input may have lists as well.
    """

    columns: Annotated[tuple[str, ...], Len(1)]
    separator: Annotated[str, Len(1)] = "|"

    def list_columns(self) -> tuple[str, ...]:
        """Return the columns, whose cells may be lists in the input."""
        return self.columns

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the same columns, these as lists of text."""
        names = frozenset(chosen(schema, Role.CATEGORICAL, names=self.columns))
        for name in names:
            if not _is_text_or_list(kind := schema.field(name).type):
                raise ValueError(
                    f"column {quoted(name)} has to hold text or lists of text (is {kind})"
                )
        kind = pa.list_(pa.string())
        return pa.schema([each.with_type(kind) if each.name in names else each for each in schema])

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Divide each cell."""
        made = {name: self._divided(batch.column(name)) for name in self.columns}
        return replaced(batch, made, self.output_schema(batch.schema))

    def on_a_row(self, schema: pa.Schema) -> RowStep | None:
        """Return what divides the cells of a single row."""

        def step(cells: dict[str, Any]) -> None:
            for name in self.columns:
                if (cell := cells[name]) is not None:
                    cells[name] = [each for each in self._values(cell) if each]

        return step

    def _values(self, cell: str | list[str]) -> list[str]:
        if isinstance(cell, list):
            return cell
        return values_of_text(cell, self.separator)

    def _divided(self, cells: pa.Array) -> pa.ListArray:
        if not pa.types.is_string(cells.type):
            return without_empty(cells.cast(pa.list_(pa.string())))
        return without_empty(lists_of_texts(cells, self.separator))


def _is_text_or_list(kind: pa.DataType) -> bool:
    each = kind.value_type if pa.types.is_list(kind) else kind
    return bool(pa.types.is_string(each))
