"""Messages that propose a setting: the job fails with the message, and runs with the proposal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headrace.runtime.errors import DataError
from tests.runtime.jobs import job, parquet_bytes, run

NESTED = parquet_bytes(pa.table({"y": [1, 0], "x": ["a", "b"], "tags": [["p"], []]}))
INDEX = parquet_bytes(pa.table({"y": [1, 0], "__index_level_0__": ["a", "b"]}))
ROWS = ({"y": 1, "x": "a", "z": "b"}, {"y": 0, "x": [1], "z": "b"})
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
NAMED = {"columns": ("y", "x", "z"), "header": True}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, dict[str, Any]]] = {
    "twin names": ({"a.csv": "y,x,x\n1,a,b\n"}, {}, "dataset.columns, with dataset.header", NAMED),
    "no name": ({"a.csv": "y,x,\n1,a,b\n"}, {}, "dataset.columns, with dataset.header", NAMED),
    "texts": (
        {"a.csv": "y,x\nyes,a\nno,b\n"}, {}, "dataset.label_values gives each text a number",
        {"label_values": {"yes": 1.0, "no": 0.0}},
    ),
    "nested": ({"a.parquet": NESTED}, {}, "add it to dataset.drop", {"drop": ("tags",)}),
    "nested number": (
        {"a.parquet": NESTED}, {"numeric": ("tags",)},
        "move it from dataset.numeric to dataset.drop", {"numeric": (), "drop": ("tags",)},
    ),
    "nested choice": (
        {"a.parquet": NESTED}, {"categorical": ("x", "tags")},
        "leave it out of dataset.categorical", {"categorical": ("x",)},
    ),
    "nested in a line": (
        {"a.jsonl": LINES}, {}, "add it to dataset.drop", {"drop": ("x",)},
    ),
    "an absent time": (
        {"a.csv": "y,x\n1,a\n"}, {"time": "hour"}, "dataset.time=null", {"time": None},
    ),
    "unexpected": (
        {"a.csv": "y,x\n1,a\n"}, {"columns_expected": ("y",)}, "(null: any columns will do)",
        {"columns_expected": None},
    ),
    "a long line": (
        {"a.csv": "y,x\n1," + "a" * 99 + "\n"}, {"max_line_bytes": 64},
        "set dataset.max_line_bytes to more", {"max_line_bytes": 200},
    ),
    "another folder": (
        {"1.csv": "y,x\n1,a\n", "day=2/2.csv": "y,x\n0,b\n"}, {}, "dataset.partitions=false",
        {"partitions": False},
    ),
    "no folder": (
        {"day=2/1.csv": "y,x\n1,a\n", "z.csv": "y,x\n0,b\n"}, {}, "dataset.partitions=false",
        {"partitions": False},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_proposal_helps(case: str, tmp_path: Path) -> None:
    files, settings, message, proposal = CASES[case]
    keys: dict[str, Any] = {"label": "y", **settings}
    with pytest.raises(DataError) as caught:
        run(tmp_path, files, job(**keys))
    assert message in str(caught.value)
    assert run(tmp_path, files, job(**{**keys, **proposal})).manifest["rows"]["read"] > 0


def test_an_index_is_used_where_it_is_named(tmp_path: Path) -> None:
    """Of this, a note tells: ``name it in dataset.categorical to use it``."""
    keys: dict[str, Any] = {"label": "y", "categorical": ("__index_level_0__",)}
    assert run(tmp_path, {"a.parquet": INDEX}, job(**keys)).matrix().nnz == 2


def test_one_column_with_quoted_nothing_and_blanks(tmp_path: Path) -> None:
    content = 'x\n""\na\n \t\n\n" "\n"b"\n""\n'
    for blocks in (1 << 20, 5):
        spec = job(trim=True, block_bytes=blocks)
        assert run(tmp_path, {"a.csv": content}, spec).manifest["rows"]["read"] == 5


def test_expected_columns_may_be_nested(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"label": "y", "categorical": ("x",)}
    expected: dict[str, Any] = {"columns_expected": ("y", "x", "tags")}
    files = {"1.parquet": NESTED, "2.parquet": NESTED}
    assert run(tmp_path, files, job(**keys, **expected)).manifest["rows"]["read"] == 4
    with pytest.raises(DataError) as caught:
        run(tmp_path, files, job(**keys, columns_expected=("y", "x")))
    assert str(caught.value).startswith("1.parquet: the column 'tags' is new; dataset.columns_exp")
