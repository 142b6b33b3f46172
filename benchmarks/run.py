"""Measures headrace against the script that people write today; the table of docs/performance.md.

    python -m benchmarks.run --rows 1000000 --runs 5

Every command is a whole process, from its start to files on disk. The commands take turns, so that
whatever else the machine does falls on all of them. The first round is not timed: it measures
memory, which would slow down what is timed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks import generate
from benchmarks.figures import machine, spread, times
from benchmarks.measure import Measurement, measure

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
START, END = "<!-- benchmark -->", "<!-- /benchmark -->"
TIMES_LONGER = 5
"""How many times longer the second file is, which shows whether memory is flat."""


@dataclass(frozen=True)
class Command:
    """One line of the table."""

    name: str
    argv: tuple[str, ...]
    makes: str = ""
    """The folder that it makes, below the folder that it runs in; removed before it runs."""


Results = dict[str, list[Measurement]]

BASELINE, OURS, FLOOR, LONGER = "the usual script", "headrace", "the floor", "headrace, longer"
JUDGING, FUSED = "headrace, judging a model", "headrace, five widths fused"
WIDTHS = "256,4096,65536,1048576,16777216"
HELP, PLAN = "`run.py --help`", "`run.py action=plan`"
BARE_HELP, BARE = "bare Hydra app, `--help`", "bare Hydra app, composing"


def commands(short: Path, long: Path) -> tuple[Command, ...]:
    """Return what is measured, on these two files."""
    run = str(ROOT / "run.py")
    bare = str(ROOT / "benchmarks" / "bare_hydra.py")
    usual = str(ROOT / "benchmarks" / "baseline.py")
    floor = str(ROOT / "benchmarks" / "floor.py")
    job = (run, "backend=sklearn", "transform=hashing", "dataset=avazu", f"dataset.path={short}")
    longer = (*job[:-1], f"dataset.path={long}")
    # Options stand first: argparse of Python 3.11 takes no override after one that follows others.
    sweep = (run, "-m", "hydra/launcher=fused", *job[1:], f"transform.n_features={WIDTHS}")
    return (
        Command(BASELINE, (usual, "--input", str(short), "--output", "usual"), "usual"),
        Command(OURS, (*job, "output.path=ours"), "ours"),
        Command(JUDGING, (*job, "evaluation=logistic", "output.path=judging"), "judging"),
        Command(FUSED, (*sweep, "hydra.sweep.dir=fused"), "fused"),
        Command(FLOOR, (floor, str(short))),
        Command(LONGER, (*longer, "output.path=longer"), "longer"),
        Command(HELP, (run, "--help")),
        Command(BARE_HELP, (bare, "--help")),
        Command(PLAN, (*job, "action=plan", "output.path=plan"), "plan"),
        Command(BARE, (bare, "~hydra.callbacks.summary")),
    )


def measured(lines: Sequence[Command], runs: int, folder: Path) -> Results:
    """Runs all commands in turn, `runs` times after a round that only measures memory.

    Whoever looks at a process's memory slows it down, so the rounds that are timed do not.

    Raises:
        RuntimeError: One of them failed.
    """
    peaks: dict[str, float] = {}
    results: Results = {line.name: [] for line in lines}
    for turn in range(runs + 1):
        for line in lines:
            result = _run(line, folder, memory=not turn)
            print(f"{turn}/{runs}  {result.wall_seconds:7.2f} s  {line.name}", file=sys.stderr)
            if turn:
                results[line.name].append(replace(result, peak_rss_mb=peaks[line.name]))
            else:
                peaks[line.name] = result.peak_rss_mb
    return results


def _run(line: Command, folder: Path, *, memory: bool) -> Measurement:
    if line.makes:
        shutil.rmtree(folder / line.makes, ignore_errors=True)
    result = measure((sys.executable, *line.argv), cwd=folder, memory=memory)
    if result.returncode:
        raise RuntimeError(f"{' '.join(line.argv)}: status {result.returncode}\n{result.stderr}")
    return result


def report(results: Results, rows: int, megabytes: float) -> str:
    """Return the table and what follows from it, in Markdown.

    Args:
        results: Of all `commands`, the same number of runs each.
        rows: Rows of the shorter file.
        megabytes: Its size.
    """
    runs = len(results[OURS])
    shown = {
        BASELINE: "the usual script: pandas, `train_test_split`, `FeatureHasher`, pickle",
        OURS: "headrace: `backend=sklearn transform=hashing`",
        JUDGING: "the same with `evaluation=logistic`",
        FUSED: "a sweep over five widths with `hydra/launcher=fused`",
        FLOOR: "the floor: pyarrow parses the CSV, nothing else",
        LONGER: f"headrace, {TIMES_LONGER * rows:,} rows",
    }
    lines = [
        f"| {rows:,} rows, {megabytes:,.0f} MB of CSV | wall, s | peak memory, MB |",
        "|---|---|---|",
        *(f"| {shown.get(name, name)} | {cells(each)} |" for name, each in results.items()),
        "",
        f"Medians of {runs} runs (in brackets the fastest and the slowest), each a whole process; "
        "memory is that of all processes together, in a run of its own.",
        "",
        f"* **{ratios(results, BASELINE, OURS)} times** faster than the usual script, pair by pair",
        f"* {_memory_ratio(results):.2f} times the memory for {TIMES_LONGER} times the rows",
        f"* `evaluation=logistic` takes {ratios(results, JUDGING, OURS)} times as long",
        f"* five widths fused take {ratios(results, FUSED, OURS)} times as long as one run",
        f"* `--help` takes {ratios(results, HELP, BARE_HELP)} times, `action=plan` "
        f"{ratios(results, PLAN, BARE)} times as long as Hydra alone",
        "",
        machine(),
    ]
    return "\n".join(lines)


def cells(runs: Sequence[Measurement]) -> str:
    """Return two cells of a table: seconds, and peak memory."""
    walls = spread([run.wall_seconds for run in runs])
    return f"{walls} | {median(run.peak_rss_mb for run in runs):,.0f}"


def ratios(results: Results, slow: str, fast: str, digits: int = 1) -> str:
    """Return how many times as long one command takes as another; see `times`."""
    one, other = ([run.wall_seconds for run in results[name]] for name in (slow, fast))
    return times(one, other, digits)


def _memory_ratio(results: Results) -> float:
    long, short = (median(run.peak_rss_mb for run in results[name]) for name in (LONGER, OURS))
    return long / short


def fill_in(page: str, table: str, first: str = START, last: str = END) -> str:
    """Return the page with the table between its two marks.

    Raises:
        ValueError: It has no such marks.
    """
    before, start, rest = page.partition(first)
    _, end, after = rest.partition(last)
    if not (start and end):
        raise ValueError(f"there is no {first} … {last}")
    return f"{before}{first}\n{table}\n{last}{after}"


def main() -> None:
    """Reads the command line, measures, prints the table."""
    parser = argparse.ArgumentParser(description="Measure headrace against the usual script.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the shorter file")
    parser.add_argument("--runs", type=int, default=5, help="runs that count, of each command")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "outputs" / "bench", help="for data and results"
    )
    parser.add_argument("--page", action="store_true", help="put it into docs/performance.md")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    short, long = (log_of(given.folder, rows) for rows in (given.rows, TIMES_LONGER * given.rows))
    results = measured(commands(short, long), given.runs, given.folder)
    table = report(results, given.rows, short.stat().st_size / 1e6)
    print(table)
    if given.page:
        page = fill_in(PAGE.read_text(encoding="utf-8"), table)
        PAGE.write_text(page, encoding="utf-8")


def log_of(folder: Path, rows: int) -> Path:
    """Return a made-up click log of that many rows, made where it is not there yet."""
    path = folder.resolve() / f"avazu_{rows}.csv"
    if not path.exists():
        print(f"generating {rows:,} rows", file=sys.stderr)
        generate.write(path, rows)
    return path


if __name__ == "__main__":
    main()
