"""Distinct values, against a set; and what counting them may keep of a block: nothing but them."""

from __future__ import annotations

import gc
import weakref

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.hashing.tokens import U64
from headrace.runtime.statistics.distinct import LIMIT, Distinct

FEW = 7


def prints_of(values: list[int]) -> U64:
    return np.array(values, np.uint64)


@given(blocks=st.lists(st.lists(st.integers(0, 100), max_size=20, unique=True), max_size=60))
def test_few_values_are_counted_exactly_however_they_are_divided(blocks: list[list[int]]) -> None:
    distinct = Distinct()
    for block in blocks:
        distinct.add(prints_of(block), prints_of(block).astype(np.uint32))

    expected = sorted({value for block in blocks for value in block})
    assert (distinct.count, distinct.exact) == (len(expected), True)
    assert (distinct.prints.tolist(), distinct.hashes.tolist()) == (expected, expected)


def test_many_small_blocks_give_the_sample_of_one_large_block() -> None:
    values = np.random.default_rng(3).integers(0, 2**63, 3 * LIMIT, np.uint64)
    hashes = values.astype(np.uint32)
    together, apart = Distinct(), Distinct()

    together.add(values, hashes)
    for piece in np.array_split(np.arange(len(values)), 500):
        apart.add(values[piece], hashes[piece])

    assert together.count == apart.count
    assert not apart.exact
    np.testing.assert_array_equal(together.hashes, apart.hashes)


def test_a_column_of_few_values_does_not_keep_the_blocks_that_they_came_with() -> None:
    distinct, kept = Distinct(), []
    for _ in range(3):
        block = np.arange(10_000, dtype=np.uint32)  # the hashes of all columns stand in one array
        kept.append(weakref.ref(block))
        distinct.add(np.arange(FEW, dtype=np.uint64), block[:FEW])
    del block
    gc.collect()

    assert [ref() for ref in kept] == [None, None, None]
    assert distinct.count == FEW
