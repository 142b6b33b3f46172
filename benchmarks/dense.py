"""Measures steps that learn and dense formats: whole jobs, and each `output.format` by itself.

    python -m benchmarks.dense --rows 1000000 --columns 20 --runs 5

Whole jobs take turns with the script that does the same with pandas and scikit-learn
(`benchmarks/by_hand.py`), each a process from its start to files on disk. Formats write rows from
memory to nowhere by one thread, in the blocks that a job has, beside pyarrow's own CSV. They take
turns, so that a ratio is that of two runs next to each other.
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

from benchmarks.figures import machine, spread, times
from benchmarks.run import ROOT, Command, Results, log_of
from benchmarks.run import measured as measured_jobs
from headrace.runtime.output.writers import writer_of
from headrace.runtime.output.writers.base import files_of
from headrace.runtime.process.setup import set_up
from headrace.runtime.spec import OutputSpec

BASE = "pyarrow.csv"
FORMATS = ("csv", "npy", "parquet")
TEXT = "text"
ROWS_OF_A_BLOCK = 50_000
KINDS: dict[str, Callable[[np.random.Generator, int], pa.Array]] = {
    "real": lambda random, rows: pa.array(random.normal(size=rows)),
    "whole": lambda random, rows: pa.array(np.floor(random.lognormal(4, 2, rows))),
    TEXT: lambda random, rows: pa.array(random.integers(0, 2**32, rows)).cast(pa.string()),
}
"""Kinds of cells: measurements of many digits, counts, and texts."""
JOBS = {"vocabulary": "npy", "counts": "csv", "target": "csv"}
"""``transform=`` → ``output.format=``."""


def commands(log: Path) -> tuple[Command, ...]:
    """Return the script and the job for each chain."""
    script, run = str(ROOT / "benchmarks" / "by_hand.py"), str(ROOT / "run.py")
    made = []
    for chain, kind in JOBS.items():
        by_hand, ours = f"{chain}, by hand", f"{chain}, headrace"
        job = (f"transform={chain}", f"output.format={kind}", f"output.path={chain}")
        made += [
            Command(by_hand, (script, chain, str(log), f"hand-{chain}"), f"hand-{chain}"),
            Command(ours, (run, "dataset=avazu", f"dataset.path={log}", *job), chain),
        ]
    return tuple(made)


def report_jobs(results: Results, rows: int) -> str:
    """Return the table of whole jobs, in Markdown."""
    lines = [
        f"| {rows:,} rows | wall, s | CPU s | peak memory, MB |",
        "|---|---|---|---|",
        *(
            f"| {name} | {spread([run.wall_seconds for run in runs])} | "
            f"{spread([run.cpu_seconds for run in runs])} | "
            f"{median(run.peak_rss_mb for run in runs):,.0f} |"
            for name, runs in results.items()
        ),
        "",
    ]
    for chain, kind in JOBS.items():
        hand, ours = results[f"{chain}, by hand"], results[f"{chain}, headrace"]
        walls, cpus = (
            times([getattr(run, key) for run in hand], [getattr(run, key) for run in ours])
            for key in ("wall_seconds", "cpu_seconds")
        )
        lines.append(f"* `{chain}`, `{kind}`: **{walls} times** by the clock, {cpus} times in CPU")
    return "\n".join(lines)


def blocks_of(kind: str, rows: int, columns: int) -> list[pa.RecordBatch]:
    """Return rows of numbers that are made up, the same each time."""
    random = np.random.default_rng(0)
    arrays = [KINDS[kind](random, rows) for _ in range(columns)]
    whole = pa.record_batch(arrays, [f"n{number}" for number in range(columns)])
    return [whole.slice(start, ROWS_OF_A_BLOCK) for start in range(0, rows, ROWS_OF_A_BLOCK)]


def measured(blocks: Sequence[pa.RecordBatch], runs: int) -> dict[str, list[float]]:
    """Return the CPU seconds of each format, after a round that does not count."""
    has_texts = pa.types.is_string(blocks[0].schema.field(0).type)
    names = [name for name in FORMATS if name != "npy" or not has_texts]
    taken: dict[str, list[float]] = {name: [] for name in (BASE, *names)}
    for turn in range(runs + 1):
        for name in taken:
            start = time.process_time()
            _by_pyarrow(blocks) if name == BASE else _by_headrace(blocks, name)
            if turn:
                taken[name].append(time.process_time() - start)
    return taken


def _by_pyarrow(blocks: Sequence[pa.RecordBatch]) -> None:
    options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
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
    head = [f"| {rows:,} rows of {columns} columns | CPU s | times {BASE} |", "|---|---|---|"]
    lines = [
        f"| {kind}, `{name}` | {median(seconds):.2f} | {times(seconds, each[BASE], digits=2)} |"
        for kind, each in taken.items()
        for name, seconds in each.items()
    ]
    return "\n".join([*head, *lines, "", machine()])


def main() -> None:
    """Read the command line, measure, print both tables."""
    parser = argparse.ArgumentParser(description="Measure steps that learn and dense formats.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows")
    parser.add_argument("--columns", type=int, default=20, help="columns")
    parser.add_argument("--runs", type=int, default=5, help="runs that count, of each format")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "outputs" / "bench", help="for data and results"
    )
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    jobs = measured_jobs(commands(log_of(given.folder, given.rows)), given.runs, given.folder)
    print(f"{report_jobs(jobs, given.rows)}\n")
    set_up()
    pa.set_cpu_count(1)
    taken = {}
    for kind in KINDS:
        taken[kind] = measured(blocks_of(kind, given.rows, given.columns), given.runs)
    print(report(taken, given.rows, given.columns))


if __name__ == "__main__":
    main()
