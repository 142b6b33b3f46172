"""Columns of the data that are called like the columns that headrace adds to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.online import ColumnTransformer, load
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import HASH, SPLIT, Result, job, run

SHUFFLE = StepSpec("split", "split", {"method": "shuffle", "train_fraction": 0.5})
NAMES = ["__channel__", "__row_text__", "__row_number__", "__time__", "__beside__"]


def lines(name: str) -> str:
    """JSON lines, with a column of this name and cells that not every row has."""
    rows = [{"click": i % 2, name: "abc"[i % 3], "hour": f"1410210{i}"} for i in range(9)]
    rows[4]["beside"] = "x"
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("split", [SPLIT, SHUFFLE], ids=["hash", "shuffle"])
@pytest.mark.parametrize("name", NAMES)
def test_such_a_column_is_like_any_other(tmp_path: Path, name: str, split: StepSpec) -> None:
    def made(name: str) -> Result:
        steps = [split, StepSpec("vocabulary", "vocabulary", {"columns": [name]})]
        spec = job(steps=steps, format="parquet", label="click", categorical=(name,), time="hour")
        return run(tmp_path, {"rows.jsonl": lines(name)}, spec)

    found, expected = made(name), made("plain")
    for channel in ("train", "validation"):
        table = expected.table(channel).rename_columns({"plain": name})
        assert found.table(channel).equals(table)
    transformer, plain = load(found.output), load(expected.output)
    assert isinstance(transformer, ColumnTransformer)
    assert isinstance(plain, ColumnTransformer)
    assert transformer({name: "a"}) == {name: plain({"plain": "a"})["plain"]}


@pytest.mark.parametrize("format", ["npz", "parquet", "libsvm", "csv"])
def test_label_and_id_are_called_like_a_sparse_row(tmp_path: Path, format: str) -> None:
    def made(id: str, label: str) -> dict[str, bytes]:
        text = f"{id},{label},site\n1,0,a\n2,1,b\n"
        result = run(tmp_path, text, job(steps=[HASH], format=format, id=id, label=label))
        return {path.name: path.read_bytes() for path in result.parts("train")}

    assert made("indices", "values") == made("id", "click")


def test_no_step_makes_a_column_twice(tmp_path: Path) -> None:
    cross = StepSpec("cross", "cross", {"columns": ["a", "b"], "column": "__channel__"})
    text = "id,a,b\n1,x,y\n"
    with pytest.raises(ChainError) as caught:
        run(tmp_path, text, job(steps=[SPLIT, cross], format="parquet", id="id"))
    assert str(caught.value) == "transform.steps.cross: there is a column '__channel__' already"
