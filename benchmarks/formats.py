"""Measures what each `output.format` costs, as multiples of npz.

    python -m benchmarks.formats --rows 1000000 --runs 5

Two times for each format: of a whole job, and of writing its parts alone, which are the same rows
from memory to disk, checksums included. All formats take turns, and so a ratio is that of two runs
next to each other.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import median

import pyarrow as pa

from benchmarks.figures import machine, times
from benchmarks.run import ROOT, Command, log_of, measured
from headrace.results.part_rows import rows_of as rows_of_part
from headrace.runtime.output.parts import PartWriter
from headrace.runtime.output.writers import writer_of
from headrace.runtime.process.setup import set_up
from headrace.runtime.process.threads import Background
from headrace.runtime.spec import OutputSpec

FORMATS = ("npz", "parquet", "libsvm", "recordio")
BASE = "npz"

Seconds = dict[str, list[float]]


def commands(log: Path) -> tuple[Command, ...]:
    """Return the same job in each format."""
    job = (str(ROOT / "run.py"), "transform=hashing", "dataset=avazu", f"dataset.path={log}")
    return tuple(
        Command(name, (*job, f"output.format={name}", f"output.path={name}"), name)
        for name in FORMATS
    )


def rows_of(folder: Path) -> list[pa.RecordBatch]:
    """Return the parts of an npz channel as the batches that the hasher made of them."""
    manifest = json.loads((folder.parent / "report" / "manifest.json").read_text(encoding="utf-8"))
    parts = manifest["channels"][folder.name]["parts"]
    return [
        rows_of_part(manifest, part, lambda name: (folder.parent / name).read_bytes())
        for part in parts
    ]


def writing(batches: Sequence[pa.RecordBatch], runs: int, folder: Path) -> Seconds:
    """Return the time of writing these rows in each format, after a round that does not count."""
    taken: Seconds = {name: [] for name in FORMATS}
    for turn in range(runs + 1):
        for name in FORMATS:
            seconds = _written(batches, name, folder / "parts")
            if turn:
                taken[name].append(seconds)
    return taken


def _written(batches: Sequence[pa.RecordBatch], name: str, folder: Path) -> float:
    folder.mkdir()
    rows = OutputSpec.rows_per_part
    start = time.perf_counter()
    with closing(Background()) as background:
        schema, writer = batches[0].schema, writer_of(OutputSpec(name))
        parts = PartWriter({"train": folder}, schema, writer, rows, background)
        for batch in batches:
            parts.add("train", batch)
        parts.close()
    seconds = time.perf_counter() - start
    shutil.rmtree(folder)
    return seconds


def megabytes(output: Path) -> float:
    """Return the size of all parts of a job's result."""
    manifest = json.loads((output / "report" / "manifest.json").read_text(encoding="utf-8"))
    parts = (part for channel in manifest["channels"].values() for part in channel["parts"])
    return float(sum(part["bytes"] for part in parts)) / 1e6


def report(jobs: Seconds, parts: Seconds, sizes: dict[str, float], rows: int) -> str:
    """Return the table, in Markdown: medians, and medians of ratios with their ranges."""
    lines = [
        f"| {rows:,} rows | job, s | times {BASE} | writing alone, s | times {BASE} | MB | "
        f"times {BASE} |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| `{name}` | {_times(jobs, name)} | {_times(parts, name)} | {sizes[name]:,.0f} | "
            f"{sizes[name] / sizes[BASE]:.2f} |"
            for name in jobs
        ),
        "",
        f"Medians of {len(jobs[BASE])} runs, in brackets the lowest and the highest ratio.",
        machine(),
    ]
    return "\n".join(lines)


def _times(seconds: Seconds, name: str) -> str:
    return f"{median(seconds[name]):.2f} | {times(seconds[name], seconds[BASE], digits=2)}"


def main() -> None:
    """Reads the command line, measures, prints the table."""
    parser = argparse.ArgumentParser(description="Measure the file formats of the parts.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the input")
    parser.add_argument("--runs", type=int, default=5, help="runs that count, of each format")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "outputs" / "bench", help="for data and results"
    )
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    results = measured(commands(log_of(given.folder, given.rows)), given.runs, given.folder)
    jobs = {name: [run.wall_seconds for run in runs] for name, runs in results.items()}
    set_up()
    parts = writing(rows_of(given.folder / BASE / "train"), given.runs, given.folder)
    sizes = {name: megabytes(given.folder / name) for name in FORMATS}
    print(report(jobs, parts, sizes, given.rows))


if __name__ == "__main__":
    main()
