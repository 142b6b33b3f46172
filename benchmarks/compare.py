"""Measures headrace against what a user could pick instead, from a thousand rows to millions.

    python -m benchmarks.compare --runs 3

Every command is a whole process; the commands take turns. CPU seconds are of all its processes
together: unlike the clock, they hardly depend on what else the machine does. What is not installed
(`requirements/peers.txt`) is left out.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import pygal

from benchmarks.figures import PACKAGES, machine, spread
from benchmarks.measure import Measurement, measure
from benchmarks.run import PAGE, ROOT, fill_in, log_of

# For maps that nobody draws here, pygal adds a finder that no Python after 3.11 can ask.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

CHART = ROOT / "benchmarks" / "results.svg"
START, END = "<!-- compared -->", "<!-- /compared -->"
SIZES = (1_000, 10_000, 100_000, 1_000_000, 5_000_000)
SHOWN = 1_000_000
"""Rows from which a size has a table of its own."""


@dataclass(frozen=True)
class Program:
    """A command that is measured.

    Attributes:
        name: In the table and the chart.
        argv: The command, with the places of the log and of the result.
        package: What has to be installed for it.
        most: Rows beyond which it would take too long.
    """

    name: str
    argv: tuple[str, ...]
    package: str = "numpy"
    most: int = SIZES[-1]


OURS, USUAL = "headrace", "the usual script"
_PEERS = str(ROOT / "benchmarks" / "peers.py")
_JOB = ("backend=sklearn", "transform=hashing", "dataset=avazu")
_RUN = (str(ROOT / "run.py"), *_JOB, "dataset.path={log}", "output.path={out}")
PROGRAMS = (
    Program(OURS, _RUN),
    Program("headrace, `runtime.kernels=off`", (*_RUN, "runtime.kernels=off")),
    Program("polars, ten lines", (_PEERS, "polars-ten-lines", "{log}", "{out}"), "polars_hash"),
    Program("DuckDB, ten lines", (_PEERS, "duckdb-ten-lines", "{log}", "{out}"), "duckdb"),
    Program(
        "polars, the same work",
        (_PEERS, "polars-same-work", "{log}", "{out}"),
        "polars_hash",
        1_000_000,
    ),
    Program(
        USUAL,
        (str(ROOT / "benchmarks/baseline.py"), "--input", "{log}", "--output", "{out}"),
        "pandas",
        1_000_000,
    ),
)  # fmt: skip

Results = dict[int, dict[str, list[Measurement]]]


def measured(programs: Sequence[Program], sizes: Sequence[int], runs: int, folder: Path) -> Results:
    """Run all programs in turn, on logs of each size.

    Raises:
        RuntimeError: One of them failed.
    """
    results: Results = {}
    for rows in sizes:
        log = log_of(folder, rows)
        chosen = [program for program in programs if rows <= program.most]
        results[rows] = {program.name: [] for program in chosen}
        for turn in range(runs):
            for program in chosen:
                result = _run(program, log, folder / "out")
                results[rows][program.name].append(result)
                figures = f"{result.cpu_seconds:7.2f} CPU s  {result.wall_seconds:7.2f} s"
                print(f"{rows:>10,} {turn + 1}/{runs} {figures}  {program.name}", file=sys.stderr)
    return results


def _run(program: Program, log: Path, out: Path) -> Measurement:
    shutil.rmtree(out, ignore_errors=True)
    argv = [word.format(log=log, out=out) for word in program.argv]
    result = measure((sys.executable, *argv), cwd=log.parent, memory=False)
    if result.returncode:
        raise RuntimeError(f"{' '.join(argv)}: status {result.returncode}\n{result.stderr}")
    return result


def report(results: Results, packages: Sequence[str]) -> str:
    """Return a table of each large size, and the machine, in Markdown."""
    lines = []
    for rows, by_name in results.items():
        if rows >= SHOWN:
            lines += [f"| {rows:,} rows | CPU s | times headrace |", "|---|---|---|"]
            ours = _cpu(by_name[OURS])
            for name, each in by_name.items():
                lines.append(f"| {name} | {_shown(_cpu(each), 2)} | {_ratios(_cpu(each), ours)} |")
            lines.append("")
    runs = ", ".join(f"{rows:,} rows {len(each[OURS])}" for rows, each in results.items())
    lines.append(f"CPU seconds of whole processes, medians. Runs of each command: {runs}.")
    return "\n".join([*lines, "", machine(packages)])


def chart(results: Results) -> bytes:
    """Return the CPU seconds of each program by rows, as SVG."""
    drawn = pygal.Line(
        logarithmic=True,
        title="CPU seconds of a whole process, by rows",
        x_labels=[f"{rows:,}" for rows in results],
        legend_at_bottom=True,
        no_prefix=True,
        js=[],
        disable_xml_declaration=False,
    )
    for name in dict.fromkeys(name for by_name in results.values() for name in by_name):
        points = [by_name.get(name) for by_name in results.values()]
        values = [round(median(_cpu(runs)), 2) if runs else None for runs in points]
        drawn.add(name.replace("`", ""), values)
    return bytes(drawn.render())


def _shown(values: Sequence[float], digits: int) -> str:
    return spread(values, digits) if len(values) > 1 else f"{values[0]:.{digits}f}"


def _ratios(slow: Sequence[float], fast: Sequence[float]) -> str:
    return _shown([one / other for one, other in zip(slow, fast, strict=True)], 1)


def _cpu(runs: Sequence[Measurement]) -> list[float]:
    return [run.cpu_seconds for run in runs]


def main() -> None:
    """Read the command line, measure, print the tables and draw the chart."""
    parser = argparse.ArgumentParser(description="Measure headrace against its peers.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="rows of each log")
    parser.add_argument("--runs", type=int, default=3, help="runs of each command")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "outputs" / "bench", help="for logs and results"
    )
    parser.add_argument(
        "--page", action="store_true", help="renew docs/performance.md and the chart"
    )
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    programs = [each for each in PROGRAMS if find_spec(each.package) is not None]
    for each in PROGRAMS:
        if each not in programs:
            print(f"note: {each.name} is left out: {each.package} is missing", file=sys.stderr)
    results = measured(programs, given.sizes, given.runs, given.folder.resolve())
    peers = ("polars", "polars-hash", "duckdb") if find_spec("polars_hash") else ()
    table = report(results, (*PACKAGES, *peers))
    print(table)
    if given.page:
        CHART.write_bytes(chart(results))
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(fill_in(page, table, START, END), encoding="utf-8")


if __name__ == "__main__":
    main()
