"""The most frequent values of a column, against counting all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.hashing.functions import murmur3_32
from headrace.runtime.hashing.tokens import ColumnTokens, column_tokens
from headrace.runtime.statistics import frequent
from headrace.runtime.statistics.frequent import EXACT, WIDTH, Frequent
from headrace.runtime.transform import Role
from tests.runtime.jobs import job, run
from tests.transforms.batches import batch_of

Cells = Sequence[Any]


def tokens(cells: Cells, role: Role = Role.CATEGORICAL) -> ColumnTokens:
    batch = batch_of({"c": list(cells)}, {"c": role})
    (column,) = column_tokens(batch, murmur3_32, 0)
    return column


def seen(blocks: Sequence[Cells], threads: int = 1) -> list[dict[str, Any]]:
    each = [Frequent() for _ in range(threads)]
    for number, block in enumerate(blocks):
        each[number % threads].see(tokens(block))
    merged = Frequent()
    for one in each:
        merged.merge(one)
    return merged.report()


def expected(cells: Cells) -> list[dict[str, Any]]:
    counts = Counter(cell for cell in cells if cell is not None)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    told = [(cell, rows) for cell, rows in ordered if rows >= len(cells) / 100]
    return [{"value": cell, "rows": rows} for cell, rows in told[:10]]


def blocks_of(cells: Cells, size: int) -> list[Cells]:
    return [cells[start : start + size] for start in range(0, len(cells), size)]


def skewed(rows: int, distinct: int) -> list[str]:
    """Some values in a fifth of the rows, every other in few; a long way apart from each other."""
    random = np.random.default_rng(5)
    return [
        f"often {row % 7}" if row % 5 == 0 else f"v{value}"
        for row, value in enumerate(random.integers(0, distinct, rows))
    ]


@given(st.lists(st.sampled_from(["a", "b", "", "é", None]) | st.text(max_size=2)), st.data())
def test_few_values_are_counted_exactly_however_they_are_divided(
    cells: list[str | None], data: st.DataObject
) -> None:
    size, threads = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 3))
    assert seen(blocks_of(cells, size), threads) == expected(cells)


def test_a_sketch_finds_what_is_frequent_among_many() -> None:
    cells = skewed(60_000, distinct=40_000)
    found = seen([cells])
    true = {each["value"]: each["rows"] for each in expected(cells)}
    assert {each["value"] for each in found} == true.keys()
    for each in found:
        assert 0 <= each["rows"] - true[each["value"]] <= 2 * len(cells) / WIDTH


@pytest.mark.parametrize(("size", "threads"), [(40, 3), (1_000, 2), (60_000, 1)])
def test_neither_blocks_nor_threads_change_a_sketch(size: int, threads: int) -> None:
    cells = skewed(20_000, distinct=15_000)
    assert seen(blocks_of(cells, size), threads) == seen([cells])


@pytest.mark.parametrize("distinct", [EXACT, EXACT + 1])
def test_the_limit_is_that_of_all_blocks_together(distinct: int) -> None:
    cells = [f"v{i}" for i in range(distinct)] * 2 + ["x"] * 2 * distinct
    halves = blocks_of(cells[:distinct], distinct // 2)
    found = seen([*halves, cells[distinct:]], threads=2)
    assert found == seen([cells])
    assert found[0]["value"] == "x"


def test_small_blocks_do_not_gather_candidates() -> None:
    column = Frequent()
    for start in range(0, 30_000, 10):
        column.see(tokens([f"v{start + i}" for i in range(9)] + ["often"]))
        assert len(column._texts) <= frequent._CANDIDATES
    assert [each["value"] for each in column.report()] == ["often"]


def test_a_value_that_comes_late_is_found() -> None:
    early = [[f"v{block}-{i}" for i in range(100)] for block in range(95)]
    late = [["late"] * 100 for _ in range(5)]
    assert seen([*early, *late]) == [{"value": "late", "rows": 500}]


def test_at_most_ten_and_twins_in_the_order_of_their_texts() -> None:
    cells = [f"{i:02}" for i in range(20)][::-1] * 3
    assert [each["value"] for each in seen([cells])] == [f"{i:02}" for i in range(10)]


def test_nulls_are_rows_but_no_value() -> None:
    cells = [None] * 200 + ["one"] + ["three"] * 3
    assert seen([cells]) == [{"value": "three", "rows": 3}]
    assert seen([[None] * 5]) == []
    assert seen([[]]) == []


def test_a_number_is_told_as_it_is_written() -> None:
    column = Frequent()
    column.see(tokens([3.0, 3.0, 2.5, 1e300], Role.NUMERIC))
    assert [each["value"] for each in column.report()] == ["3", "1e+300", "2.5"]


def test_a_long_text_is_cut() -> None:
    ((told),) = seen([["x" * 500]])
    assert told["value"] == "x" * 199 + "…"


@pytest.mark.parametrize(("threads", "block_bytes"), [(1, 300), (3, 5_000)])
def test_a_job_tells_the_same_for_any_threads_and_blocks(
    tmp_path: Path, threads: int, block_bytes: int
) -> None:
    content = "c\n" + "".join(f"{cell}\n" for cell in skewed(4_000, distinct=3_000))
    whole = run(tmp_path, content, job()).bytes()
    spec = job(threads=threads, block_bytes=block_bytes)
    assert run(tmp_path, content, spec).bytes() == whole


def test_the_batch_is_left_as_it_was() -> None:
    column = tokens(["a", None, "b"])
    before = column.cells.codes.copy()
    Frequent().see(column)
    np.testing.assert_array_equal(column.cells.codes, before)
    assert column.cells.values.equals(pa.array(["a", "b"]))
