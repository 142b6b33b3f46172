"""Rows put apart by their channel: with kernels as without, and as Arrow takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.chain.pipeline import by_channel, of_channel, put_apart
from headrace.runtime.hashing.functions import murmur3_32
from headrace.runtime.hashing.keys import signed_keys
from headrace.runtime.hashing.sparse import sparse_rows
from headrace.runtime.hashing.tokens import RowTokens, column_tokens
from headrace.runtime.kernels import library, row_calls
from headrace.runtime.kernels.row_calls import ByValue, Groups
from headrace.runtime.output.writers.fields import matrices, side_by_side
from headrace.runtime.transform import Role, with_role
from tests.runtime.kernels.test_calls import SHORT, assert_equal, column, without_kernels

pytestmark = pytest.mark.skipif(
    library.library() is None, reason="the kernels are not built: no zig and no C compiler"
)

LISTS = pa.list_(pa.string())
ROLES = {
    "y": (pa.float64(), Role.LABEL),
    "short": (pa.int16(), Role.ROW_NUMBER),
    "id": (pa.string(), Role.ID),
    "t": (pa.dictionary(pa.int32(), pa.string()), Role.TIME),
    "c": (pa.string(), Role.CATEGORICAL),
    "n": (pa.float64(), Role.NUMERIC),
    "l": (LISTS, Role.CATEGORICAL),
    "channel": (pa.int8(), Role.CHANNEL),
}
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "y": NUMBERS,
            "short": st.integers(-9, 9),
            "id": st.text(max_size=40),
            "t": st.none() | SHORT,
            "c": st.none() | SHORT,
            "n": st.none() | NUMBERS,
            "l": st.lists(SHORT, max_size=3),
            "channel": st.integers(-128, 127) | st.integers(0, 2),
        }
    ),
    max_size=6,
)
SETS = [[*ROLES], ["y", "id", "c", "channel"], ["id", "c", "n", "t", "channel"], ["id", "c"]]


def batch_of(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> pa.RecordBatch:
    """The rows as a piece of a longer batch."""
    made = [pa.array([row[name] for row in rows], ROLES[name][0]) for name in names]
    fields = [with_role(pa.field(name, ROLES[name][0]), ROLES[name][1]) for name in names]
    return pa.RecordBatch.from_arrays(made, schema=pa.schema(fields)).slice(1)


@given(ROWS, st.integers(1, 20), st.sampled_from(SETS))
def test_rows_put_apart(rows: list[dict[str, Any]], times: int, names: list[str]) -> None:
    rows = [{name: row[name] for name in names} for row in rows] * times
    batch = batch_of(rows, names)
    made, order = put_apart(batch)
    made.validate(full=True)
    with without_kernels():
        expected, theirs = put_apart(batch)
    assert made.equals(expected, check_metadata=True)
    assert_equal(order, theirs)
    if order is not None:
        assert made.to_pylist() == sorted(rows[1:], key=lambda row: row["channel"])


@given(ROWS, st.integers(1, 20), st.booleans())
def test_rows_of_each_channel(rows: list[dict[str, Any]], times: int, is_sorted: bool) -> None:
    rows = [row | {"channel": row["channel"] & 3} for row in rows] * times
    if is_sorted:
        rows.sort(key=lambda row: row["channel"])
    batch = batch_of(rows, [*ROLES])
    apart = by_channel(batch)
    with without_kernels():
        assert by_channel(batch) == apart
    channels = sorted({row["channel"] for row in rows[1:]})
    assert list(apart) == channels
    for index in range(4):
        expected = [row for row in rows[1:] if row["channel"] == index]
        assert of_channel(batch, index).to_pylist() == expected
        if index in channels:
            assert apart[index].to_pylist() == expected


BY_VALUE = st.integers(0, 3).flatmap(
    lambda columns: st.lists(
        st.lists(st.integers(-(2**31), 2**31 - 1), min_size=columns, max_size=columns), max_size=9
    )
)


@given(BY_VALUE, st.sampled_from([np.int32, np.float32, np.float64]), st.integers(1, 200))
def test_columns_side_by_side(rows: list[list[int]], kind: Any, times: int) -> None:
    matrix = np.array(rows * times, kind).reshape(times * len(rows), len(rows[0]) if rows else 0)
    plain = [ByValue(column) for column in matrix.T]
    coded = [np.unique(column, return_inverse=True) for column in matrix.T]
    by_value = [ByValue(values, codes.astype(np.int32)) for values, codes in coded]
    narrow, wide = (
        [ByValue(values, codes.astype(kind)) for values, codes in coded]
        for kind in (np.uint8 if len(rows) < 1 << 8 else np.uint16, np.int64)
    )
    for columns in (plain, by_value, plain[:1] + by_value[1:], narrow, wide):
        assert_equal(side_by_side(columns, len(matrix), kind), matrix)
        pieces = [piece.copy() for piece in matrices(columns, len(matrix), kind, 7)]
        with without_kernels():
            assert_equal(side_by_side(columns, len(matrix), kind), matrix)
            for piece, same in zip(pieces, matrices(columns, len(matrix), kind, 7), strict=True):
                assert_equal(piece, same)
    sums = np.ones(len(matrix), np.uint64)
    numbers = [ByValue(values.astype(np.int64), codes) for values, codes in by_value]
    row_calls.add_cells(_kernels(), numbers, sums)
    assert_equal(sums, (matrix.astype(np.int64).sum(axis=1) + 1).view(np.uint64))


def test_columns_by_value_that_do_not_fit_each_other() -> None:
    values, codes = np.arange(3), np.array([0, 2, 3], np.int32)
    sums = np.zeros(3, np.uint64)
    for each in (ByValue(values, codes), ByValue(values, codes - 1), ByValue(values[1:])):
        with pytest.raises(ValueError, match="the columns do not fit the sums"):
            row_calls.add_cells(_kernels(), [each], sums)
        with pytest.raises(ValueError, match="the columns do not fit the matrix"):
            side_by_side([each], 3, np.int32)
    with pytest.raises(ValueError, match="the columns do not fit the matrix"):
        side_by_side([ByValue(values)], 3, np.int16)
    with pytest.raises(ValueError, match="a column does not have 2 codes"):
        row_calls.add_cells(_kernels(), [ByValue(values, codes)], sums[1:])


@given(ROWS, st.integers(1, 20), st.sampled_from(SETS))
def test_entries_of_rows_put_apart(
    rows: list[dict[str, Any]], times: int, names: list[str]
) -> None:
    batch = batch_of(rows * times, names)
    _, order = put_apart(batch)
    tokens = column_tokens(batch, murmur3_32, 0)
    keys = [signed_keys(each.hashes, 7, alternate_sign=True) for each in tokens]
    made = sparse_rows(RowTokens(tokens, order), keys)
    taken = batch if order is None else batch.take(pa.array(order))
    with without_kernels():
        reference = sparse_rows(RowTokens(tokens, order), keys)
        tokens = column_tokens(taken, murmur3_32, 0)
        keys = [signed_keys(each.hashes, 7, alternate_sign=True) for each in tokens]
        expected = sparse_rows(RowTokens(tokens), keys)
    for name in ("offsets", "indices", "values"):
        assert_equal(getattr(made, name), getattr(reference, name))
        assert_equal(getattr(made, name), getattr(expected, name))


@given(st.lists(SHORT, min_size=1, max_size=9), st.lists(st.integers(0, 99), max_size=12))
def test_some_texts_some_of_them_twice(cells: list[str], places: list[int]) -> None:
    texts = column(cells, 2)
    rows = np.array([place % len(cells) for place in places], np.int32)
    taken = row_calls.take_texts(_kernels(), texts, rows)
    expected = texts.take(pa.array(rows))
    if taken is None:  # the same texts so often have more bytes than all texts once
        assert sum(map(len, map(str.encode, expected.to_pylist()))) > sum(
            map(len, map(str.encode, cells))
        )
    else:
        taken.validate(full=True)
        assert taken.equals(expected)
        assert taken.buffers()[2].size == sum(map(len, map(str.encode, expected.to_pylist())))


def test_places_that_are_none() -> None:
    numbers, texts = np.arange(4), pa.array(["a", "b", "c", "d"])
    for rows in (np.array([0, 4], np.int32), np.array([-1], np.int32)):
        assert row_calls.take_texts(_kernels(), texts, rows) is None
        with pytest.raises(ValueError, match="there are no such rows in all columns"):
            row_calls.take(_kernels(), [numbers], rows)
    with pytest.raises(ValueError, match="there are no such rows in all columns"):
        row_calls.take(_kernels(), [numbers, numbers[1:]], np.zeros(1, np.int32))
    with pytest.raises(ValueError, match="there are no such rows in all columns"):
        row_calls.take(_kernels(), [np.zeros(4, "S3")], np.zeros(1, np.int32))


def test_rows_by_group_that_do_not_fit_each_other() -> None:
    codes, keys = np.arange(4, dtype=np.int32), np.arange(4, dtype=np.uint64)
    groups = Groups.of(np.array([0, 0, 0, 1], np.int8))
    counts, nulls = np.zeros((4, 2), np.int64), np.zeros(2, np.int64)
    ones, no_row = np.ones(4, np.int64), np.zeros(3, np.bool_)
    known = keys, counts, nulls
    assert not row_calls.add_crossed(_kernels(), (codes, no_row, None), groups, keys, *known)
    assert not row_calls.add_crossed(_kernels(), (codes, None, ones[1:]), groups, keys, *known)
    assert not row_calls.add_crossed(_kernels(), (codes, None, 0 * ones), groups, keys, *known)
    assert not row_calls.add_crossed(_kernels(), (codes, None, 2 * ones), groups, keys, *known)
    assert not row_calls.add_crossed(_kernels(), (codes, None, None), groups, keys[1:], *known)
    assert not row_calls.add_crossed(
        _kernels(), (codes, None, ones), groups, keys, keys[1:], counts, nulls
    )
    assert not counts.any()
    assert not nulls.any()
    assert row_calls.add_crossed(_kernels(), (codes, None, ones), groups, keys, *known)
    assert counts.tolist() == [[1, 0], [1, 0], [1, 0], [0, 1]]


def _kernels() -> Any:
    kernels = library.library()
    assert kernels is not None
    return kernels
