"""Warnings of a run: each is given where it is due, and none on the sample."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from headrace.config.defaults import PROJECT
from headrace.runtime.chain import preflight
from headrace.runtime.output.seal import is_sealed
from headrace.runtime.plugins.transforms import load
from headrace.runtime.spec import StepSpec
from headrace.runtime.transform import Role, split_by, with_role
from tests.runtime.jobs import HASH, SPLIT, job, run
from tests.runtime.shards import run_shared

ROWS = 400
BY_TIME = StepSpec("split", "split", {"method": "time", "column": "hour", "before": "14102800"})


def file(columns: Mapping[str, Sequence[Any]]) -> str:
    rows = zip(*columns.values(), strict=True)
    return "\n".join(",".join(map(str, row)) for row in [tuple(columns), *rows]) + "\n"


def numbers(seed: int, most: int, count: int = ROWS) -> list[int]:
    chance = random.Random(seed)  # noqa: S311 (the same rows in every run)
    return [chance.randrange(most) for _ in range(count)]


def warned(
    root: Path, columns: Mapping[str, Sequence[Any]], **dataset: Any
) -> list[tuple[str, str]]:
    columns = {"id": range(ROWS), "click": numbers(1, 2), "site": numbers(2, 9), **columns}
    spec = job(steps=[SPLIT, HASH], label="click", id="id", **dataset)
    found = run(root, file(columns), spec).manifest["warnings"]
    return [(each["kind"], each["text"]) for each in found]


LEAK = "column 'x' predicts the label by itself (AUC above 0.99): is it known beforehand?"
COLUMNS = {
    "unique": (
        [f"u{number}" for number in range(ROWS)],
        "column 'x' has another value in each row: an id that was left among the features?",
    ),
    "null": ([""] * ROWS, "column 'x' has no value in any row"),
    "constant": (["a"] * ROWS, "column 'x' has the same value in every row"),
    "leak": (["yes" if click else "no" for click in numbers(1, 2)], LEAK),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_is_warned_of(kind: str, tmp_path: Path) -> None:
    cells, text = COLUMNS[kind]
    assert warned(tmp_path, {"x": cells}) == [(kind, text)]


def test_a_number_that_tells_the_label(tmp_path: Path) -> None:
    cells = [
        click * 100 + other for click, other in zip(numbers(1, 2), numbers(3, 90), strict=True)
    ]
    assert warned(tmp_path, {"x": cells}, numeric=("x",)) == [("leak", LEAK)]


def test_a_column_that_tells_a_label_of_minus_one_and_one(tmp_path: Path) -> None:
    signs = [2 * click - 1 for click in numbers(1, 2)]
    assert warned(tmp_path, {"click": signs, "x": signs}) == [("leak", LEAK)]


def test_a_null_that_tells_the_label(tmp_path: Path) -> None:
    chance = numbers(5, 5)
    cells = ["" if click else other for click, other in zip(numbers(1, 2), chance, strict=True)]
    assert warned(tmp_path, {"x": cells}) == [("leak", LEAK)]


@pytest.mark.parametrize(
    "cells",
    [
        numbers(6, 300),  # each value in few rows: its mean label says little
        [click if number % 20 else 1 - click for number, click in enumerate(numbers(1, 2))],
        ["", *["a"] * (ROWS - 1)],
        [f"u{number // 2}" for number in range(ROWS)],
    ],
    ids=["rare values", "a good feature", "nearly constant", "nearly unique"],
)
def test_a_column_is_not_warned_of(cells: Sequence[Any], tmp_path: Path) -> None:
    assert warned(tmp_path, {"x": cells}) == []


def test_a_channel_that_is_different(tmp_path: Path) -> None:
    hours = ["14102700" if number < 200 else "14102900" for number in range(ROWS)]
    columns: dict[str, Sequence[Any]] = {
        "click": numbers(1, 2),
        "hour": hours,
        "same": numbers(2, 9),
        "other": [f"{hour[5]}{number % 3}" for number, hour in enumerate(hours)],
    }
    spec = job(
        steps=[BY_TIME, HASH], label="click", time="hour", categorical=("hour", "same", "other")
    )
    assert run(tmp_path, file(columns), spec).manifest["warnings"] == [
        {
            "kind": "shift",
            "column": "other",
            "text": "column 'other' is very different in validation and in train",
        }
    ]


def hours(count: int, left_out: Sequence[int] = (), form: str = "%y%m%d%H") -> list[str]:
    start = datetime(2014, 10, 21)
    chosen = [number for number in range(count) if number not in left_out]
    return [f"{start + timedelta(hours=chosen[row % len(chosen)]):{form}}" for row in range(ROWS)]


@pytest.mark.parametrize(
    ("times", "texts"),
    [
        (hours(24), []),
        (hours(24, [7]), ["1 hour between others, behind 2014-10-21 06:00"]),
        (hours(24, [7, 8, 20]), ["3 hours between others, the first behind 2014-10-21 06:00"]),
        (
            hours(24, [7], "%Y-%m-%dT%H:%M"),
            ["1 hour between others, behind 2014-10-21 06:00"],
        ),
        (hours(24, range(1, 24, 3)), []),  # no rule
        (hours(24 * 7, [*range(1, 200, 3)]), []),
        (numbers(7, 24), []),  # no times
    ],
)
def test_an_hour_that_is_missing(times: list[str], texts: list[str], tmp_path: Path) -> None:
    columns = {"hour": times}
    found = warned(tmp_path, columns, time="hour", categorical=("site",))
    assert found == [("gap", f"column 'hour' lacks {text}") for text in texts]


def test_small_blocks_and_threads_give_the_same_warnings(tmp_path: Path) -> None:
    columns: dict[str, Sequence[Any]] = {
        "id": range(ROWS),
        "click": numbers(1, 2),
        "x": numbers(1, 2),
        "y": ["a"] * ROWS,
    }
    found = []
    for block_bytes, threads in ((1 << 20, 1), (300, 3)):
        spec = job(
            steps=[SPLIT, HASH], label="click", id="id", block_bytes=block_bytes, threads=threads
        )
        root = tmp_path / str(threads)
        root.mkdir()
        found.append(run(root, file(columns), spec).manifest["warnings"])
    assert found[0] == found[1]
    assert [each["kind"] for each in found[0]] == ["leak", "constant"]


def test_several_instances_give_the_same_warnings(tmp_path: Path) -> None:
    columns: dict[str, Sequence[Any]] = {
        "id": range(ROWS),
        "click": numbers(1, 2),
        "x": numbers(1, 2),
        "y": ["a"] * ROWS,
    }
    header, *rows = file(columns).splitlines(keepends=True)
    spec = job(steps=[SPLIT, HASH], label="click", id="id")
    files = {f"{number}.csv": "".join([header, *rows[number::3]]) for number in range(3)}
    alone = run(tmp_path, file(columns), spec).manifest
    shared = run_shared(tmp_path, files, spec, 3).manifest
    assert shared["warnings"] == alone["warnings"] != []
    assert is_sealed(shared)


def test_the_sample_is_not_warned_of(tmp_path: Path) -> None:
    sample = (PROJECT / "data/avazu_sample.csv").read_bytes()
    spec = job(steps=[SPLIT, HASH], label="click", id="id", time="hour")
    assert run(tmp_path, sample, spec).manifest["warnings"] == []


def test_a_label_that_is_always_the_same(tmp_path: Path) -> None:
    assert warned(tmp_path, {"click": [0] * ROWS}) == [
        ("constant", "column 'click' is the label, and has the same value in every row")
    ]


@pytest.mark.parametrize("name", ["target_encode", "count_encode"])
def test_numbers_that_a_step_has_learned_for_texts_are_not_compared(
    name: str, tmp_path: Path
) -> None:
    """Those of training rows are others by design; the texts that they stand for are alike."""
    table = {"id": range(ROWS), "click": numbers(1, 2), "site": numbers(2, 2000)}
    steps = [SPLIT, StepSpec(name, name, {})]
    spec = job(steps=steps, label="click", id="id", format="csv")
    result = run(tmp_path, file(table), spec)
    assert result.metrics["columns"]["site"]["frequent_values"][0]["channels"]
    assert result.manifest["warnings"] == []


@dataclass(frozen=True)
class ByDay:
    """A split of a user's own, by a parameter of any name."""

    says: bool
    method: str = "time"
    column: str = "other"

    def channels(self) -> tuple[str, ...]:
        return ("train", "validation")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        channel = with_role(pa.field("channel", pa.int8()), Role.CHANNEL)
        return schema.append(split_by(channel, "hour") if self.says else channel)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        is_late = pc.greater_equal(batch.column("hour"), "14102800").cast(pa.int8())
        columns = [*batch.columns, is_late]
        return pa.RecordBatch.from_arrays(columns, schema=self.output_schema(batch.schema))


@pytest.mark.parametrize(
    ("says", "columns"), [(True, ["other"]), (False, ["hour", "other"])], ids=["says", "does not"]
)
def test_a_split_of_a_users_own_says_which_time_decides(
    says: bool, columns: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody guesses it from names of parameters, which say `other` here."""
    steps = [("mine", ByDay(says)), *load([HASH])]
    monkeypatch.setattr(preflight, "load", lambda _: steps)
    spec = job(label="click", id="id")
    rows = file(by_hour())
    files = {"a.csv": rows.splitlines()[0] + "\n", "b.csv": rows}  # the first host has no rows
    warnings = run_shared(tmp_path, files, spec, hosts=2).manifest["warnings"]
    assert [each["column"] for each in warnings] == columns


def by_hour() -> dict[str, Sequence[Any]]:
    """Rows of two days; another column tells the days apart as well."""
    hours = [f"141027{n % 24:02}" if n % 2 else f"141028{n % 24:02}" for n in range(ROWS)]
    other = ["a" if n % 2 else "b" for n in range(ROWS)]
    return {"id": range(ROWS), "click": numbers(1, 2), "hour": hours, "other": other}


@pytest.mark.parametrize("time", ["hour", None])
def test_the_time_that_rows_are_split_by_is_not_compared(time: str | None, tmp_path: Path) -> None:
    spec = job(steps=[BY_TIME, HASH], label="click", id="id", time=time)
    (warning,) = run(tmp_path, file(by_hour()), spec).manifest["warnings"]
    assert warning["text"] == "column 'other' is very different in validation and in train"
