"""Blocks in a pool of threads: the order of results and errors, and whom a bug is blamed on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from headrace.runtime.chain import preflight
from headrace.runtime.errors import BadRows, DataError, PluginError
from headrace.runtime.process.threads import in_order
from headrace.runtime.transform import Transform
from tests.runtime.jobs import clicks, gzipped, job, run
from transforms.split import Split
from transforms.standardize import Standardize

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


@dataclass(frozen=True)
class Every:
    """Keeps every second row, with an account of that which can be wrong."""

    keeps_of: Callable[[pa.RecordBatch], Any]
    leaves_out_rows: ClassVar[bool] = True

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return schema

    def keeps(self, batch: pa.RecordBatch) -> Any:
        return self.keeps_of(batch)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.filter(pa.array(every_second(batch)))


def every_second(batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    return np.array(pc.ends_with(batch.column("id"), "0"), np.bool_)


@dataclass(frozen=True)
class Refusing:
    """Calls rows bad."""

    bad: Callable[[pa.RecordBatch], BadRows | None]

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return schema

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if (bad := self.bad(batch)) is not None:
            raise bad
        return batch


def c_is_x(batch: pa.RecordBatch) -> BadRows | None:
    is_x = pc.equal(batch.column("c"), "x").to_numpy(zero_copy_only=False)
    return BadRows("c", is_x, "no x") if is_x.any() else None


IDS = "id,c\n" + "".join(f"{n},{'x' if n in (7, 30, 50) else 'v'}\n" for n in range(60))
"""Lines 9, 32 and 52 are bad, the first of which is left out by `Every`."""


def of_steps(monkeypatch: pytest.MonkeyPatch, *steps: Transform) -> None:
    labelled = list(zip(("mine", "other"), steps, strict=False))
    monkeypatch.setattr(preflight, "load", lambda _: labelled)


@pytest.mark.parametrize("block_bytes", [40, 1 << 20])
def test_a_bad_row_behind_rows_that_were_left_out_is_named_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    of_steps(monkeypatch, Every(every_second), Refusing(c_is_x))
    spec = job(id="id", format="parquet", block_bytes=block_bytes)
    with pytest.raises(DataError) as caught:
        run(tmp_path, {"a.csv": "id,c\n1,v\n", "b.csv": IDS}, spec)
    assert str(caught.value).startswith("b.csv, line 32, column 'c': expected no x, got 'x'")


@pytest.mark.parametrize("skips", [False, True])
@pytest.mark.parametrize(
    ("keeps", "message"),
    [
        (lambda _: [1, 2], "what keeps returned is an array of int64, not an array of bool"),
        (lambda _: None, "what keeps returned is an array of object, not an array of bool"),
        (lambda batch: every_second(batch)[:-1], "what keeps returned has the shape (59,), and the "
                                                 "batch 60 rows"),
        (lambda batch: ~every_second(batch), "keeps says that 54 rows of 60 stay, but apply "
                                             "returned 6"),
    ],
)  # fmt: skip
def test_a_wrong_account_of_the_rows_that_a_step_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeps: Any, message: str, skips: bool
) -> None:
    of_steps(monkeypatch, Every(keeps), Refusing(c_is_x))
    spec = job(id="id", format="parquet", on_bad_rows="skip" if skips else "error")
    with pytest.raises(PluginError) as caught:
        run(tmp_path, IDS, spec)
    assert str(caught.value) == f"transform.steps.mine (tests/runtime/test_pipeline.py): {message}"


def test_a_bug_in_that_account_says_in_which_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keeps(batch: pa.RecordBatch) -> Any:
        raise ZeroDivisionError("a bug")

    of_steps(monkeypatch, Every(keeps), Refusing(c_is_x))
    with pytest.raises(ZeroDivisionError, match="a bug") as caught:
        run(tmp_path, IDS, job(id="id", format="parquet"))
    assert caught.value.__notes__ == ["raised by transform.steps.mine"]


def test_an_account_that_was_not_given_for_this_way_of_keeping_rows_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class First(Every):
        def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
            return batch.slice(0, 40)

    of_steps(monkeypatch, First(every_second), Refusing(c_is_x))
    with pytest.raises(DataError) as caught:
        run(tmp_path, IDS, job(id="id", format="parquet"))
    assert str(caught.value) == (
        "data.csv, column 'c': expected no x, got 'x'; 1 more such rows follow closely: 'x'"
    )


@pytest.mark.parametrize("skips", [False, True])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (BadRows("c", np.array([True]), "x"),
         "the mask of BadRows has the shape (1,), and the batch 60 rows"),
        (BadRows("c", np.zeros(60, bool), "x"), "the mask of BadRows is true for no row"),
        (BadRows("c", [True] * 60, "x"),  # type: ignore[arg-type]
         "the mask of BadRows is list, not an array of bool"),
        (BadRows("e", np.ones(60, bool), "x"), "BadRows names 'e', which is no column here"),
    ],
)  # fmt: skip
def test_bad_rows_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: BadRows, message: str, skips: bool
) -> None:
    of_steps(monkeypatch, Refusing(lambda _: bad))
    spec = job(id="id", format="parquet", on_bad_rows="skip" if skips else "error")
    with pytest.raises(PluginError) as caught:
        run(tmp_path, IDS, spec)
    assert str(caught.value) == f"transform.steps.mine (tests/runtime/test_pipeline.py): {message}"


class Picky(Standardize):
    """Does not learn from 9."""

    def accumulate(self, batch: pa.RecordBatch) -> pa.Table:
        bad = np.array(pc.equal(batch.column("x"), 9), np.bool_)
        if bad.any():
            raise BadRows("x", bad, "no 9")
        return super().accumulate(batch)


@pytest.mark.parametrize("block_bytes", [40, 1 << 20])
def test_a_training_row_that_a_step_cannot_learn_from_is_named_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    of_steps(monkeypatch, Split(method="time", column="day", before="2"), Picky())
    rows = "".join(f"{n},{n if n in (9, 30) else 1},{2 if n % 3 else 1}\n" for n in range(40))
    spec = job(id="id", numeric=("x",), format="parquet", block_bytes=block_bytes)
    with pytest.raises(DataError) as caught:
        run(tmp_path, "id,x,day\n" + rows, spec)
    assert str(caught.value) == "data.csv, line 11, column 'x': expected no 9, got 9.0"
