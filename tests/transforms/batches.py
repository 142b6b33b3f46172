"""Batches as a chain's first step gets them, and strategies that make them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from headrace.testing import batch_of as batch_of

UNICODE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=24)
LONG = st.builds(lambda text, times: text * times, UNICODE, st.sampled_from([5, 40]))
CELLS = st.one_of(st.none(), UNICODE, st.sampled_from(["1005", "a", "é", "ab", "abc"]), LONG)
WIDTHS = st.one_of(
    st.integers(1, 9), st.sampled_from([2**20, 2**31 - 2, 2**31 - 1]), st.integers(1, 2**31 - 1)
)


@st.composite
def tables(
    draw: st.DrawFn, cells: st.SearchStrategy[Any] = CELLS, max_columns: int = 5
) -> dict[str, list[Any]]:
    """Column name → cells; a value tends to come again."""
    names = draw(st.lists(UNICODE, min_size=1, max_size=max_columns, unique=True))
    rows = draw(st.integers(0, 12))
    made = {}
    for name in names:
        pool = draw(st.lists(cells, min_size=1, max_size=6))
        made[name] = draw(st.lists(st.sampled_from(pool), min_size=rows, max_size=rows))
    return made


def sparse_rows(batch: pa.RecordBatch) -> list[list[tuple[int, float]]]:
    """The hashed rows as plain Python: (index, value) pairs."""
    indices = batch.column("indices").to_pylist()
    values = batch.column("values").to_pylist()
    return [list(zip(*row, strict=True)) for row in zip(indices, values, strict=True)]
