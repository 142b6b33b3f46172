"""The table of Spark: what it says of given times, and of a machine without Spark."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from benchmarks import generate, spark
from headrace.targets.local import spark_submit as cluster


def took(*seconds: float) -> spark.Side:
    return spark.Side("mine", lambda _: None, list(seconds))


def test_the_table_has_medians_and_a_ratio_of_pairs() -> None:
    both = (took(2.0, 4.0, 2.5), took(20.0, 20.0, 20.0))
    lines = spark.report(both, 1_000_000, 156.2, "17.0.1").splitlines()
    assert lines[:4] == [
        "| 1,000,000 rows, 156 MB of CSV, `local[2]` | wall, s | rows/s |",
        "|---|---|---|",
        "| mine | 2.50 (2.00-4.00) | 400,000 |",
        "| mine | 20.00 (20.00-20.00) | 50,000 |",
    ]
    assert lines[5].startswith("Medians of 3 runs ")
    assert lines[7] == "* **8.0 (5.0-10.0) times** faster than Spark ML, pair by pair"


def test_what_was_there_is_gone_before_it_runs(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "old").touch()
    spark.Side("mine", lambda path: path.mkdir()).run(folder)
    assert not any(folder.iterdir())


def test_the_job_is_that_of_the_command_line(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    generate.write(log, 10)
    spec = spark.spec_of(log)
    assert [step.name for step in spec.steps] == ["split", "feature_hasher"]
    assert spec.steps[1].parameters["n_features"] == spark.WIDTH
    assert spec.steps[0].parameters["train_fraction"] == spark.TRAIN_PERCENT / 100
    assert (spec.dataset.label, spec.dataset.id) == (spark.LABEL, spark.ID)


def test_without_spark_there_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["spark.py", f"--folder={tmp_path}"])
    with pytest.raises(SystemExit) as caught:
        spark.main()
    assert re.fullmatch(r"Spark on this machine needs the package pyspark: .+", str(caught.value))
    assert not any(tmp_path.iterdir())
