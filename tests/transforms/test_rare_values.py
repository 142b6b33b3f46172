"""`rare_values` against counting by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.learning.states import in_their_order
from headrace.runtime.spec import StepSpec
from headrace.runtime.transform import Role, Transform
from tests.runtime.jobs import Result, clicks, job, run
from tests.transforms.batches import batch_of, tables
from transforms.rare_values import RareValues

SPLIT = StepSpec("split", "split", {"train_fraction": 0.6})
DATA: dict[str, Any] = {"id": "id", "label": "click"}


def step(**parameters: Any) -> StepSpec:
    return StepSpec("rare_values", "rare_values", parameters)


def learned(rare: RareValues, *batches: pa.RecordBatch) -> Transform:
    state = rare.merge([rare.accumulate(batch) for batch in batches])
    return rare.with_state(rare.finish(in_their_order(state)))


def by_hand(cells: list[Any], train: list[Any], least: int, replacement: str | None) -> list[Any]:
    counts = Counter(cell for cell in train if cell is not None)
    return [cell if cell is None or counts[cell] >= least else replacement for cell in cells]


@given(tables(), st.integers(1, 4), st.sampled_from([None, "rare"]), st.data())
def test_every_cell(
    table: dict[str, list[Any]], least: int, replacement: str | None, data: st.DataObject
) -> None:
    """Of the rows that were learned from and of others; a column's values are its own."""
    whole = batch_of(table, dict.fromkeys(table, Role.CATEGORICAL))
    seen = data.draw(st.integers(0, whole.num_rows))
    rare = learned(RareValues(least, replacement), whole.slice(0, seen))
    assert rare.apply(whole).to_pydict() == {
        name: by_hand(cells, cells[:seen], least, replacement) for name, cells in table.items()
    }


def test_only_the_columns_that_are_named() -> None:
    batch = batch_of({"a": ["x", "x", "y"], "b": ["x", "x", "y"], "n": [1, 2, 3]})
    made = learned(RareValues(2, columns=("b",)), batch).apply(batch)
    assert made.to_pydict() == {"a": ["x", "x", "y"], "b": ["x", "x", None], "n": [1, 2, 3]}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (("z",), "there is no column 'z' at this point of the chain"),
        (("n",), "column 'n' has to be a categorical feature"),
        (None, "there is no categorical column at this point of the chain"),
    ],
)
def test_columns_that_do_not_fit(columns: tuple[str, ...] | None, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        RareValues(columns=columns).output_schema(batch_of({"n": [1.0]}).schema)
    assert str(caught.value) == message


def test_the_values_that_are_kept_are_those_of_docs_files(tmp_path: Path) -> None:
    """64 bits each, so that a model server in another language can tell them."""
    rare = RareValues(1)
    kept = rare.finish(rare.accumulate(batch_of({"site": ["1fbe01fe"]})))
    assert kept.to_pydict() == {"value": [mixed(b"1fbe01fe", mixed(b"site", 0))]}


def mixed(text: bytes, key: int) -> int:
    """The hash of a text as docs/files.md defines it."""
    hashed = key + len(text)
    for start in range(0, max(len(text), 1), 8):
        word = int.from_bytes(text[start : start + 8].ljust(8, b"\0"), "little")
        hashed = word * 0x9E3779B97F4A7C15 + hashed
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
            hashed %= 2**64
            hashed = (hashed ^ hashed >> shift) * factor
        hashed %= 2**64
    return hashed


def written(root: Path, *steps: StepSpec, **settings: Any) -> Result:
    spec = job(steps=steps, format="parquet", **DATA, **settings)
    return run(root, clicks(2000, distinct=400), spec)


def test_behind_a_split_only_training_rows_count(tmp_path: Path) -> None:
    plain = written(tmp_path, SPLIT)
    made = written(tmp_path, SPLIT, step(min_count=3), block_bytes=3000)
    for name in ("c0", "c3"):
        train = plain.table("train")[name].to_pylist()
        for channel in ("train", "validation"):
            cells = plain.table(channel)[name].to_pylist()
            expected = by_hand(cells, train, 3, None)
            assert made.table(channel)[name].to_pylist() == expected
            assert expected != cells


def test_more_values_than_are_allowed(tmp_path: Path) -> None:
    message = (
        "transform.steps.rare_values: the columns have more than 1,000 different values; name "
        "those with fewer in 'columns', or raise 'max_values' (each value takes about 120 bytes "
        "of memory)"
    )
    for settings in ({}, {"block_bytes": 500, "threads": 3}):
        with pytest.raises(ChainError) as caught:
            written(tmp_path, step(max_values=1000), **settings)
        assert str(caught.value) == message
