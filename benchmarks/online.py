"""Measures what rows cost a model server: one by one, in batches of 1,000, and all at once.

    python -m benchmarks.online --runs 5

A job for each chain reads a made-up log; `headrace.load` then transforms rows of that log again.
All chains take turns. scikit-learn's ``FeatureHasher`` on the same rows is there for comparison; it
checks nothing and does one thing only.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn.feature_extraction import FeatureHasher

from benchmarks.figures import machine
from benchmarks.run import ROOT, log_of
from headrace import load

ROWS = 20_000
BATCH = 1_000
SINGLE = 500
BATCHES = 10
CHAINS = (
    "hashing",
    "time_hashing",
    "custom_hashing",
    "rare_hashing",
    "vocabulary",
    "counts",
    "target",
)

Row = dict[str, str]


@dataclass(frozen=True)
class Hashing:
    """One way to transform rows, and how long it took.

    Attributes:
        name: In the table.
        one: Transforms one row.
        many: Transforms several.
        one_seconds: Of each single row.
        many_seconds: Of each batch.
        all_seconds: Of all rows at once.
    """

    name: str
    one: Callable[[Row], object]
    many: Callable[[Sequence[Row]], object]
    one_seconds: list[float] = field(default_factory=list)
    many_seconds: list[float] = field(default_factory=list)
    all_seconds: list[float] = field(default_factory=list)

    def measure(self, rows: Sequence[Row], turn: int) -> None:
        """Measure one turn; the one of number 0 does not count."""
        one = [_seconds(self.one, row) for row in rows[:SINGLE]]
        starts = range(0, BATCHES * BATCH, BATCH)
        many = [_seconds(self.many, rows[start : start + BATCH]) for start in starts]
        every = _seconds(self.many, rows)
        if turn:
            self.all_seconds.append(every)
            self.one_seconds.extend(one)
            self.many_seconds.extend(many)


def _seconds(work: Callable[..., object], argument: object) -> float:
    start = time.process_time()  # whatever else the machine does
    work(argument)
    return time.process_time() - start


def hashings(log: Path, folder: Path) -> list[Hashing]:
    """Return every chain's, and scikit-learn's."""
    made = []
    for chain in CHAINS:
        output = folder / f"online_{chain}"
        command = [sys.executable, str(ROOT / "run.py"), f"transform={chain}", "dataset=avazu"]
        settings = [f"dataset.path={log}", f"output.path={output}", "output.overwrite=true"]
        subprocess.run([*command, *settings], check=True, stdout=subprocess.DEVNULL)
        transformer = load(output)
        made.append(Hashing(f"`transform={chain}`", transformer, transformer.rows))
    hasher = FeatureHasher(2**20, input_type="dict")
    one, many = (lambda row: hasher.transform([row])), hasher.transform
    return [*made, Hashing("scikit-learn's `FeatureHasher`", one, many)]


def rows_of(log: Path) -> list[Row]:
    """Return the log as a model server would get it: a dict a row, without its label and its id."""
    with log.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{key: row[key] for key in row if key not in ("id", "click")} for row in rows]


def report(measured: Sequence[Hashing], columns: int) -> str:
    """Return the table, in Markdown."""
    lines = [
        f"| rows of {columns} columns | one row, µs: median | 99 of 100 below | "
        f"rows/s in batches of {BATCH:,} | {ROWS:,} at once |",
        "|---|---|---|---|---|",
        *(_line(each) for each in measured),
        "",
        f"{len(measured[0].one_seconds):,} single rows and {len(measured[0].many_seconds)} batches "
        "of each, taking turns; CPU time of the process.",
        machine(),
    ]
    return "\n".join(lines)


def _line(measured: Hashing) -> str:
    middle, most = np.percentile(measured.one_seconds, [50, 99]) * 1e6
    speed = BATCH / float(np.median(measured.many_seconds))
    most_speed = ROWS / float(np.median(measured.all_seconds))
    return f"| {measured.name} | {middle:,.0f} | {most:,.0f} | {speed:,.0f} | {most_speed:,.0f} |"


def main() -> None:
    """Reads the command line, measures, prints the table."""
    parser = argparse.ArgumentParser(description="Measure hashing of single rows and of batches.")
    parser.add_argument("--runs", type=int, default=5, help="turns that count")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "outputs" / "bench", help="for data and results"
    )
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    log = log_of(given.folder, ROWS)
    rows, measured = rows_of(log), hashings(log, given.folder)
    for turn in range(given.runs + 1):
        for each in measured:
            each.measure(rows, turn)
    print(report(measured, len(rows[0])))


if __name__ == "__main__":
    main()
