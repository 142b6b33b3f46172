"""Rows and labels by channel and point in time, in whole jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headrace.runtime.errors import DataError
from headrace.runtime.spec import StepSpec
from headrace.runtime.statistics import timeline
from tests.runtime.jobs import HASH, job, run

BY_TIME = StepSpec("split", "split", {"method": "time", "column": "t", "before": "14102102"})
CONTENT = "y,t,c\n1,14102101,a\n0,14102100,a\n1,14102100,b\n1,14102102,\n0,,a\n0.5,14102101,a\n"


def time_of(tmp_path: Path, content: str = CONTENT, **settings: Any) -> Any:
    spec = job(**{"label": "y", "time": "t", **settings})
    return run(tmp_path, content, spec).metrics["time"]


def test_without_a_split(tmp_path: Path) -> None:
    assert time_of(tmp_path) == {
        "column": "t",
        "points": ["14102100", "14102101", "14102102", None],
        "channels": {"train": {"rows": [2, 2, 1, 1], "label_sums": [1.0, 1.5, 1.0, 0.0]}},
    }


def test_each_channel_has_its_own(tmp_path: Path) -> None:
    content = CONTENT.replace("0,,a\n", "")
    counted = time_of(tmp_path, content, steps=[BY_TIME, HASH])
    assert counted["channels"] == {
        "train": {"rows": [2, 2, 0], "label_sums": [1.0, 1.5, 0.0]},
        "validation": {"rows": [0, 0, 1], "label_sums": [0.0, 0.0, 1.0]},
    }


def test_the_column_may_be_dropped_on_the_way(tmp_path: Path) -> None:
    steps = [StepSpec("time_features", "time_features", {"column": "t"}), HASH]
    assert time_of(tmp_path, steps=steps) == time_of(tmp_path)


def test_the_column_may_be_no_feature(tmp_path: Path) -> None:
    result = run(tmp_path, CONTENT, job(label="y", time="t", categorical=("c",)))
    assert result.metrics["time"]["channels"]["train"]["rows"] == [2, 2, 1, 1]
    assert set(result.metrics["columns"]) == {"c"}
    assert (
        result.bytes()["train/part-00000.npz"]
        == (
            run(tmp_path, CONTENT, job(label="y", categorical=("c",))).bytes()[
                "train/part-00000.npz"
            ]
        )
    )


@pytest.mark.parametrize("format_name", ["npz", "parquet", "libsvm", "recordio"])
def test_no_part_knows_of_it(tmp_path: Path, format_name: str) -> None:
    files = [
        run(tmp_path, CONTENT, job(label="y", format=format_name, time=time)).bytes()
        for time in (None, "t")
    ]
    assert files[0].pop("report/metrics.json") != files[1].pop("report/metrics.json")
    assert files[0] == files[1]


def test_rows_that_are_not_hashed_have_no_further_column(tmp_path: Path) -> None:
    spec = job(label="y", time="t", steps=[BY_TIME], format="parquet", on_bad_rows="skip")
    assert run(tmp_path, CONTENT, spec).table("train").column_names == ["y", "t", "c"]


def test_without_a_label_rows_are_counted(tmp_path: Path) -> None:
    counted = time_of(tmp_path, "t\nb\na\nb\n", label=None)
    assert counted == {"column": "t", "points": ["a", "b"], "channels": {"train": {"rows": [1, 2]}}}


@pytest.mark.parametrize(("threads", "block_bytes"), [(1, 1), (3, 100)])
def test_neither_blocks_nor_threads_change_it(
    tmp_path: Path, threads: int, block_bytes: int
) -> None:
    rows = [f"{0.1 * (i % 9)!r},h{i % 5},x\n" for i in range(200)]
    content = "".join(["y,t,c\n", *rows, "1e16,h0,x\n-1e16,h0,x\n"])
    settings = {"threads": threads, "block_bytes": block_bytes}
    assert time_of(tmp_path, content, **settings) == time_of(tmp_path, content)


def test_sums_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    told = time_of(tmp_path, "y,t,c\n1.7e308,a,x\n1.7e308,a,x\n-1e308,b,x\n")
    assert told["channels"] == {"train": {"rows": [2, 1]}}


def test_too_many_points_are_no_timeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "LIMIT", 3)
    content = "t\n" + "".join(f"{i}\n" for i in range(4)) * 2
    left_out = {"column": "t", "left_out": timeline.LEFT_OUT}
    for block_bytes in (1, 1000):
        assert time_of(tmp_path, content, label=None, block_bytes=block_bytes) == left_out
    assert time_of(tmp_path, content[:8], label=None)["points"] == ["0", "1", "2"]


def test_a_point_that_is_a_whole_text_is_no_point(tmp_path: Path) -> None:
    told = time_of(tmp_path, f"t\n{'x' * 65}\n", label=None)
    assert told == {
        "column": "t",
        "left_out": "more than 10,000 points in time, or one of more than 64 characters",
    }


def test_without_the_key_there_is_none(tmp_path: Path) -> None:
    assert "time" not in run(tmp_path, CONTENT, job(label="y")).metrics


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        time_of(tmp_path, time="tt")
    assert str(caught.value) == (
        "data.csv: there is no column 'tt'; did you mean 't'?; "
        "dataset.time=null does without counts by time"
    )


def test_what_is_only_counted_is_not_in_the_digest() -> None:
    assert job(time="t").sha256 == job().sha256
