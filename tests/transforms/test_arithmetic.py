"""`arithmetic` against NumPy, and its logarithm against exact arithmetic."""

from __future__ import annotations

import math
from decimal import Context, Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.chain.logarithm import log1p
from headrace.runtime.errors import BadRows
from headrace.runtime.transform import Role
from tests.transforms.batches import batch_of
from transforms.arithmetic import Arithmetic

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
CELLS = st.lists(st.one_of(st.none(), st.floats(-0.999, 1e300)), max_size=30)


def numbers_of(operations: tuple[Any, ...], cells: list[Any]) -> list[Any]:
    made = Arithmetic(operations).apply(_batch(cells).slice(1))
    return list(made.column("x").to_pylist())


def _batch(cells: list[Any]) -> Any:
    """The column behind a row that is sliced off, so that Arrow counts from another offset."""
    return batch_of({"x": [0.0, *cells], "c": ["a"] * (len(cells) + 1)}, {"x": Role.NUMERIC})


@given(CELLS, st.floats(-10, 10), st.floats(0, 10), st.floats(1e-3, 1e3))
def test_it_does_what_numpy_does(
    cells: list[float | None], low: float, more: float, factor: float
) -> None:
    operations = ("log1p", {"clip": (low, low + more)}, {"scale": factor})
    numbers = np.array([0.0 if cell is None else cell for cell in cells])
    expected = np.clip(np.log1p(numbers), low, low + more) * factor
    made = numbers_of(operations, cells)
    assert [cell is None for cell in made] == [cell is None for cell in cells]
    given_cells = np.array([math.nan if cell is None else cell for cell in made], float)
    there = np.array([cell is not None for cell in cells], bool)
    np.testing.assert_allclose(given_cells[there], expected[there], rtol=1e-15)


@given(st.lists(NUMBERS, max_size=20), st.one_of(st.none(), NUMBERS), st.one_of(st.none(), NUMBERS))
def test_clip_is_exact(cells: list[float], low: float | None, high: float | None) -> None:
    if low is not None and high is not None:
        low, high = sorted([low, high])
    made = numbers_of(({"clip": (low, high)},), cells)
    bounds = (-np.inf if low is None else low, np.inf if high is None else high)
    assert made == np.clip(np.array(cells, float), *bounds).tolist()


@given(st.lists(st.floats(-1, 1.7e308, exclude_min=True), min_size=1, max_size=40))
def test_the_logarithm_is_rounded_correctly(cells: list[float]) -> None:
    numbers = np.array(cells)
    exact = [_exact(number) for number in cells]
    assert log1p(numbers).tolist() == exact
    np.testing.assert_array_max_ulp(log1p(numbers), np.log1p(numbers), maxulp=2)


def _exact(number: float) -> float:
    """To 400 digits, which is enough for the smallest number that there is."""
    sure = Context(prec=1500)
    return float(sure.add(Decimal(number), 1).ln(Context(prec=400)))


def test_small_whole_numbers_are_those_of_numpy() -> None:
    numbers = np.arange(100_000.0)
    assert (log1p(numbers) == np.log1p(numbers)).mean() > 0.99


def test_the_logarithm_of_few_numbers_is_that_of_many() -> None:
    random = np.random.default_rng(0)
    numbers = np.concatenate([random.lognormal(0, 9, 4000), -random.random(900), np.arange(99.0)])
    few = [log1p(piece) for piece in np.array_split(numbers, 700)]
    assert np.concatenate(few).tobytes() == log1p(numbers).tobytes()


def test_the_order_counts() -> None:
    first = numbers_of(({"scale": 2}, {"clip": (None, 3)}), [1.0, 2.0])
    other = numbers_of(({"clip": (None, 3)}, {"scale": 2}), [1.0, 2.0])
    assert (first, other) == ([2.0, 3.0], [2.0, 4.0])


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        (["log1p"], "a number greater than -1, for log1p"),
        (["log1p", "log1p"], "a number greater than -1, for log1p"),
        ([{"scale": 1e308}], "a number that is finite once it is scaled"),
    ],
)
def test_what_has_no_result_is_a_bad_row(operations: list[Any], expected: str) -> None:
    with pytest.raises(BadRows) as caught:
        numbers_of(tuple(operations), [0.5, -1e9, None])
    assert caught.value.expected == expected
    assert caught.value.mask.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"operations": ({},)}, "an operation is one of log1p, clip, scale (got {})"),
        (
            {"operations": ({"clip": (2, 1)},)},
            "clip should have its lower bound first (got [2, 1])",
        ),
    ],
)
def test_operations_that_mean_nothing(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        Arithmetic(**parameters)
    assert str(caught.value) == message
