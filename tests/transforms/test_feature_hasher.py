"""`feature_hasher` against scikit-learn's ``FeatureHasher``: every cell, and the structure too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction import FeatureHasher as Oracle
from sklearn.utils import murmurhash3_32

from headrace.runtime.transform import N_FEATURES, Role
from tests.runtime.jobs import HASH, clicks, job, run
from tests.transforms.batches import CELLS, WIDTHS, batch_of, sparse_rows, tables
from transforms.feature_hasher import FeatureHasher

WHOLE = st.one_of(st.none(), st.integers(-(2**40), 2**40).map(float), st.just(0.0))
INT_MIN = -(2**31)


def expected(
    table: Mapping[str, Sequence[Any]], rows: int, n_features: int, *, alternate_sign: bool
) -> sp.csr_matrix:
    given_rows = [
        {name: cells[row] for name, cells in table.items() if cells[row] is not None}
        for row in range(rows)
    ]
    if not rows:
        return sp.csr_matrix((0, n_features))
    hasher = Oracle(n_features, input_type="dict", alternate_sign=alternate_sign)
    return hasher.transform(given_rows)


def matrix(batch: pa.RecordBatch, n_features: int) -> sp.csr_matrix:
    indices, values = batch.column("indices"), batch.column("values")
    assert indices.offsets.equals(values.offsets)
    first = indices.offsets[0].as_py()
    return sp.csr_matrix(
        (
            values.flatten().to_numpy(),
            indices.flatten().to_numpy(),
            indices.offsets.to_numpy() - first,
        ),
        shape=(batch.num_rows, n_features),
    )


def assert_same(ours: sp.csr_matrix, theirs: sp.csr_matrix) -> None:
    assert ours.shape == theirs.shape
    np.testing.assert_array_equal(ours.indptr, theirs.indptr)
    np.testing.assert_array_equal(ours.indices, theirs.indices)
    np.testing.assert_array_equal(ours.data, theirs.data)


def check(table: Mapping[str, Sequence[Any]], n_features: int, *, alternate_sign: bool) -> None:
    batch = batch_of(table)
    hashed = FeatureHasher(n_features, alternate_sign).apply(batch)
    theirs = expected(table, batch.num_rows, n_features, alternate_sign=alternate_sign)
    assert_same(matrix(hashed, n_features), theirs)


@given(tables(), WIDTHS, st.booleans())
def test_text(table: dict[str, list[Any]], n_features: int, alternate_sign: bool) -> None:
    check(table, n_features, alternate_sign=alternate_sign)


@given(tables(WHOLE), tables(CELLS, 3), WIDTHS, st.booleans())
def test_numbers_beside_text(
    numbers: dict[str, list[Any]],
    text: dict[str, list[Any]],
    n_features: int,
    alternate_sign: bool,
) -> None:
    """Whole numbers add up exactly in any order, so even colliding sums must be equal."""
    rows = min(len(next(iter(table.values()))) for table in (numbers, text))
    both = {name: cells[:rows] for name, cells in {**numbers, **text}.items()}
    check(both, n_features, alternate_sign=alternate_sign)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_any_finite_number(numbers: list[float]) -> None:
    check({"I1": numbers, "I2": numbers[::-1]}, 2**31 - 1, alternate_sign=True)


@pytest.mark.parametrize("alternate_sign", [True, False])
@pytest.mark.parametrize("n_features", [1, 2, 3, 7])
def test_everything_collides(n_features: int, alternate_sign: bool) -> None:
    """Equal indices are summed; a sum of zero stays as an explicit zero."""
    table = {f"c{i}": [str(i * row) for row in range(50)] for i in range(40)}
    check(table, n_features, alternate_sign=alternate_sign)


@pytest.mark.parametrize("columns", [1, 2, 400])
def test_few_and_many_columns(columns: int) -> None:
    table = {f"column {i}": [None if (i + row) % 5 == 0 else f"{i}/{row}" for row in range(9)]
             for i in range(columns)}  # fmt: skip
    check(table, 2**20, alternate_sign=True)


@pytest.mark.parametrize("length", [*range(1, 40), 63, 64, 65, 66, 127, 128, 1000, 70_001])
def test_cells_of_every_length(length: int) -> None:
    table = {"c": ["x" * length, "y", "z" * (length + 1), None, "é" * length]}
    check(table, 2**31 - 1, alternate_sign=True)


@pytest.mark.parametrize("columns", range(1, 20))
@pytest.mark.parametrize("n_features", [1, 2**31 - 1])
def test_every_width_of_a_row_of_numbers(columns: int, n_features: int) -> None:
    """NumPy 2.5 negates in place only the first eight of numbers that lie 64 bytes apart."""
    table = {f"n{i}": [float(i + row) for row in range(40)] for i in range(columns)}
    check(table, n_features, alternate_sign=True)
    check({**table, "c": [str(row) for row in range(40)]}, n_features, alternate_sign=True)


def test_a_block_with_many_distinct_cells() -> None:
    check({"c": [f"{i:x}" for i in range(40_000)]}, 2**20, alternate_sign=True)


def cell_whose_token_hashes_to(target: int, column: str) -> str | None:
    """The four bytes that make ``column=cell`` hash to a number, by undoing MurmurHash3."""

    def unshift(value: int, bits: int) -> int:
        undone = value
        for _ in range(32 // bits):
            undone = value ^ undone >> bits
        return undone

    def times(value: int, factor: int) -> int:
        return value * pow(factor, -1, 2**32) % 2**32

    def rotate(value: int, bits: int) -> int:
        return (value << bits | value >> (32 - bits)) % 2**32

    prefix = f"{column}=".encode()
    assert len(prefix) % 4 == 0
    state = 0
    for start in range(0, len(prefix), 4):
        word = int.from_bytes(prefix[start : start + 4], "little")
        scrambled = rotate(word * 0xCC9E2D51 % 2**32, 15) * 0x1B873593 % 2**32
        state = (rotate(state ^ scrambled, 13) * 5 + 0xE6546B64) % 2**32
    last = unshift(times(unshift(times(unshift(target, 16), 0xC2B2AE35), 13), 0x85EBCA6B), 16)
    last ^= len(prefix) + 4
    mixed = rotate(times((last - 0xE6546B64) % 2**32, 5), 32 - 13) ^ state
    word = times(rotate(times(mixed, 0x1B873593), 32 - 15), 0xCC9E2D51)
    cell = word.to_bytes(4, "little")
    return cell.decode() if cell.isascii() and cell.isalnum() else None


@pytest.mark.parametrize("n_features", [1, 2, 3, 1000, 2**20, 2**31 - 1])
@pytest.mark.parametrize("hashed", [INT_MIN, 0, -1, 2**31 - 1, INT_MIN + 1])
def test_hashes_at_the_edges(hashed: int, n_features: int) -> None:
    """The absolute value of -2**31 is no 32-bit number; scikit-learn takes it for 2**31."""
    names = (f"c{number:06}" for number in range(100_000))
    cells = ((name, cell_whose_token_hashes_to(hashed % 2**32, name)) for name in names)
    column, cell = next((name, cell) for name, cell in cells if cell)
    assert murmurhash3_32(f"{column}={cell}", seed=0) == hashed
    check({column: [cell, "other"]}, n_features, alternate_sign=True)
    check({column: [cell, "other"]}, n_features, alternate_sign=False)


def test_a_number_of_zero_is_no_feature_and_a_null_neither() -> None:
    batch = batch_of({"I1": [0.0, -0.0, None, 2.0], "c": [None, None, None, None]})
    assert [len(row) for row in sparse_rows(FeatureHasher(64).apply(batch))] == [0, 0, 0, 1]


@pytest.mark.parametrize("kind", [Role.CATEGORICAL, Role.NUMERIC])
def test_a_column_of_nulls(kind: Role) -> None:
    batch = batch_of({"c": [None, None]}, {"c": kind})
    assert sparse_rows(FeatureHasher(64).apply(batch)) == [[], []]


def test_an_empty_text_that_is_no_null_is_hashed() -> None:
    check({"c": ["", "a"]}, 2**20, alternate_sign=True)


def test_label_id_and_channel_stay_and_are_no_features() -> None:
    roles = {"id": Role.ID, "click": Role.LABEL}
    alone = batch_of({"c": ["x", "y"]})
    batch = batch_of({"id": ["7", "8"], "click": [0, 1], "c": ["x", "y"]}, roles)
    hashed = FeatureHasher(2**20).apply(batch)
    assert hashed.schema.names == ["id", "click", "indices", "values"]
    assert hashed.schema.field("indices").metadata[N_FEATURES] == b"1048576"
    assert hashed.column("id").to_pylist() == ["7", "8"]
    assert sparse_rows(hashed) == sparse_rows(FeatureHasher(2**20).apply(alone))


def test_types_of_the_values() -> None:
    hasher = FeatureHasher(64)
    text, number = batch_of({"c": ["x"]}), batch_of({"c": [1.0]})
    assert hasher.apply(text).schema.field("values").type == pa.list_(pa.float32())
    assert hasher.apply(number).schema.field("values").type == pa.list_(pa.float64())


def test_without_a_feature_there_is_nothing_to_hash() -> None:
    batch = batch_of({"click": [0.0]}, {"click": Role.LABEL})
    with pytest.raises(ValueError, match=r"^there is no feature column left to hash$"):
        FeatureHasher(64).output_schema(batch.schema)


@given(tables(), st.data())
def test_a_slice_gives_the_rows_of_the_slice(
    table: dict[str, list[Any]], data: st.DataObject
) -> None:
    batch = batch_of(table)
    start = data.draw(st.integers(0, batch.num_rows))
    length = data.draw(st.integers(0, batch.num_rows))
    hasher = FeatureHasher(97)
    whole = sparse_rows(hasher.apply(batch))
    assert sparse_rows(hasher.apply(batch.slice(start, length))) == whole[start : start + length]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_whole_job(tmp_path: Path, threads: int) -> None:
    content = clicks(3000)
    spec = job(id="id", label="click", steps=[HASH], threads=threads, block_bytes=5000)
    result = run(tmp_path, content, spec)
    rows = [line.split(",") for line in content.splitlines()]
    table = {
        name: [row[place] or None for row in rows[1:]]
        for place, name in enumerate(rows[0])
        if place > 1
    }
    assert_same(result.matrix(), expected(table, 3000, 64, alternate_sign=True))
    assert result.array("label").tolist() == [float(row[1]) for row in rows[1:]]
    assert result.array("id").tolist() == [row[0].encode() for row in rows[1:]]
