"""Jobs with very many columns: the work counted grows with their number, not with its square."""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.chain.columns import Columns
from headrace.runtime.output.manifest import indented
from headrace.runtime.spec import DatasetSpec, StepSpec
from headrace.runtime.transform import Role
from tests.runtime.jobs import HASH, SPLIT, job, run


class Name(str):
    """A column's name that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Name.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def wide(columns: int, rows: int = 6) -> str:
    names = ["y", *(f"c{i}" for i in range(columns))]
    lines = [[str(row % 2), *(f"v{row * i % 13}" for i in range(columns))] for row in range(rows)]
    return "".join(",".join(line) + "\n" for line in [names, *lines])


def calls_of(tmp_path: Path, columns: int, **settings: Any) -> int:
    """Calls of Python and of C functions during a job, in all threads."""
    counted: Counter[str] = Counter()

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        counted[event] += 1

    content = wide(columns)
    threading.setprofile(count)
    sys.setprofile(count)
    try:
        run(tmp_path, content, job(label="y", threads=1, **settings))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return counted["call"] + counted["c_call"]


RARE = StepSpec("rare_values", "rare_values", {"min_count": 1})


@pytest.mark.parametrize("steps", [[SPLIT, HASH], [SPLIT, RARE, HASH]], ids=["hash", "learn"])
def test_calls_grow_with_the_columns(tmp_path: Path, steps: list[StepSpec]) -> None:
    run(tmp_path, wide(10), job(label="y", steps=steps))  # what is only done once
    few, many = (calls_of(tmp_path, columns, steps=steps) for columns in (300, 1200))
    assert many < 4.4 * few


def test_names_are_looked_up_not_searched() -> None:
    count = 3000
    names = [Name(f"c{i}") for i in range(count)]
    spec = DatasetSpec(
        label="c0", time="c1", numeric=tuple(f"c{i}" for i in range(1, count, 3)),
        categorical=tuple(f"c{i}" for i in range(2, count, 3)),
    )  # fmt: skip
    Name.compared = 0
    columns = replace(Columns.of(names, spec, "d.csv"), wanted=(Role.ROW_TEXT,))
    columns.refuse_other(names[::-1], "e.csv")
    assert (len(columns.read), columns.has_time, len(columns.schema.names)) == (
        count,
        True,
        2002,
    )
    assert Name.compared < 20 * count


def test_collisions_are_counted_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[int] = []
    isin = np.isin

    def counted(values: Any, among: Any) -> Any:
        looked_up.append(len(values))
        return isin(values, among)

    monkeypatch.setattr(np, "isin", counted)
    result = run(tmp_path, wide(500), job(label="y"))
    tokens = result.metrics["distinct_tokens"]
    assert looked_up == [tokens]
    by_column = [each["colliding_tokens"] for each in result.metrics["columns"].values()]
    assert sum(by_column) == result.metrics["colliding_tokens"] <= tokens


@given(st.lists(st.lists(st.sampled_from(["a", "b", "", "c"]), min_size=3, max_size=3), min_size=1,
                max_size=200), st.integers(1, 64))  # fmt: skip
def test_few_rows_are_counted_as_many_are(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], piece: int
) -> None:
    """Blocks of few rows take another way, on which nothing else may come out."""
    folder = tmp_path_factory.mktemp("few")
    content = "x,y,n\n" + "".join(f"{a},{b}.,{len(c)}\n" for a, b, c in rows)
    whole, pieces = (
        run(folder, content, job(block_bytes=size, numeric=("n",))) for size in (1 << 20, piece)
    )
    assert pieces.bytes() == whole.bytes()
    assert whole.metrics["columns"]["y"]["nulls"] == 0


PLAIN_DATA = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(),
        st.text(st.characters(exclude_categories=["Cs"])),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)  # fmt: skip


@given(PLAIN_DATA)
def test_json_text_is_that_of_the_standard_library(value: Any) -> None:
    assert indented(value) == json.dumps(value, indent=2, ensure_ascii=False)
