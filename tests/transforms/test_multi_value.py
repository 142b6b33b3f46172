"""`multi_value` and the hashers behind it, against scikit-learn's ``FeatureHasher``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction import FeatureHasher as Oracle

from headrace.runtime.errors import DataError, RowError
from headrace.runtime.hashing.tokens import RowTokens, cell_tokens
from headrace.runtime.online import ColumnTransformer, load
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import HASH, SPLIT, job, run
from tests.transforms.batches import UNICODE, batch_of, sparse_rows, tables
from transforms.custom_hasher import CustomHasher
from transforms.feature_hasher import FeatureHasher
from transforms.multi_value import MultiValue

VALUES = st.one_of(UNICODE.filter(lambda text: "|" not in text), st.sampled_from(["a", "b", ""]))
SEVERAL = st.one_of(st.none(), st.lists(VALUES, max_size=5).map("|".join))
STEP = StepSpec("tags", "multi_value", {"columns": ["tags"]})


def oracle(rows: list[dict[str, Any]], width: int) -> list[list[tuple[int, float]]]:
    """What scikit-learn makes of each row, by its documented tokens."""
    pairs = [
        [
            token
            for name, cell in row.items()
            for token in (
                [(f"{name}={value}", 1) for value in cell]
                if isinstance(cell, list)
                else [(name, cell) if isinstance(cell, float) else (f"{name}={cell}", 1)]
                if cell is not None
                else []
            )
        ]
        for row in rows
    ]
    made = Oracle(width, input_type="pair").transform(pairs) if pairs else []
    return [list(zip(row.indices.tolist(), row.data.tolist(), strict=True)) for row in made]


@given(tables(SEVERAL), st.integers(1, 50), st.booleans())
def test_a_token_for_each_value(table: dict[str, list[Any]], width: int, numeric: bool) -> None:
    names, rows = list(table), len(next(iter(table.values())))
    if numeric:
        table["\0n"] = [None if row % 3 == 0 else row / 4 for row in range(rows)]
    batch = MultiValue((names[0],)).apply(batch_of(table))
    divided = [
        None if cell is None else [value for value in cell.split("|") if value]
        for cell in table[names[0]]
    ]
    assert batch.column(names[0]).to_pylist() == divided
    hasher = FeatureHasher(width)
    assert sparse_rows(hasher.apply(batch)) == oracle(batch.to_pylist(), width)
    assert sparse_rows(hasher.apply(batch.slice(1, 3))) == oracle(batch.to_pylist()[1:4], width)
    every = [(name, batch.column(name)) for name in batch.schema.names]
    alone = hasher.entries(RowTokens(cell_tokens(every, *hasher.hash_function())))
    together = hasher.entries(RowTokens(hasher.tokens(batch)))
    assert [each.to_pylist() for each in alone] == [each.to_pylist() for each in together]


@given(tables(SEVERAL))
def test_the_own_hasher_counts_them_in_the_columns_range(table: dict[str, list[Any]]) -> None:
    names = list(table)
    batch = MultiValue((names[-1],)).apply(batch_of(table))
    hasher = CustomHasher(1000 * len(names), "murmur3_32", 7, "per_column")
    for row, entries in zip(batch.to_pylist(), sparse_rows(hasher.apply(batch)), strict=True):
        last = [value for index, value in entries if index >= 1000 * (len(names) - 1)]
        assert sum(last) == len(row[names[-1]] or [])


def test_many_rows_are_as_few() -> None:
    cells = [
        None if n % 5 == 0 else "|".join(f"v{n * k % 17}" for k in range(n % 4)) for n in range(500)
    ]
    batch = MultiValue(("t",)).apply(batch_of({"t": cells, "c": [str(n % 3) for n in range(500)]}))
    made = sparse_rows(FeatureHasher(64).apply(batch))
    assert made == oracle(batch.to_pylist(), 64)
    tokens = FeatureHasher(64).tokens(batch)
    rows = np.random.default_rng(0).permutation(500)
    taken = FeatureHasher(64).entries(RowTokens([each.take(rows) for each in tokens]))
    assert [
        list(zip(*row, strict=True)) for row in zip(*(e.to_pylist() for e in taken), strict=True)
    ] == [made[row] for row in rows]


def test_a_list_column_is_taken_as_it_is() -> None:
    lists = pa.array([["a", "", None], None, [], ["b", "b"]], pa.list_(pa.string()))
    batch = pa.RecordBatch.from_arrays([lists], ["t"])
    made = MultiValue(("t",)).apply(batch)
    assert made.column("t").to_pylist() == [["a"], None, [], ["b", "b"]]


def test_a_whole_job(tmp_path: Path) -> None:
    content = "id,click,tags,c\n1,0,a|b|a,x\n2,1,,y\n3,1,|b,x\n4,0,c,\n"
    spec = job(steps=[SPLIT, STEP, HASH], id="id", label="click")
    result = run(tmp_path, content, spec)
    told = result.metrics["columns"]["tags"]
    assert (told["distinct"], told["nulls"]) == (3, 1)
    assert {each["value"]: each["rows"] for each in told["frequent_values"]}["a"] == 2
    ids = [*result.array("id", "train"), *result.array("id", "validation")]
    matrix = [*result.matrix("train").toarray(), *result.matrix("validation").toarray()]
    rows = {"1": ["a", "b", "a"], "2": [], "3": ["b"], "4": ["c"]}
    others = {"1": "x", "2": "y", "3": "x", "4": None}
    for name, made in zip(ids, matrix, strict=True):
        key = name.decode()
        (expected,) = oracle([{"tags": rows[key], "c": others[key]}], 64)
        assert {i: made[i] for i in np.flatnonzero(made)} == {i: v for i, v in expected if v}
    again = run(
        tmp_path,
        content,
        job(
            steps=[SPLIT, STEP, HASH],
            id="id",
            label="click",
        ),
    )
    assert again.bytes() == result.bytes()


@pytest.mark.parametrize("format", ["parquet"])
def test_without_a_hasher(tmp_path: Path, format: str) -> None:
    content = "click,tags\n0,a|b\n1,\n"
    result = run(tmp_path, content, job(steps=[STEP], label="click", format=format))
    assert result.table().column("tags").to_pylist() == [["a", "b"], None]


LISTS: list[Any] = [
    *(["a", "b|c", "a"], None, [], ["", "é"], ["d", None]),
    *(["a\x1fb", "\x1f"], ["\x1e", "\x1eu\x1ee", "a\x1f\x1e"], ["\x1f", ""]),
]
"""Also the signs that mean something in the text of a list."""


def as_parquet(kind: pa.DataType) -> bytes:
    sink = pa.BufferOutputStream()
    columns = {"id": [str(n + 1) for n in range(len(LISTS))], "tags": pa.array(LISTS, kind)}
    pq.write_table(pa.table(columns), sink, row_group_size=2)
    return bytes(sink.getvalue().to_pybytes())


FILES = {
    "a.parquet": as_parquet(pa.list_(pa.string())),
    "large.parquet": as_parquet(pa.large_list(pa.large_string())),
    "a.jsonl": "".join(
        json.dumps({"id": str(n + 1), "tags": cell}) + "\n" for n, cell in enumerate(LISTS)
    ).encode(),
}


@pytest.mark.parametrize("name", FILES)
def test_lists_in_the_input(tmp_path: Path, name: str) -> None:
    spec = job(steps=[STEP, HASH], id="id", lists=("tags",))
    result = run(tmp_path, {name: FILES[name]}, spec)
    kept = [[each for each in cell or [] if each] for cell in LISTS]
    made = result.matrix()
    expected = oracle([{"tags": cell} for cell in kept], 64)
    assert [
        list(zip(row.indices.tolist(), row.data.tolist(), strict=True)) for row in made
    ] == expected
    transformer = load(result.output)
    for cell, row in zip(LISTS, expected, strict=True):
        indices, values = map(np.asarray, transformer({"tags": cell}))
        assert list(zip(indices.tolist(), values.tolist(), strict=True)) == row
    indices, values = map(np.asarray, transformer({"tags": "a|é"}))
    assert (len(indices), len(values)) == (2, 2)


def test_lists_of_one_length(tmp_path: Path) -> None:
    sink = pa.BufferOutputStream()
    cells = [["a", "b"], None, [None, "é"]]
    pq.write_table(pa.table({"tags": pa.array(cells, pa.list_(pa.string(), 2))}), sink)
    spec = job(steps=[STEP], lists=("tags",), format="parquet")
    result = run(tmp_path, {"a.parquet": bytes(sink.getvalue().to_pybytes())}, spec)
    assert result.table().column("tags").to_pylist() == [["a", "b"], None, ["é"]]


def test_a_text_means_the_same_beside_a_list_and_alone() -> None:
    step, texts = MultiValue(("tags",)), ["a\x1fb|c", None, "d", "e|\x1f"]
    alone = step.apply(batch_of({"tags": texts})).column("tags").to_pylist()
    beside = step.apply(batch_of({"tags": [*texts, "\x1ff|g\x1fh"]})).column("tags").to_pylist()
    assert alone == [["a\x1fb", "c"], None, ["d"], ["e", "\x1f"]]
    assert beside == [*alone, ["f|g", "h"]]


def test_lists_for_a_model_server(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        {"a.jsonl": '{"tags": ["a"]}\n'},
        job(steps=[STEP], lists=("tags",), format="parquet"),
    )
    transformer = load(result.output)
    assert isinstance(transformer, ColumnTransformer)
    assert transformer({"tags": np.array(["a", "b"])}) == {"tags": ["a", "b"]}
    with pytest.raises(RowError) as caught:
        transformer.rows([{"tags": ["a"]}, {"tags": ["a", 1.5]}])
    what = "rows[1], column 'tags': give the text that stands in the file, not the float 1.5"
    assert str(caught.value) == what


def test_a_list_of_lists_is_no_cell(tmp_path: Path) -> None:
    spec = job(steps=[STEP, HASH], lists=("tags",))
    with pytest.raises(DataError, match="a list or an object is no cell"):
        run(tmp_path, {"a.jsonl": '{"tags": [["a"]]}\n'}, spec)


def test_numbers_in_lists_are_their_text(tmp_path: Path) -> None:
    spec = job(steps=[STEP], lists=("tags",), format="parquet")
    result = run(tmp_path, {"a.jsonl": '{"tags": [1, 2.50, true, "x"]}\n'}, spec)
    assert result.table().column("tags").to_pylist() == [["1", "2.50", "true", "x"]]


def test_columns_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="column 'n' has to be a categorical feature"):
        MultiValue(("n",)).output_schema(batch_of({"n": [1.0]}).schema)
