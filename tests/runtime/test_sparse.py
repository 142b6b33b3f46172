"""Sparse rows of given keys: where 32 bits have room for an index and a column, and where not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headrace.runtime.hashing.functions import murmur3_32
from headrace.runtime.hashing.sparse import sparse_rows
from headrace.runtime.hashing.tokens import RowTokens, cell_tokens

NUMBERS = [2.5, None, 0.0, -1.0]
TEXTS = ["a", "b", None, None]
OTHERS = ["x", None, "y", "z"]
HIGHEST = 2**31 - 2
"""Of an index."""


@pytest.mark.parametrize("last", [0, 7, 2**30 - 2, 2**30 - 1, 2**30, HIGHEST])
def test_a_cell_that_gives_no_feature_is_no_index_however_high_that_is(last: int) -> None:
    columns = [("I1", pa.array(NUMBERS)), ("C1", pa.array(TEXTS)), ("C2", pa.array(OTHERS))]
    tokens = RowTokens(cell_tokens(columns, murmur3_32, 0))
    keys = [
        np.full(len(column.hashes), last << 1 | (column.column == "C1"), np.uint32)
        for column in tokens.columns
    ]

    made = sparse_rows(tokens, keys)

    # All of a row's cells share the index: the number, minus one for C1, plus one for C2.
    assert made.offsets.tolist() == [0, 1, 2, 3, 4]
    assert made.indices.tolist() == [last] * 4
    assert made.values.tolist() == [2.5 - 1 + 1, -1.0, 1.0, -1.0 + 1]


def test_entries_stand_in_the_order_of_their_indices_with_their_own_numbers() -> None:
    columns = [("I1", pa.array([3.0, 4.0])), ("C1", pa.array(["a", None]))]
    tokens = RowTokens(cell_tokens(columns, murmur3_32, 0))
    keys = [np.array([9 << 1], np.uint32), np.array([5 << 1 | 1, 0], np.uint32)]

    made = sparse_rows(tokens, keys)

    assert made.offsets.tolist() == [0, 2, 3]
    assert made.indices.tolist() == [5, 9, 9]
    assert made.values.tolist() == [-1.0, 3.0, 4.0]


@pytest.mark.usefixtures("numpy_alone")
def test_numbers_beyond_all_measure_add_up_to_infinity_in_silence() -> None:
    columns = [(name, pa.array([1.5e308])) for name in ("I1", "I2")]
    tokens = RowTokens(cell_tokens(columns, murmur3_32, 0))
    made = sparse_rows(tokens, [np.array([4 << 1], np.uint32)] * 2)
    assert (made.indices.tolist(), made.values.tolist()) == ([4], [float("inf")])
