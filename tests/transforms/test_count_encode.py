"""`count_encode` against pandas' ``value_counts``."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.transform import Role, role_of
from tests.transforms.batches import batch_of, tables
from tests.transforms.learning import learned
from transforms.count_encode import CountEncode


@given(tables(), st.data())
def test_every_cell(table: dict[str, list[Any]], data: st.DataObject) -> None:
    """Of the rows that were learned from and of others; a column's values are its own."""
    whole = batch_of(table, dict.fromkeys(table, Role.CATEGORICAL))
    seen = data.draw(st.integers(0, whole.num_rows))
    cut = data.draw(st.integers(0, seen))
    made = learned(CountEncode(), whole.slice(0, cut), whole.slice(cut, seen - cut)).apply(whole)
    for name, cells in table.items():
        counts = pd.Series(cells[:seen], dtype=object).value_counts()
        expected = [None if cell is None else float(counts.get(cell, 0)) for cell in cells]
        assert made.column(name).to_pylist() == expected
        assert role_of(made.schema.field(name)) is Role.NUMERIC


def test_only_the_columns_that_are_named() -> None:
    batch = batch_of({"a": ["x", "x"], "b": ["x", "y"], "n": [1, 2]})
    made = learned(CountEncode(("b",)), batch).apply(batch)
    assert made.to_pydict() == {"a": ["x", "x"], "b": [1.0, 1.0], "n": [1.0, 2.0]}
