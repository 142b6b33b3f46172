"""`impute` against scikit-learn's ``SimpleImputer``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer

from headrace.runtime.chain.dictionaries import encoded, packed, unpacked
from headrace.runtime.transform import Role
from tests.transforms.batches import CELLS, batch_of
from tests.transforms.learning import learned
from transforms.impute import Impute

ROLES = {"x": Role.NUMERIC, "y": Role.NUMERIC}
CELL = st.one_of(
    st.none(), st.floats(-1e6, 1e6), st.integers(-3, 3).map(float), st.sampled_from([0.0, -0.0])
)


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent"])
@given(train=st.lists(CELL, min_size=1, max_size=20), later=st.lists(CELL, max_size=5))
def test_numbers(strategy: Any, train: list[Any], later: list[Any]) -> None:
    batch = batch_of({"x": train}, ROLES)
    half = len(train) // 2
    step = learned(Impute(strategy, indicator=True), batch.slice(half), batch.slice(0, half))
    oracle = SimpleImputer(strategy=strategy, keep_empty_features=True)
    oracle.fit(np.array(train, float)[:, None])
    for cells in (train, later):
        made = step.apply(batch_of({"x": cells}, ROLES)).to_pydict()
        if cells:
            expected = oracle.transform(np.array(cells, float)[:, None])[:, 0]
            close = 1e-9 if strategy == "mean" else 0
            np.testing.assert_allclose(made["x"], expected, rtol=close, atol=close)
        assert made["x_missing"] == [float(cell is None) for cell in cells]


@given(train=st.lists(CELLS, min_size=1, max_size=20), later=st.lists(CELLS, max_size=5))
def test_texts(train: list[Any], later: list[Any]) -> None:
    step = learned(Impute("most_frequent"), batch_of({"a": train}, {"a": Role.CATEGORICAL}))
    if not any(train):
        return
    oracle = SimpleImputer(missing_values=None, strategy="most_frequent")
    oracle.fit(np.array(train, object)[:, None])
    for cells in (train, later):
        made = step.apply(batch_of({"a": cells}, {"a": Role.CATEGORICAL})).column("a").to_pylist()
        if cells:
            assert made == oracle.transform(np.array(cells, object)[:, None])[:, 0].tolist()


def test_a_column_without_any_value() -> None:
    table = {"a": [None, None], "x": [None, None]}
    made = learned(Impute("most_frequent"), batch_of(table, ROLES)).apply(batch_of(table, ROLES))
    assert made.to_pydict() == {"a": [None, None], "x": [0.0, 0.0]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("none", {"a": ["u", "none"], "x": [1.0, None], "a_missing": [0.0, 1.0]}),
        ("-1", {"a": ["u", None], "x": [1.0, -1.0], "x_missing": [0.0, 1.0]}),
    ],
)
def test_a_constant_needs_no_pass(value: Any, expected: dict[str, list[Any]]) -> None:
    step = Impute("constant", value, indicator=True)
    assert not step.learns()
    batch = batch_of({"a": ["u", None], "x": [1.0, None]}, ROLES)
    assert step.apply(batch).to_pydict() == expected


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            Impute(columns=("a",)),
            "column 'a' has to be a numeric feature; dataset.numeric names those of the data",
        ),
        (Impute("constant", "?", columns=("x",)), "column 'x' has to be a categorical feature"),
        (Impute(columns=("x",), indicator=True), "there is a column 'x_missing' already"),
    ],
)
def test_columns_that_do_not_fit(step: Impute, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        step.output_schema(batch_of({"a": ["u"], "x": [1.0], "x_missing": [1.0]}, ROLES).schema)
    assert str(caught.value) == message


def test_a_number_may_fill_texts_that_are_named() -> None:
    batch = batch_of({"a": ["u", None], "x": [1.0, None]}, ROLES)
    made = Impute("constant", "-1", columns=("a", "x")).apply(batch)
    assert made.to_pydict() == {"a": ["u", "-1"], "x": [1.0, -1.0]}


@pytest.mark.parametrize("value", ["nan", "-inf", "Infinity"])
def test_what_is_no_finite_number_fills_only_texts_that_are_named(value: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        Impute("constant", value)
    assert str(caught.value) == (
        f"value should be a finite number or a text (got '{value}'); "
        "as a text this one needs 'columns'"
    )
    made = Impute("constant", value, columns=("a",)).apply(batch_of({"a": ["u", None]}, ROLES))
    assert made.to_pydict() == {"a": ["u", value]}


@pytest.mark.parametrize("parameters", [{"strategy": "constant"}, {"value": "1"}])
def test_a_constant_needs_a_value(parameters: Any) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        Impute(**parameters)
    assert str(caught.value) == "strategy 'constant' needs a 'value', and no other one has it"


def test_texts_by_their_values_are_filled_as_such() -> None:
    texts: list[str | None] = ["a", None, "b", None]
    for value, expected in (("b", ["a", "b"]), ("c", ["a", "b", "c"])):
        step = Impute(strategy="constant", value=value)
        made = step.apply(encoded(batch_of({"x": texts}))).column("x")
        assert made.to_pylist() == [text or value for text in texts]
        assert made.dictionary.to_pylist() == expected
    whole = step.apply(encoded(batch_of({"x": ["a", "b"]}))).column("x")
    assert whole.dictionary.to_pylist() == ["a", "b"]


@pytest.mark.parametrize("count", [2, 256, 257])
@pytest.mark.parametrize("has_null", [False, True])
def test_codes_of_kept_rows_are_as_narrow_as_their_values_allow(count: int, has_null: bool) -> None:
    texts = [*map(str, range(count)), *([None] if has_null else [])]
    kept = unpacked(packed(encoded(batch_of({"x": texts}))))
    made = Impute(strategy="constant", value="a").apply(kept).column("x")
    assert made.to_pylist() == [*map(str, range(count)), *(["a"] if has_null else [])]
