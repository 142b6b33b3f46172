"""Measures a job of `backend=pyspark` against Spark ML's own `FeatureHasher`, on the same Spark.

    python -m benchmarks.spark --rows 1000000 --runs 3

One Spark in this process does both in turn, so that whatever else the machine does falls on both.
Its start is in neither time: the first turn does not count. Both read the same file with the
same cores, divide the rows four to one by a hash of the id, hash all columns but label and id into
the same width, and write everything to disk: headrace as npz, Spark as Parquet.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.figures import machine, spread, times
from benchmarks.run import ROOT, log_of
from headrace import compile
from headrace.aws.request import RequestView
from headrace.errors import HeadraceError
from headrace.runtime.spark.main import SETTINGS as SET_BY_THE_DRIVER
from headrace.runtime.spec import JobSpec, under
from headrace.targets.local import spark_submit as spark

if TYPE_CHECKING:
    from pyspark.ml import Transformer
    from pyspark.sql import DataFrame, SparkSession

CORES = 2
WIDTH = 2**20
LABEL, ID = "click", "id"
TRAIN_PERCENT = 80
RESULTS = ("ours", "theirs")
PACKAGES = ("pyspark", "numpy", "pyarrow")
SETTINGS = {
    **spark.OURS,
    **SET_BY_THE_DRIVER,
    "spark.driver.memory": "4g",
    "spark.log.level": "ERROR",
}


@dataclass(frozen=True)
class Side:
    """One of the two programs.

    Attributes:
        name: What the table calls it.
        work: Hashes a log into a folder.
        seconds: What each run took that counts.
    """

    name: str
    work: Callable[[Path], None]
    seconds: list[float] = field(default_factory=list)

    def run(self, folder: Path) -> float:
        """Run it once; remove first what an earlier run left."""
        shutil.rmtree(folder, ignore_errors=True)
        start = time.perf_counter()
        with redirect_stdout(sys.stderr):  # the job tells there how far it is
            self.work(folder)
        return time.perf_counter() - start


def sides(session: SparkSession, log: Path) -> tuple[Side, Side]:
    """Return the two to compare: ours, theirs."""
    spec = spec_of(log)
    return (
        Side(
            "headrace: `backend=pyspark transform=hashing`",
            lambda folder: ours(session, spec, log, folder),
        ),
        Side(
            "Spark ML's `FeatureHasher`, written as Parquet",
            lambda folder: theirs(session, log, folder),
        ),
    )


def spec_of(log: Path) -> JobSpec:
    """Return what ``python run.py backend=pyspark`` tells the driver."""
    settings = {"dataset.path": str(log), "transform.n_features": WIDTH}
    return compile("backend=pyspark", "transform=hashing", "dataset=avazu", settings).job.spec


def ours(session: SparkSession, spec: JobSpec, log: Path, folder: Path) -> None:
    """Do what the driver does while Spark runs; `folder` stands for ``/opt/ml``."""
    from headrace.runtime.spark.driver import execute

    data = under(folder, spec.input)
    data.mkdir(parents=True)
    (data / log.name).symlink_to(log)
    execute(spec, folder, session.sparkContext)


def theirs(session: SparkSession, log: Path, folder: Path) -> None:
    """Do the same as a user of Spark would who knows it well.

    One pass, in which the writer divides the rows. In two tries with a million rows on a busy
    machine, a pass for each channel took about 1.6 times as long as this, and about 1.9 times with
    the rows cached between the two.
    """
    from pyspark.sql import functions as f

    rows = session.read.csv(str(log), header=True)  # every cell is text
    trains = f.crc32(ID) % 100 < TRAIN_PERCENT
    channel = f.when(trains, "train").otherwise("validation").alias("channel")
    label = f.col(LABEL).cast("int").alias("label")
    hashed = hasher_of(rows).transform(rows).select("features", label, ID, channel)
    hashed.write.partitionBy("channel").parquet(str(folder))


def hasher_of(rows: DataFrame) -> Transformer:
    """Hash all columns but label and id, each cell with its column's name."""
    from pyspark.ml.feature import FeatureHasher

    features = [name for name in rows.columns if name not in (LABEL, ID)]
    return FeatureHasher(
        numFeatures=WIDTH, inputCols=features, categoricalCols=features, outputCol="features"
    )


@contextmanager
def started(folder: Path) -> Iterator[SparkSession]:
    """Start a Spark of threads in this process, whose Python processes find the project."""
    from pyspark.sql import SparkSession

    scratch = folder / "scratch"

    paths = (str(ROOT), os.environ.get("PYTHONPATH", ""))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.environ["SPARK_LOCAL_IP"] = spark.LOOPBACK
    os.environ["SPARK_LOCAL_DIRS"] = str(scratch)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master(f"local[{CORES}]").appName("benchmark")
    session = builder.config(map=dict(SETTINGS)).getOrCreate()
    try:
        yield session
    finally:
        session.stop()
        shutil.rmtree(scratch, ignore_errors=True)


def measured(session: SparkSession, log: Path, runs: int, folder: Path) -> tuple[Side, Side]:
    """Run both in turn, `runs` times after a turn in which Spark warms up.

    Args:
        session: Where they run.
        log: What they read.
        runs: Runs that count, of each.
        folder: For the results of the last turn.
    """
    both = sides(session, log)
    for turn in range(runs + 1):
        for side, name in zip(both, RESULTS, strict=True):
            seconds = side.run(folder / name)
            print(f"{turn}/{runs}  {seconds:7.2f} s  {side.name}", file=sys.stderr)
            if turn:
                side.seconds.append(seconds)
    return both


def report(both: tuple[Side, Side], rows: int, megabytes: float, java: str) -> str:
    """Return the table, in Markdown.

    Args:
        both: Ours, theirs.
        rows: Rows of the log.
        megabytes: Its size.
        java: The version of it that Spark runs on.
    """
    ours, theirs = both
    lines = [
        f"| {rows:,} rows, {megabytes:,.0f} MB of CSV, `local[{CORES}]` | wall, s | rows/s |",
        "|---|---|---|",
        *(_line(side, rows) for side in both),
        "",
        f"Medians of {len(ours.seconds)} runs (in brackets the fastest and the slowest), taking "
        "turns in one Spark that has done both once before.",
        "",
        f"* **{times(theirs.seconds, ours.seconds)} times** faster than Spark ML, pair by pair",
        "",
        f"{machine(PACKAGES)[:-1]}, Java {java}.",
    ]
    return "\n".join(lines)


def _line(side: Side, rows: int) -> str:
    return f"| {side.name} | {spread(side.seconds)} | {rows / median(side.seconds):,.0f} |"


def java_of(session: SparkSession) -> str:
    """Return the version of Java that Spark runs on."""
    asked = "java_method('java.lang.System', 'getProperty', 'java.version')"
    return str(session.sql(f"SELECT {asked}").collect()[0][0])


def main() -> None:
    """Reads the command line, measures, prints the table."""
    parser = argparse.ArgumentParser(description="Measure headrace on Spark against Spark ML.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the input")
    parser.add_argument("--runs", type=int, default=3, help="runs that count, of each of the two")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "outputs" / "bench", help="for data and results"
    )
    given = parser.parse_args()
    try:
        spark.check(RequestView({"AppSpecification": {"ContainerEntrypoint": [spark.PROGRAM]}}))
    except HeadraceError as error:
        sys.exit(str(error))
    given.folder.mkdir(parents=True, exist_ok=True)
    log = log_of(given.folder, given.rows)
    folder = given.folder.resolve() / "spark"
    with started(folder) as session:
        both = measured(session, log, given.runs, folder)
        java = java_of(session)
    print(report(both, given.rows, log.stat().st_size / 1e6, java))


if __name__ == "__main__":
    main()
