"""Single rows of chains that hash nothing, and of cells with several values: those of the job."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from headrace.runtime.errors import RowError
from headrace.runtime.online import ColumnTransformer, load
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import HASH, SPLIT, clicks, job, run
from tests.runtime.online_rows import assert_same, loaded

CONTENT = clicks(300).replace(",v", ",").replace("c3\n", "t\n", 1)
ROWS = list(csv.DictReader(io.StringIO(CONTENT)))
STEPS = [
    SPLIT,
    StepSpec("vocabulary", "vocabulary", {"columns": ["c0"], "min_count": 3}),
    StepSpec("count_encode", "count_encode", {"columns": ["c2"]}),
    StepSpec("impute", "impute", {"columns": ["c1"]}),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], Any]:
    """The rows that a job wrote, in the input's order, and what loads single ones."""
    spec = job(id="id", label="click", numeric=("c1",), steps=STEPS, format="parquet")
    result = run(tmp_path_factory.mktemp("made"), CONTENT, spec)
    rows = [row for name in ("train", "validation") for row in result.table(name).to_pylist()]
    return sorted(rows, key=lambda row: int(row["id"])), load(result.output)


def test_rows_are_those_of_the_job(made: tuple[list[dict[str, Any]], Any]) -> None:
    written, transformer = made
    assert isinstance(transformer, ColumnTransformer)
    assert transformer.columns == transformer.features == ("c0", "c1", "c2", "t")
    assert transformer.n_features == 4
    expected = [{name: row[name] for name in transformer.features} for row in written]
    assert [transformer(row) for row in ROWS] == expected
    columns = transformer.rows(ROWS)
    assert {name: each.dtype.str for name, each in columns.items()} == {
        "c0": "<i4", "c1": "<f8", "c2": "<f8", "t": "|O",
    }  # fmt: skip
    for name, cells in columns.items():
        assert [None if cell != cell else cell for cell in cells.tolist()] == [
            row[name] for row in expected
        ]


def test_a_row_that_cannot_be_used(made: tuple[list[dict[str, Any]], Any]) -> None:
    _, transformer = made
    with pytest.raises(RowError) as caught:
        transformer({**ROWS[0], "c1": "many"})
    assert str(caught.value) == "the row, column 'c1': expected a number, got 'many'"
    assert all(len(cells) == 0 for cells in transformer.rows([]).values())


def test_a_chain_that_only_splits(tmp_path: Path) -> None:
    result = run(tmp_path, CONTENT, job(id="id", label="click", steps=[SPLIT], format="csv"))
    transformer = load(result.output)
    assert isinstance(transformer, ColumnTransformer)
    assert transformer(ROWS[0]) == {name: ROWS[0][name] or None for name in ("c0", "c1", "c2", "t")}


def test_several_values_in_a_cell(tmp_path: Path) -> None:
    content = "id,y,t,c\n1,0,a|b|a,x\n2,1,,y\n3,0,b|c,\n4,1,d,x\n"
    steps = [StepSpec("several", "multi_value", {"columns": ["t"]}), HASH]
    result, transformer = loaded(tmp_path, content, job(id="id", label="y", steps=steps))
    assert_same(transformer, list(csv.DictReader(io.StringIO(content))), result.matrix())
