"""Blocks in a pool of threads: the order of results and errors, and whom a bug is blamed on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from headrace.runtime.chain import preflight
from headrace.runtime.errors import DataError
from headrace.runtime.process.threads import in_order
from headrace.runtime.transform import Transform
from tests.runtime.jobs import clicks, gzipped, job, run

THREADS = [1, 2, 3, 8]


@pytest.mark.parametrize("threads", THREADS)
def test_results_come_in_the_order_of_the_arguments(threads: int) -> None:
    def slow_at_first(number: int) -> int:
        time.sleep(0.02 if number == 0 else 0)
        return number

    numbers = ((number,) for number in range(50))
    assert list(in_order(slow_at_first, numbers, threads)) == list(range(50))


@pytest.mark.parametrize("threads", THREADS)
def test_no_more_arguments_are_taken_than_threads_need(threads: int) -> None:
    taken = []

    def arguments() -> Iterator[tuple[int]]:
        for number in range(100):
            taken.append(number)
            yield (number,)

    results = in_order(lambda number: number, arguments(), threads)
    assert next(results) == 0
    assert len(taken) == threads + 1
    results.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("threads", THREADS)
def test_a_bad_row_before_a_file_that_is_cut_short_is_named(tmp_path: Path, threads: int) -> None:
    rows = clicks(3000).replace(",1,v", ",x,v", 1)
    cut = {"a.csv.gz": gzipped(rows)[:-20]}
    with pytest.raises(DataError) as caught:
        run(tmp_path, cut, job(threads=threads, block_bytes=1 << 12, label="click", id="id"))
    assert "column 'click': expected a number, 0 or 1 for a click, got 'x'" in str(caught.value)


@dataclass(frozen=True)
class Broken:
    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return schema

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        raise ZeroDivisionError("a bug")


def test_a_bug_in_a_transform_says_in_which_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(steps: object) -> list[tuple[str, Transform]]:
        return [("mine", Broken())]

    monkeypatch.setattr(preflight, "load", load)
    with pytest.raises(ZeroDivisionError, match="a bug") as caught:
        run(tmp_path, clicks(3), job(format="parquet", label="click", id="id"))
    assert caught.value.__notes__ == ["raised by transform.steps.mine"]
