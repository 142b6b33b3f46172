"""What a model gets: rows cut by number, numbers made small, labels that are 0 or 1."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.errors import DataError
from headrace.runtime.evaluation import rows as module
from headrace.runtime.evaluation.rows import (
    Rows,
    cut,
    needed,
    refuse_infinite,
    refuse_other_labels,
    tamed,
)
from headrace.runtime.output.writers.base import Layout
from headrace.runtime.transform import N_FEATURES, Role, with_role

WIDTH = 16
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def hashed(matrix: sp.csr_matrix, labels: list[float]) -> pa.RecordBatch:
    """The batch that a hasher would have made of such a matrix."""
    offsets = pa.array(matrix.indptr.astype(np.int32))
    columns = {
        Role.ID: pa.array([f"row {number}" for number in range(len(labels))]),
        Role.LABEL: pa.array(labels, pa.float64()),
        Role.INDICES: pa.ListArray.from_arrays(offsets, pa.array(matrix.indices.astype(np.int32))),
        Role.VALUES: pa.ListArray.from_arrays(offsets, pa.array(matrix.data)),
    }
    fields = [
        with_role(pa.field(role, column.type, metadata={N_FEATURES: str(WIDTH).encode()}), role)
        for role, column in columns.items()
    ]
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=pa.schema(fields))


def random_rows(count: int, dtype: type = np.float32) -> tuple[sp.csr_matrix, list[float]]:
    random = np.random.default_rng(count)
    matrix = sp.random(count, WIDTH, 0.3, "csr", dtype=dtype, random_state=random)
    return matrix, random.integers(0, 2, count).astype(float).tolist()


@pytest.mark.parametrize("sizes", [[20], [1] * 20, [3, 0, 12, 5], [19, 1]])
def test_joined_slices_are_the_matrix(sizes: list[int]) -> None:
    matrix, labels = random_rows(20)
    whole = hashed(matrix, labels)
    starts = np.cumsum([0, *sizes])
    batches = [whole.slice(start, size) for start, size in zip(starts[:-1], sizes, strict=True)]
    made = Rows.of(batches, Layout.of(whole.schema))
    again = sp.csr_matrix((made.values, made.indices, made.offsets), (20, made.n_features))
    assert made.values.dtype == made.labels.dtype == np.float64
    assert made.offsets.dtype == made.indices.dtype == np.int32
    assert (again != matrix).nnz == 0
    assert made.labels.tolist() == labels


def test_what_a_model_needs() -> None:
    matrix, labels = random_rows(2)
    assert needed(hashed(matrix, labels).schema) == [1, 2, 3]


@given(st.lists(st.integers(0, 9)))
def test_rows_are_cut_by_their_number(sizes: list[int]) -> None:
    numbers = iter(range(1000))
    batches = [
        pa.record_batch({"n": pa.array([next(numbers) for _ in range(size)], pa.int64())})
        for size in sizes
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "BATCH_ROWS", 4)
        taken = list(cut(batches))
    found = [[row for batch in each for row in batch["n"].to_pylist()] for each in taken]
    assert [row for each in found for row in each] == list(range(sum(sizes)))
    assert all(len(each) == 4 for each in found[:-1])
    assert all(1 <= len(each) <= 4 for each in found)


@given(st.lists(NUMBERS, min_size=1))
def test_numbers_keep_their_order_and_become_small(numbers: list[float]) -> None:
    values = np.sort(np.array(numbers))
    small = tamed(values)
    assert (np.diff(small) >= 0).all()
    assert (np.abs(small) <= 79).all()
    inside = np.abs(values) <= 1
    assert (small[inside] == values[inside]).all()


def test_a_number_counts_by_its_magnitude() -> None:
    values = np.array([-1e4, -1.0, 0.5, 1.0, 10.0, 1e4, 1e8])
    assert tamed(values).tolist() == [-2.0, -1.0, 0.5, 1.0, 1.25, 2.0, 3.0]


def test_only_numeric_features_are_tamed() -> None:
    """Summed tokens are whole numbers, whichever columns they are of."""
    matrix = sp.csr_matrix(np.array([[0, 10.0, -1.0]]))
    plain = hashed(matrix.astype(np.float32), [1.0])
    numeric = hashed(matrix, [1.0])
    assert Rows.of([plain], Layout.of(plain.schema)).values.tolist() == [10.0, -1.0]
    assert Rows.of([numeric], Layout.of(numeric.schema)).values.tolist() == [1.25, -1.0]


def test_other_labels_are_refused() -> None:
    matrix, _ = random_rows(9)
    batch = hashed(matrix, [0, 1, 2, 0.5, -1, 1e10, 3, 4, 5])
    with pytest.raises(DataError) as caught:
        refuse_other_labels(batch, 1)
    assert str(caught.value) == (
        "column 'label': a logistic regression needs labels that are 0 or 1, "
        "got -1, 0.5, 2, 3, 4; use evaluation=linear or none for others"
    )
    with pytest.raises(DataError) as caught:
        refuse_other_labels(hashed(matrix, [-1, 1, 1, 1, -1, 1, 1, 1, 1]), 1)
    assert str(caught.value) == (
        "column 'label': a logistic regression needs labels that are 0 or 1, "
        "got -1; dataset.label_values={-1:0,1:1} makes them so"
    )
    refuse_other_labels(hashed(matrix, [0, 1, -0.0, 1, 0, 0, 0, 0, 0]), 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_model_learns_of_what_is_no_number(value: float) -> None:
    places = np.zeros(2, np.int32)
    rows = Rows(np.arange(3, dtype=np.int32), places, np.array([1.0, value]), 1, np.zeros(2))
    with pytest.raises(DataError) as caught:
        refuse_infinite(rows)
    assert str(caught.value) == (
        "evaluation: a step gives a number that is infinite or NaN, of which no model can learn; "
        "it should make it null, or use evaluation=none"
    )
    refuse_infinite(Rows(rows.offsets, places, np.array([1.0, -1.7e308]), 1, rows.labels))
