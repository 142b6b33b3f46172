"""Measures how time and memory grow with the rows, and what sharing the work between hosts costs.

    python benchmarks/scale.py --rows 1000000 --runs 3
    python benchmarks/scale.py --once 40000000

Every command is a whole process, from its start to files on disk, and they take turns, as in
`benchmarks.run`. The logs are generated, 156 MB and about a second for each million rows, and stay
in the folder; no row of a long one is a copy of another, so that its distinct values are honest.
"""

from __future__ import annotations

import argparse
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

if not __package__:  # run by its path, as in the lines above
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks import generate
from benchmarks.figures import machine
from benchmarks.measure import Measurement
from benchmarks.run import ROOT, Command, Results, cells, log_of, measured, ratios

TIMES = (1, 2, 5, 10)
"""How many times the shortest log's rows the logs have."""
FILES = 4
"""That the hosts share, each of them as long as the shortest log."""
JOB = (str(ROOT / "run.py"), "backend=sklearn", "transform=hashing", "dataset=avazu")


class Section(ABC):
    """A part of the report: what is measured, and what the figures say."""

    @abstractmethod
    def commands(self) -> tuple[Command, ...]:
        """Return what is measured; no two sections have commands of one name."""

    @abstractmethod
    def lines(self, results: Results) -> list[str]:
        """Return the figures of these commands in Markdown."""


@dataclass(frozen=True)
class Growth(Section):
    """One machine, and ever longer logs: rows → log."""

    logs: dict[int, Path]

    def commands(self) -> tuple[Command, ...]:
        """Return the same job for each log."""
        return tuple(_job(f"{rows:,} rows", log) for rows, log in self.logs.items())

    def lines(self, results: Results) -> list[str]:
        """Return a table, and how far it is from a straight line and from flat memory."""
        runs = [results[command.name] for command in self.commands()]
        walls = [median(run.wall_seconds for run in each) for each in runs]
        peaks = [median(run.peak_rss_mb for run in each) for each in runs]
        rows = list(self.logs)
        table = [
            "| one machine | wall, s | peak memory, MB | from the line |",
            "|---|---|---|---|",
        ]
        if len(rows) < 2:
            return [*table, *map(_row, self.commands(), runs, ["-"])]
        slope, start = (float(number) for number in np.polyfit(rows, walls, 1))
        off = [wall / (start + slope * count) - 1 for count, wall in zip(rows, walls, strict=True)]
        return [
            *table,
            *map(_row, self.commands(), runs, [f"{round(each, 3) + 0.0:+.1%}" for each in off]),
            "",
            f"* the line: {start:.2f} s and {slope * 1e6:.2f} s for each million rows; no point is "
            f"further from it than {max(map(abs, off)):.1%}",
            f"* {peaks[-1] / peaks[0]:.2f} times the memory for {rows[-1] / rows[0]:g} times the "
            "rows",
        ]


@dataclass(frozen=True)
class Hosts(Section):
    """Files on one host with two threads, and on two with one each."""

    files: Path
    rows: int

    ONE, TWO = "one host, two threads", "two hosts, one thread each"

    def commands(self) -> tuple[Command, ...]:
        """Return the two to compare."""
        settings = {
            self.ONE: ("resources.instance_count=1", "runtime.threads=2"),
            self.TWO: ("resources.instance_count=2", "runtime.threads=1"),
        }
        return tuple(_job(name, self.files, *chosen) for name, chosen in settings.items())

    def lines(self, results: Results) -> list[str]:
        """Return a table, and their ratio."""
        times = ratios(results, self.TWO, self.ONE, digits=2)
        return [
            f"| {self.rows:,} rows in {FILES} files | wall, s | peak memory, MB |",
            "|---|---|---|",
            *(_row(command, results[command.name]) for command in self.commands()),
            "",
            f"* two hosts take {times} times as long as one, pair by pair",
        ]


def _job(name: str, data: Path, *settings: str) -> Command:
    output = name.replace(" ", "-").replace(",", "")
    return Command(name, (*JOB, f"dataset.path={data}", f"output.path={output}", *settings), output)


def _row(command: Command, runs: Sequence[Measurement], *more: str) -> str:
    return f"| {' | '.join((command.name, cells(runs), *more))} |"


def shared_files(folder: Path, rows: int) -> Path:
    """Return logs for hosts to share, of so many rows each; make those that are not there yet."""
    place = folder.resolve() / f"avazu_{FILES}x{rows}"
    place.mkdir(exist_ok=True)
    for number in range(FILES):
        if not (place / f"{number}.csv").exists():
            generate.write(place / f"{number}.csv", rows, seed=number + 1)
    return place


def report(sections: Sequence[Section], results: Results, runs: int) -> str:
    """Return all sections, and what the figures depend on."""
    parts = ["\n".join(section.lines(results)) for section in sections]
    how = (
        f"Medians of {runs} runs (in brackets the fastest and the slowest), each a whole process; "
        "memory is that of all processes together, in a run of its own."
    )
    return "\n\n".join([*parts, how, machine()])


def main() -> None:
    """Reads the command line, measures, prints the tables."""
    parser = argparse.ArgumentParser(description="Measure how headrace grows with its input.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the shortest log")
    parser.add_argument("--runs", type=int, default=3, help="runs that count, of each command")
    parser.add_argument("--once", type=int, metavar="ROWS", help="one log of that length, one run")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "outputs" / "bench", help="for data and results"
    )
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    runs = 1 if given.once else given.runs
    lengths = [given.once] if given.once else [times * given.rows for times in TIMES]
    sections: list[Section] = [Growth({rows: log_of(given.folder, rows) for rows in lengths})]
    if not given.once:
        sections.append(Hosts(shared_files(given.folder, given.rows), FILES * given.rows))
    commands = [command for section in sections for command in section.commands()]
    print(report(sections, measured(commands, runs, given.folder), runs))


if __name__ == "__main__":
    main()
