"""`one_hot` against scikit-learn's ``OneHotEncoder``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder

from headrace.runtime.chain.chain import ChainError, bind, with_states
from headrace.runtime.transform import Role
from tests.transforms.batches import CELLS, batch_of, sparse_rows, tables
from tests.transforms.learning import learned
from transforms.feature_hasher import FeatureHasher
from transforms.one_hot import OneHot

TEXTS = {"a": Role.CATEGORICAL, "b": Role.CATEGORICAL}


def by_encoder(train: list[Any], cells: list[Any], most: int | None, least: int) -> Any:
    given_cells = [cell for cell in train if cell is not None]
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=most,
        min_frequency=least,
        sparse_output=False,
    ).fit(np.array(given_cells, object)[:, None])
    filled = np.array([given_cells[0] if cell is None else cell for cell in cells], object)
    made = encoder.transform(filled[:, None])
    made[[cell is None for cell in cells]] = 0
    names = encoder.get_feature_names_out(["a"])
    return names, made.T.tolist()


@pytest.mark.filterwarnings("ignore:Found unknown categories")
@given(
    train=st.lists(CELLS, min_size=1, max_size=30),
    later=st.lists(CELLS, min_size=1, max_size=5),
    most=st.sampled_from([None, 1, 2, 3, 5]),
    least=st.integers(1, 3),
)
def test_every_cell(train: list[Any], later: list[Any], most: int | None, least: int) -> None:
    batch = batch_of({"n": [0.0] * len(train), "a": train}, TEXTS)
    step = learned(OneHot(most, least), batch.slice(1), batch.slice(0, 1))
    if not any(train):
        assert step.after.names == ["n"]
        return
    for cells in (train, later):
        names, expected = by_encoder(train, cells, most, least)
        made = step.apply(batch_of({"n": [0.0] * len(cells), "a": cells}, TEXTS)).to_pydict()
        del made["n"]
        ours = [name.replace("a=", "a_", 1) for name in made]
        theirs = [name.replace("infrequent_sklearn", "infrequent") for name in names]
        assert [name for name in ours if "infrequent" not in name] == [
            name for name in theirs if "infrequent" not in name
        ]
        assert list(made.values()) == expected


def test_a_value_that_is_called_like_the_shared_column() -> None:
    cells = ["infrequent", "infrequent", "x"]
    step = learned(OneHot(min_count=2), batch_of({"a": cells}))
    made = step.apply(batch_of({"a": cells})).to_pydict()
    assert made == {"a=infrequent": [1.0, 1.0, 0.0], "a=(infrequent)": [0.0, 0.0, 1.0]}


@given(tables())
def test_hashed_they_are_the_tokens_of_the_text(table: dict[str, list[Any]]) -> None:
    batch = batch_of(table, dict.fromkeys(table, Role.CATEGORICAL))
    step, hasher = OneHot(), FeatureHasher(2**20)
    state = step.finish(step.accumulate(batch))
    links = bind([("one_hot", step), ("hasher", hasher)], batch.schema)
    if not any(cell for cells in table.values() for cell in cells):
        return  # there is no column left to hash
    try:
        made = batch
        for link in with_states(links, {"one_hot": state}):
            made = link.apply(made)
    except ChainError as error:
        assert "already" in str(error)  # noqa: PT017 (names such as "a" and "a=": rare)
        return
    assert sparse_rows(made) == sparse_rows(hasher.apply(batch))


def test_names_that_are_there_already() -> None:
    batch = batch_of({"a": ["u"], "a=u": [1.0]}, {"a=u": Role.NUMERIC})
    with pytest.raises(ChainError) as caught:
        learned(OneHot(), batch)
    assert str(caught.value) == "transform.steps.step: there is a column 'a=u' already"


def test_more_columns_than_anyone_wants() -> None:
    batch = batch_of({"a": [str(row) for row in range(10_001)]})
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        learned(OneHot(), batch)
    assert str(caught.value) == (
        "the values would have 10,001 columns, which are more than 10,000; "
        "set max_categories or min_count"
    )
    assert len(learned(OneHot(max_categories=7), batch).after.names) == 7
