"""One command measures the project on Spark against Spark ML."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from benchmarks import spark
from headrace.config.defaults import PROJECT
from headrace.runtime.spec import OUTPUT, under
from tests import children

pytestmark = pytest.mark.long
ROWS = 2000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    command = [sys.executable, "-m", "benchmarks.spark", f"--rows={ROWS}", "--runs=1"]
    command += [f"--folder={folder}"]
    ran = children.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return str(ran.stdout)


def test_the_table_is_all_that_is_printed(printed: str) -> None:
    rows = re.findall(r"^\| (.+) \| [\d.]+ \([\d.]+-[\d.]+\) \| [\d,]+ \|$", printed, re.M)
    assert [name.partition("`")[0] for name in rows] == ["headrace: ", "Spark ML's "]
    assert printed.startswith("| 2,000 rows, 0 MB of CSV, `local[2]` |")
    assert re.search(r"pyspark [\d.]+, numpy [\d.]+, pyarrow [\d.]+, Java [\d._]+\.\n$", printed)


@pytest.mark.usefixtures("printed")
def test_spark_ml_writes_every_row_with_every_feature(folder: Path) -> None:
    with (folder / f"avazu_{ROWS}.csv").open(newline="") as file:
        expected = {row["id"]: int(row["click"]) for row in csv.DictReader(file)}
    made = ds.dataset(folder / "spark/theirs", format="parquet", partitioning="hive").to_table()
    assert made.num_rows == ROWS
    ids, labels = (made[name].to_pylist() for name in ("id", "label"))
    assert dict(zip(ids, labels, strict=True)) == expected
    features = made["features"].combine_chunks()
    assert set(features.field("size").to_pylist()) == {spark.WIDTH}
    assert all(sum(values) == 22 for values in features.field("values").to_pylist())
    assert 0.75 < made["channel"].to_pylist().count("train") / ROWS < 0.85


@pytest.mark.usefixtures("printed")
def test_ours_writes_every_row(folder: Path) -> None:
    output = under(folder / "spark/ours", OUTPUT)
    manifest = json.loads((output / "report/manifest.json").read_text("utf-8"))
    assert sum(channel["rows"] for channel in manifest["channels"].values()) == ROWS
    assert not (folder / "spark/scratch").exists()
