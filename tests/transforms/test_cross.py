"""`cross` against scikit-learn's ``FeatureHasher`` on the joined text."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction import FeatureHasher as Oracle

from headrace.runtime.transform import Role, with_role
from tests.transforms.batches import CELLS, UNICODE, batch_of, sparse_rows, tables
from transforms.cross import Cross
from transforms.feature_hasher import FeatureHasher


@given(tables(CELLS), st.sampled_from(["\x1f", "_", "é"]))
def test_a_token_of_the_joined_text(table: dict[str, list[Any]], separator: str) -> None:
    names = list(table)
    table["more"] = list(reversed(table[names[0]]))
    columns = (names[0], "more")
    step = Cross(columns, separator=separator, keep=False)
    rest = {name: cells for name, cells in table.items() if name not in columns}
    joined = [
        None if one is None or other is None else f"{one}{separator}{other}"
        for one, other in zip(table[names[0]], table["more"], strict=True)
    ]
    batch = batch_of(table)
    made = step.apply(batch)
    assert made.to_pydict() == {**rest, f"{names[0]}_x_more": joined}
    assert made.slice(1).equals(step.apply(batch.slice(1)))
    if made.num_rows:
        rows = [{k: v for k, v in row.items() if v is not None} for row in made.to_pylist()]
        expected = Oracle(64, input_type="dict").transform(rows)
        hashed = sparse_rows(FeatureHasher(64).apply(made))
        assert [sorted(row) for row in hashed] == [
            sorted(zip(row.indices.tolist(), row.data.tolist(), strict=True)) for row in expected
        ]


@given(st.lists(st.tuples(UNICODE, UNICODE), min_size=2, max_size=2, unique=True))
def test_no_two_pairs_are_one(pairs: list[tuple[str, str]]) -> None:
    if any("\x1f" in cell for pair in pairs for cell in pair):
        return
    made = Cross(("a", "b")).apply(
        batch_of({"a": [p[0] for p in pairs], "b": [p[1] for p in pairs]})
    )
    assert len(set(made.column("a_x_b").to_pylist())) == 2


def test_an_id_of_an_earlier_step_stands_for_its_digits() -> None:
    ids = with_role(pa.field("a", pa.int32()), Role.CATEGORICAL)
    batch = pa.RecordBatch.from_arrays(
        [pa.array([7, None], pa.int32()), pa.array(["x", "y"])],
        schema=pa.schema([ids, pa.field("b", pa.string())]),
    )
    assert Cross(("a", "b"), "c", "&").apply(batch).column("c").to_pylist() == ["7&x", None]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"columns": ("a", "z")}, "there is no column 'z' at this point of the chain"),
        ({"columns": ("a", "n")}, "column 'n' has to be a categorical feature"),
        ({"columns": ("a", "b"), "column": "n"}, "there is a column 'n' already"),
        ({"columns": ("a", "a")}, "columns should each be named once"),
    ],
)
def test_columns_that_do_not_fit(parameters: dict[str, Any], message: str) -> None:
    batch = batch_of({"a": ["x"], "b": ["y"], "n": [1.0]})
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        Cross(**parameters).output_schema(batch.schema)
    assert str(caught.value) == message
