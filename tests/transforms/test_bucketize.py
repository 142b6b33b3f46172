"""`bucketize` against ``numpy.digitize``, ``KBinsDiscretizer`` and Criteo's usual formula."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import KBinsDiscretizer

from headrace.runtime.errors import BadRows
from headrace.runtime.transform import Encoding, Role, encoding_of
from tests.transforms.batches import batch_of
from tests.transforms.learning import column, learned
from transforms.bucketize import Bucketize

ROLES = {"x": Role.NUMERIC, "y": Role.NUMERIC}
NUMBER = st.one_of(
    st.floats(-1e6, 1e6), st.integers(-3, 3).map(float), st.sampled_from([0.0, -0.0, 2.0**63])
)
CELL = st.one_of(st.none(), NUMBER)


@given(st.lists(CELL), st.lists(NUMBER, min_size=1, max_size=6, unique=True))
def test_given_edges(cells: list[float | None], edges: list[float]) -> None:
    step = Bucketize(edges=tuple(sorted(edges)))
    made = step.apply(batch_of({"x": cells}, ROLES))
    expected = [None if x is None else int(np.digitize(x, sorted(edges))) for x in cells]
    assert made.column("x").to_pylist() == expected
    assert encoding_of(made.schema.field("x")) == Encoding(len(edges) + 1)


@pytest.mark.parametrize("method", ["uniform", "quantile"])
@given(
    cells=st.lists(CELL, min_size=1, max_size=40),
    others=st.lists(CELL, max_size=9),
    buckets=st.integers(2, 7),
    data=st.data(),
)
def test_learned_edges(
    method: Any, cells: list[Any], others: list[Any], buckets: int, data: st.DataObject
) -> None:
    """Also of numbers beyond the ends, which the oracle puts into the first and the last bucket."""
    given_numbers = [x for x in cells if x is not None]
    batch, cut = batch_of({"x": cells}, ROLES), data.draw(st.integers(0, len(cells)))
    step = learned(Bucketize(method, buckets=buckets), batch.slice(cut), batch.slice(0, cut))
    field = step.after.field("x")
    if not given_numbers:
        assert encoding_of(field) == Encoding(1)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about columns with few different numbers
        oracle = KBinsDiscretizer(buckets, encode="ordinal", strategy=method, subsample=None)
        oracle.fit(np.array(given_numbers)[:, None])
    assert encoding_of(field) == Encoding(max(int(oracle.n_bins_[0]), 1))
    for rows in (cells, others):
        made = column(step, batch_of({"x": rows}, ROLES), "x")
        for x, bucket in zip(rows, made, strict=True):
            assert bucket == (None if x is None else int(oracle.transform([[x]])[0, 0]))


@given(st.lists(st.one_of(st.none(), st.integers(-5, 2**62).map(float))))
def test_the_squares_of_criteo(cells: list[float | None]) -> None:
    made = Bucketize("log_square").apply(batch_of({"x": cells}, ROLES))
    expected = [
        None if x is None else math.floor(math.log(x) ** 2) if x > 2 else max(x, 0) for x in cells
    ]
    assert made.column("x").to_pylist() == expected
    size = encoding_of(made.schema.field("x"))
    assert size == Encoding(1908)
    assert max((x for x in expected if x is not None), default=0) < 1908


def test_what_is_no_number_is_a_bad_row() -> None:
    for step in (Bucketize(), Bucketize(edges=(1.0,))):
        with pytest.raises(BadRows) as caught:
            (step.accumulate if step.learns() else step.apply)(
                batch_of({"x": [1.0, None, math.inf, math.nan]}, ROLES)
            )
        assert caught.value.mask.tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "edges"}, "method 'edges' needs 'edges'"),
        ({"method": "uniform", "edges": (1.0,)}, "'edges' is for method 'edges', not 'uniform'"),
        ({"edges": (1.0, 1.0)}, "edges should be ascending"),
    ],
)
def test_parameters_that_do_not_fit(parameters: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        Bucketize(**parameters)
    assert str(caught.value) == message


def test_an_infinite_number_of_a_single_row_has_no_bucket() -> None:
    """None comes from the input, but one may come from a step before."""
    step = Bucketize("log_square").on_a_row(batch_of({"x": [1.0]}, ROLES).schema)
    assert step is not None
    with pytest.raises(ValueError, match="inf"):
        step({"x": math.inf})
