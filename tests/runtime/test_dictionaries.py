"""Columns as Arrow dictionaries inside a chain, against plain columns of the same cells."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pytest

from headrace.runtime.chain.chain import bind
from headrace.runtime.chain.dictionaries import decoded, encoded, plain
from headrace.runtime.hashing.functions import murmur3_32
from headrace.runtime.hashing.tokens import column_tokens
from headrace.runtime.transform import Role, with_role

ROWS = 70
"""More than are hashed cell by cell."""


@dataclass(frozen=True)
class Promising:
    """Makes, and promises, a dictionary, as any plugin may."""

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return pa.schema(
            [each.with_type(pa.dictionary(pa.int32(), pa.string())) for each in schema]
        )

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        schema = self.output_schema(batch.schema)
        made = [column.dictionary_encode() for column in batch]
        return pa.RecordBatch.from_arrays(made, schema=schema)


def batch() -> pa.RecordBatch:
    cells = pa.array([None, "once", *(f"v{row % 3}" for row in range(ROWS))])
    schema = pa.schema([with_role(pa.field("x", pa.string()), Role.CATEGORICAL)])
    return pa.RecordBatch.from_arrays([cells], schema=schema)


@pytest.mark.parametrize("start", [0, 1, 2])
def test_a_value_of_no_row_is_no_token(start: int) -> None:
    """Rows may have been left out since the values were found."""
    rows = batch().slice(start)
    (made,), (expected,) = (
        column_tokens(each, murmur3_32, 0) for each in (encoded(batch()).slice(start), rows)
    )
    assert made.prints.tolist() == expected.prints.tolist()
    assert made.hashes.tolist() == expected.hashes.tolist()
    assert made.cells.rows().tolist() == expected.cells.rows().tolist()


@pytest.mark.parametrize("cells", [[True, False, True], ["a", "b", "a"], [1, 2, 1], [1.5, None]])
def test_plain_cells_of_any_type(cells: list[object]) -> None:
    column = pa.array(cells)
    assert plain(column.dictionary_encode()).equals(column)


def test_who_promises_a_dictionary_promises_its_cells() -> None:
    """Writers and later steps get what the schema says."""
    (link,) = bind([("x", Promising())], batch().schema)
    assert link.after.equals(batch().schema, check_metadata=True)
    assert link.apply(batch()).equals(batch())
    assert decoded(link.apply(batch())).schema.equals(link.after, check_metadata=True)
