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
        distinct.add(prints_of(block))

    expected = sorted({value for block in blocks for value in block})
    assert (distinct.count, distinct.exact) == (len(expected), True)
    assert distinct.known.tolist() == expected


def test_many_small_blocks_give_the_sample_of_one_large_block() -> None:
    values = np.random.default_rng(3).integers(0, 2**63, 3 * LIMIT, np.uint64)
    together, apart = Distinct(), Distinct()

    together.add(values)
    for piece in np.array_split(np.arange(len(values)), 500):
        apart.add(values[piece])

    assert together.count == apart.count
    assert not apart.exact
    np.testing.assert_array_equal(together.known, apart.known)


def test_a_column_of_few_values_does_not_keep_the_blocks_that_they_came_with() -> None:
    distinct, kept = Distinct(), []
    for _ in range(3):
        block = np.arange(10_000, dtype=np.uint64)
        kept.append(weakref.ref(block))
        distinct.add(block[:FEW])
    del block
    gc.collect()

    assert [ref() for ref in kept] == [None, None, None]
    assert distinct.count == FEW
