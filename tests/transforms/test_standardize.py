"""`standardize` against scikit-learn's ``StandardScaler``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from headrace.runtime.errors import BadRows, DataError
from headrace.runtime.learning.states import in_their_order
from headrace.runtime.spec import StepSpec
from headrace.runtime.transform import Role, Transform
from tests.runtime.jobs import Result, job, run
from tests.transforms.batches import batch_of
from transforms.standardize import Standardize

STEP = StepSpec("standardize", "standardize", {})
SPLIT = StepSpec("split", "split", {"train_fraction": 0.6})
NUMBERS = {"x": Role.NUMERIC, "y": Role.NUMERIC}


def learned(step: Standardize, *batches: pa.RecordBatch) -> Transform:
    state = step.merge([step.accumulate(batch) for batch in batches])
    return step.with_state(step.finish(in_their_order(state)))


CELL = st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-50, 50).map(float))


@given(st.lists(CELL, min_size=1, max_size=40), st.lists(CELL, max_size=10))
def test_as_scikit_learn_does_it(train: list[float | None], later: list[float | None]) -> None:
    """Nulls, which are NaN there, do not count."""
    batch = batch_of({"x": train}, NUMBERS)
    step = learned(Standardize(), batch)
    scaler = StandardScaler().fit(as_column(train)) if any_number(train) else None
    if scaler is None or scaler.scale_[0] == 1.0 != np.nanstd(as_column(train)):
        return  # a constant column is told apart below
    for cells in (train, later):
        made = step.apply(batch_of({"x": cells}, NUMBERS)).column("x").to_pylist()
        if cells:
            expected = scaler.transform(as_column(cells))[:, 0]
            np.testing.assert_allclose(np.array(made, float), expected, rtol=1e-6, atol=1e-6)
        assert [cell is None for cell in made] == [cell is None for cell in cells]


def as_column(cells: list[float | None]) -> Any:
    return np.array(cells, float)[:, None]


def any_number(cells: list[float | None]) -> bool:
    return any(cell is not None for cell in cells)


def test_mean_and_scale_are_kept_under_the_columns_names() -> None:
    batch = batch_of({"y": [1.0, 3.0, None], "x": [0.1] * 3, "c": ["a"] * 3}, NUMBERS)
    step = Standardize()
    kept = step.finish(in_their_order(step.accumulate(batch)))
    assert kept.to_pylist() == [
        {"column": "x", "mean": 0.1, "scale": 0.0},
        {"column": "y", "mean": 2.0, "scale": 1.0},
    ]


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=30), st.data())
def test_how_rows_are_divided_makes_no_difference_to_the_last_bit(
    numbers: list[float], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(numbers))
    cut = data.draw(st.integers(0, len(order)))
    whole = learned(Standardize(), batch_of({"x": numbers}, NUMBERS))
    parts = [batch_of({"x": part}, NUMBERS) for part in (order[cut:], order[:cut])]
    assert learned(Standardize(), *parts) == whole


@pytest.mark.parametrize("train", [[7.0, 7.0, None], [None, None], []])
def test_without_any_spread_every_number_becomes_zero(train: list[float | None]) -> None:
    step = learned(Standardize(), batch_of({"x": train}, NUMBERS))
    made = step.apply(batch_of({"x": [7.0, -8.0, None]}, NUMBERS))
    assert repr(made.column("x").to_pylist()) == "[0.0, 0.0, None]"


def test_only_the_columns_that_are_named() -> None:
    batch = batch_of({"x": [1.0, 3.0], "y": [1.0, 3.0], "c": ["a", "b"]}, NUMBERS)
    made = learned(Standardize(("y",)), batch).apply(batch)
    assert made.to_pydict() == {"x": [1.0, 3.0], "y": [-1.0, 1.0], "c": ["a", "b"]}


NAMED = "dataset.numeric names those of the data"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (("z",), "there is no column 'z' at this point of the chain"),
        (("c",), f"column 'c' has to be a numeric feature; {NAMED}"),
        (None, f"there is no numeric column at this point of the chain; {NAMED}"),
    ],
)
def test_columns_that_do_not_fit(columns: tuple[str, ...] | None, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        Standardize(columns).output_schema(batch_of({"c": ["a"]}).schema)
    assert str(caught.value) == message


def test_whole_numbers_become_floats() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([1, 3])], ["x"])
    step = learned(Standardize(), batch)
    assert step.output_schema(batch.schema).field("x").type == pa.float64()
    assert step.apply(batch).column("x").to_pylist() == [-1.0, 1.0]


def test_what_cannot_be_told_from_infinity_is_a_bad_row() -> None:
    step = learned(Standardize(), batch_of({"x": [0.0, 1e-300]}, NUMBERS))
    with pytest.raises(BadRows) as caught:
        step.apply(batch_of({"x": [0.0, 1e300, None]}, NUMBERS))
    expected = "a number nearer to the mean of the training rows"
    assert str(caught.value) == f"column 'x': expected {expected}"
    assert caught.value.mask.tolist() == [False, True, False]
    with pytest.raises(BadRows) as caught:
        Standardize().accumulate(batch_of({"x": [1.0, float("nan"), None]}, NUMBERS))
    assert str(caught.value) == "column 'x': expected a finite number"


ROWS = [(str(10**19 + i), i * 0.37 - 5 if i % 9 else None) for i in range(300)]
CONTENT = "id,x,c\n" + "".join(f"{i},{'' if x is None else x},a\n" for i, x in ROWS)


def tables(root: Path, *steps: StepSpec, **settings: Any) -> Result:
    return run(root, CONTENT, job(steps=steps, format="parquet", numeric=("x",), **settings))


def test_behind_a_split_only_training_rows_are_learned_from(tmp_path: Path) -> None:
    plain = tables(tmp_path, SPLIT, id="id")
    made = tables(tmp_path, SPLIT, STEP, id="id")
    train = as_column(plain.table("train")["x"].to_pylist())
    scaler = StandardScaler().fit(train)
    for channel in ("train", "validation"):
        cells = as_column(plain.table(channel)["x"].to_pylist())
        found = as_column(made.table(channel)["x"].to_pylist())
        np.testing.assert_allclose(found, scaler.transform(cells), rtol=1e-12)
    assert abs(np.nanmean(as_column(made.table("validation")["x"].to_pylist()))) > 1e-3


def test_before_a_split_all_rows_are(tmp_path: Path) -> None:
    made = tables(tmp_path, STEP, SPLIT, id="id")
    every = [x for channel in ("train", "validation") for x in made.table(channel)["x"].to_pylist()]
    np.testing.assert_allclose([np.nanmean(as_column(every)), np.nanstd(as_column(every))], [0, 1],
                               atol=1e-12)  # fmt: skip


def test_a_row_far_off_is_named_or_left_out(tmp_path: Path) -> None:
    content = "x,day\n0,1\n1e-300,1\n1e300,2\n"
    by_day = StepSpec("split", "split", {"method": "time", "column": "day", "before": "2"})
    settings: dict[str, Any] = {"steps": [by_day, STEP], "format": "parquet", "numeric": ("x",)}
    with pytest.raises(DataError) as caught:
        run(tmp_path, content, job(**settings))
    assert str(caught.value) == (
        "data.csv, line 4, column 'x': expected a number nearer to the mean of the training rows, "
        "got 1e+300"
    )
    result = run(tmp_path, content, job(**settings, on_bad_rows="skip"))
    assert result.manifest["rows"] == {"read": 3, "written": 2, "rejected": 1}
