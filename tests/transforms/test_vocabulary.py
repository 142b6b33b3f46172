"""`vocabulary` against scikit-learn's ``OrdinalEncoder``, its categories put in our order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import OrdinalEncoder

from headrace.runtime.chain import typed
from headrace.runtime.chain.chain import ChainError
from headrace.runtime.spec import StepSpec
from headrace.runtime.transform import Encoding, Role, encoding_of
from tests.runtime.jobs import clicks, job, run
from tests.transforms.batches import batch_of, tables
from tests.transforms.learning import learned
from transforms.vocabulary import Vocabulary


def by_encoder(train: list[Any], cells: list[Any], least: int, size: int | None) -> list[int]:
    counts = Counter(cell for cell in train if cell is not None)
    order = sorted(counts, key=lambda text: (-counts[text], text))
    kept = [text for text in order if counts[text] >= least][: None if size is None else size - 2]
    if not kept:
        return [0 if cell is None else 1 for cell in cells]
    encoder = OrdinalEncoder(
        categories=[np.array(kept, object)], handle_unknown="use_encoded_value", unknown_value=-1
    ).fit(np.array(kept, object)[:, None])
    filled = np.array([kept[0] if cell is None else cell for cell in cells], object)
    codes = encoder.transform(filled[:, None])[:, 0].astype(int) if cells else []
    return [0 if cell is None else int(code) + 2 for cell, code in zip(cells, codes, strict=True)]


@given(tables(), st.integers(1, 3), st.sampled_from([None, 3, 4]), st.data())
def test_every_cell(
    table: dict[str, list[Any]], least: int, size: int | None, data: st.DataObject
) -> None:
    """Of the rows that were learned from and of others; a column's ids are its own."""
    whole = batch_of(table, dict.fromkeys(table, Role.CATEGORICAL))
    seen = data.draw(st.integers(0, whole.num_rows))
    cut = data.draw(st.integers(0, seen))
    step = learned(Vocabulary(least, size), whole.slice(cut, seen - cut), whole.slice(0, cut))
    made = step.apply(whole)
    for name, cells in table.items():
        expected = by_encoder(cells[:seen], cells, least, size)
        assert made.column(name).to_pylist() == expected
        known = [code for code in by_encoder(cells[:seen], cells[:seen], least, size) if code > 1]
        assert encoding_of(made.schema.field(name)) == Encoding(max([1, *known]) + 1, 0, 1)


def test_equally_frequent_values_come_in_the_order_of_their_text() -> None:
    cells = ["prefix-of-eight-b", "é", "z", "prefix-of-eight-a", "z\0", "\U0001f600", "zz"]
    step = learned(Vocabulary(), batch_of({"a": cells}))
    order = sorted(cells)
    assert step.apply(batch_of({"a": cells})).column("a").to_pylist() == [
        order.index(cell) + 2 for cell in cells
    ]


def test_the_vocabulary_can_be_read(tmp_path: Path) -> None:
    step = learned(Vocabulary(), batch_of({"b": ["x", "y", "y"], "a": ["y", None, "10"]}))
    assert step.state is not None
    assert step.state.to_pydict() == {
        "column": ["a", "a", "b", "b"],
        "value": ["10", "y", "y", "x"],
        "id": [2, 3, 2, 3],
    }


def test_ids_are_hashed_as_their_decimal_text(tmp_path: Path) -> None:
    steps = [
        StepSpec("vocabulary", "vocabulary", {}),
        StepSpec("again", "rare_values", {"min_count": 1}),
        StepSpec("feature_hasher", "feature_hasher", {"n_features": 64}),
    ]
    data = clicks(200)
    made = run(tmp_path, data, job(steps=steps, id="id", label="click", block_bytes=700))
    plain = run(tmp_path, data, job(steps=steps[:1], id="id", label="click", format="parquet"))
    cells = plain.table("train").drop_columns(["id", "click"]).to_pydict()
    text = "".join(
        [
            "id,click,c0,c1,c2,c3\n",
            *(
                f"{row},0,{','.join(str(cells[f'c{i}'][row]) for i in range(4))}\n"
                for row in range(200)
            ),
        ]
    )
    expected = run(tmp_path, text, job(steps=steps[2:], id="id", label="click"))
    assert (made.matrix() != expected.matrix()).nnz == 0


def test_more_values_than_are_allowed(tmp_path: Path) -> None:
    step = StepSpec("vocabulary", "vocabulary", {"max_values": 100})
    with pytest.raises(ChainError) as caught:
        run(tmp_path, clicks(200), job(steps=[step], id="id", label="click", format="parquet"))
    assert str(caught.value) == (
        "transform.steps.vocabulary: the columns have more than 100 different values; name those "
        "with fewer in 'columns', or raise 'max_values' (each value takes about 160 bytes of "
        "memory)"
    )


@pytest.mark.parametrize("name", ["vocabulary", "one_hot"])
def test_longer_values_than_can_be_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(typed, "MOST_TEXT", 500)
    with pytest.raises(ChainError) as caught:
        run(tmp_path, clicks(200), job(steps=[StepSpec(name, name, {})], label="click"))
    assert str(caught.value) == (
        f"transform.steps.{name}: the different values of the columns have more than 500 bytes of "
        "text together; name columns with fewer or shorter values in 'columns'"
    )
