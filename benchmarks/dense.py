"""Measures how long dense rows take in each `output.format`, beside pyarrow's own CSV.

    python -m benchmarks.dense --rows 1000000 --columns 20 --runs 5

Rows of numbers are written from memory to nowhere by one thread, in the blocks that a job has.
Formats take turns, so that a ratio is that of two runs next to each other.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from benchmarks.figures import machine, times
from headrace.runtime.output.writers import writer_of
from headrace.runtime.output.writers.base import files_of
from headrace.runtime.process.setup import set_up
from headrace.runtime.spec import OutputSpec

BASE = "pyarrow.csv"
FORMATS = ("csv", "npy", "parquet")
ROWS_OF_A_BLOCK = 50_000
KINDS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "real": lambda random, rows: random.normal(size=rows),
    "whole": lambda random, rows: np.floor(random.lognormal(4, 2, rows)),
}
"""Kinds of numbers: measurements of many digits, and counts."""


def blocks_of(kind: str, rows: int, columns: int) -> list[pa.RecordBatch]:
    """Return rows of numbers that are made up, the same each time."""
    random = np.random.default_rng(0)
    arrays = [pa.array(KINDS[kind](random, rows)) for _ in range(columns)]
    whole = pa.record_batch(arrays, [f"n{number}" for number in range(columns)])
    return [whole.slice(start, ROWS_OF_A_BLOCK) for start in range(0, rows, ROWS_OF_A_BLOCK)]


def measured(blocks: Sequence[pa.RecordBatch], runs: int) -> dict[str, list[float]]:
    """Return the CPU seconds of each format, after a round that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in (BASE, *FORMATS)}
    for turn in range(runs + 1):
        for name in taken:
            start = time.process_time()
            _by_pyarrow(blocks) if name == BASE else _by_headrace(blocks, name)
            if turn:
                taken[name].append(time.process_time() - start)
    return taken


def _by_pyarrow(blocks: Sequence[pa.RecordBatch]) -> None:
    options = pa_csv.WriteOptions(include_header=False)
    with (
        Path(os.devnull).open("wb") as file,
        pa_csv.CSVWriter(file, blocks[0].schema, write_options=options) as csv,
    ):
        for block in blocks:
            csv.write_batch(block)


def _by_headrace(blocks: Sequence[pa.RecordBatch], name: str) -> None:
    for write in files_of(writer_of(OutputSpec(name)), blocks[0].schema).values():
        with Path(os.devnull).open("wb") as file:
            write(blocks, file)


def report(taken: dict[str, dict[str, list[float]]], rows: int, columns: int) -> str:
    """Return the table, in Markdown: medians, and medians of ratios with their ranges."""
    head = [f"| {rows:,} rows of {columns} numbers | CPU s | times {BASE} |", "|---|---|---|"]
    lines = [
        f"| {kind}, `{name}` | {median(seconds):.2f} | {times(seconds, each[BASE], digits=2)} |"
        for kind, each in taken.items()
        for name, seconds in each.items()
    ]
    return "\n".join([*head, *lines, "", machine()])


def main() -> None:
    """Read the command line, measure, print the table."""
    parser = argparse.ArgumentParser(description="Measure the formats of dense rows.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows")
    parser.add_argument("--columns", type=int, default=20, help="columns")
    parser.add_argument("--runs", type=int, default=5, help="runs that count, of each format")
    given = parser.parse_args()
    set_up()
    pa.set_cpu_count(1)
    taken = {}
    for kind in KINDS:
        taken[kind] = measured(blocks_of(kind, given.rows, given.columns), given.runs)
    print(report(taken, given.rows, given.columns))


if __name__ == "__main__":
    main()
