"""`target_encode` against scikit-learn's ``TargetEncoder``, plain and with folds of our own."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import TargetEncoder
from sklearn.utils import murmurhash3_32

from headrace.runtime.learning.targets import counted_up
from headrace.runtime.transform import Role
from tests.transforms.batches import UNICODE, batch_of
from tests.transforms.learning import column, learned
from transforms.target_encode import TargetEncode

ROLES = {"click": Role.LABEL, "id": Role.ID}
SMOOTH = st.one_of(st.sampled_from([0.0, 0.1, 1.0, 10.0, 20.5, 1e6]), st.floats(0, 100))
CELLS = st.one_of(st.none(), UNICODE, st.sampled_from(["a", "b", "14489770110436898243"]))


@st.composite
def clicks(draw: st.DrawFn, labels: st.SearchStrategy[float]) -> dict[str, list[Any]]:
    pool = draw(st.lists(CELLS, min_size=1, max_size=4))
    rows = draw(st.lists(st.tuples(st.sampled_from(pool), labels), min_size=2, max_size=40))
    cells, clicked = map(list, zip(*rows, strict=True))
    return {"id": [str(10**19 + row) for row in range(len(rows))], "click": clicked, "a": cells}


def oracle(smooth: float, kind: str, **settings: Any) -> TargetEncoder:
    return TargetEncoder(smooth=smooth, target_type=kind, **settings)


def given_rows(table: dict[str, list[Any]]) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    rows = [row for row, cell in enumerate(table["a"]) if cell is not None]
    cells = np.array([table["a"][row] for row in rows], object)[:, None]
    return cells, np.array([table["click"][row] for row in rows], float)


def assert_plain(table: dict[str, list[Any]], smooth: float, kind: str, **close: Any) -> None:
    batch = batch_of(table, ROLES)
    step = learned(TargetEncode(smooth, 0), batch.slice(1), batch.slice(0, 1))
    made = column(step, batch, "a")
    # Nulls are a category there, so that these rows count in the mean of all.
    cells = np.array(["\0null" if cell is None else cell for cell in table["a"]], object)[:, None]
    expected = oracle(smooth, kind).fit(cells, np.array(table["click"])).transform(cells)[:, 0]
    for cell, ours, theirs in zip(table["a"], made, expected, strict=True):
        if cell is None:
            assert ours is None
        elif close:
            assert ours == pytest.approx(theirs, **close)
        else:
            assert ours == theirs
    unknown = batch_of({"a": ["never seen"], "click": [0], "id": ["1"]}, ROLES)
    assert column(step, unknown.select(batch.schema.names), "a") == [np.mean(table["click"])]


@given(clicks(st.sampled_from([0, 1])), SMOOTH)
def test_clicks_to_the_last_bit(table: dict[str, list[Any]], smooth: float) -> None:
    if len(set(table["click"])) == 2:  # which the oracle wants
        assert_plain(table, smooth, "binary")


@given(clicks(st.integers(-(2**40), 2**40)), SMOOTH)
def test_other_whole_labels(table: dict[str, list[Any]], smooth: float) -> None:
    assert_plain(table, smooth, "continuous", rel=1e-12, abs=1e-3)


@given(clicks(st.integers(0, 9)), st.sampled_from([20.0, 33.3, 1e3]))
def test_small_whole_labels_to_the_last_bit(table: dict[str, list[Any]], smooth: float) -> None:
    if smooth * np.mean(table["click"]) >= max(table["click"]) > 0:
        assert_plain(table, smooth, "continuous")


FOLDED = clicks(st.sampled_from([0, 1]))


@given(FOLDED, SMOOTH, st.sampled_from([2, 3, 5]), st.integers(0, 3))
def test_out_of_fold_to_the_last_bit(
    table: dict[str, list[Any]], smooth: float, folds: int, seed: int
) -> None:
    """A training row's value comes from the rows of the other folds."""
    own = np.array([murmurhash3_32(each, seed, positive=True) % folds for each in table["id"]])
    labels = np.array(table["click"])
    splits = [(own != fold, own == fold) for fold in sorted(set(own))]
    if len(splits) < 2 or len(set(table["click"])) < 2:
        return
    batch = batch_of(table, ROLES)
    made = column(learned(TargetEncode(smooth, folds, seed), batch), batch, "a")
    cells = np.array(["\0null" if cell is None else cell for cell in table["a"]], object)[:, None]
    places = [(np.flatnonzero(train), np.flatnonzero(test)) for train, test in splits]
    encoder = oracle(smooth, "binary", cv=places)
    expected = encoder.fit_transform(cells, labels)[:, 0]
    assert made == [
        None if cell is None else value for cell, value in zip(table["a"], expected, strict=True)
    ]


def in_channels(table: dict[str, list[Any]], channels: list[int]) -> pa.RecordBatch:
    batch = batch_of(table, ROLES)
    field = pa.field("__channel__", pa.int8(), metadata={b"headrace.role": b"channel"})
    cells = pa.array(channels, pa.int8())
    return pa.RecordBatch.from_arrays([*batch.columns, cells], schema=batch.schema.append(field))


def test_only_training_rows_are_out_of_fold() -> None:
    """Validation rows, and rows that the run did not have, get the mean of all training rows."""
    rows = 40
    table: dict[str, list[Any]] = {
        "id": [str(row) for row in range(rows)],
        "click": [row % 3 == 0 for row in range(rows)],
        "a": [str(row % 4) for row in range(rows)],
    }
    train = in_channels(table, [0] * rows)
    plain = column(learned(TargetEncode(folds=0), train), train, "a")
    step = learned(TargetEncode(folds=5), train)
    assert column(step, in_channels(table, [1] * rows), "a") == plain
    assert column(step, train, "a") != plain
    new = TargetEncode(folds=5).for_new_rows()
    assert step.state is not None
    assert new.with_state(step.state).apply(train).column("a").to_pylist() == plain


FLOATS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)


def test_labels_that_cancel_out_leave_nothing_in_the_state() -> None:
    table: dict[str, list[Any]] = {"id": ["1", "2"], "click": [1e300, -1e300], "a": [None, None]}
    batch, step = batch_of(table, ROLES), TargetEncode(3.0, 0)
    apart = learned(step, batch.slice(1), batch.slice(0, 1))
    assert apart.state == learned(step, batch).state


@given(clicks(FLOATS), st.integers(0, 2), st.data())
@settings(max_examples=50)
def test_any_labels_in_any_order_to_the_last_bit(
    table: dict[str, list[Any]], folds: int, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(table["a"]))))
    cut = data.draw(st.integers(0, len(order)))
    batch, step = batch_of(table, ROLES), TargetEncode(3.0, folds and 3)
    turned = batch.take(pa.array(order, pa.int64()))
    whole = learned(step, batch)
    apart = learned(step, turned.slice(cut), turned.slice(0, cut))
    assert apart.state == whole.state
    assert column(apart, batch, "a") == column(whole, batch, "a")
    plain = learned(TargetEncode(0.0, 0), batch)
    for cell, ours in zip(table["a"], column(plain, batch, "a"), strict=True):
        chosen = [Fraction(y) for x, y in zip(table["a"], table["click"], strict=True) if x == cell]
        if cell is not None:
            scale = float(max(map(abs, chosen)))
            assert ours == pytest.approx(
                float(sum(chosen) / len(chosen)), rel=1e-12, abs=scale * 1e-15
            )


@given(
    st.one_of(st.floats(0, 1e4), st.just(1e300)),
    st.lists(st.integers(0, 3000), min_size=1, max_size=5),
)
def test_counting_up_rounds_as_a_loop_does(start: float, times: list[int]) -> None:
    expected, number = {}, start
    for count in range(max(times) + 1):
        expected[count] = number
        number += 1.0
    made = counted_up(start, np.array(times)).tolist()
    assert made == [expected[count] for count in times]


def test_the_row_text_is_the_key_without_an_id() -> None:
    schema = batch_of({"click": [1], "a": ["x"]}, ROLES).schema
    assert TargetEncode().wants(schema) == (Role.LABEL, Role.UNLABELED_TEXT)
    assert TargetEncode(folds=0).wants(schema) == (Role.LABEL,)


def test_one_fold_is_none() -> None:
    with pytest.raises(ValueError, match="folds should be 0 or at least 2: one fold has no others"):
        TargetEncode(folds=1)
