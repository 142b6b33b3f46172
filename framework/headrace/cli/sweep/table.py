"""The live table of a sweep: a row for each run, with what is known of it so far.

The runs may be in other processes. What is known comes from the notes that they leave in their
folders (`headrace.results.records.Note`) and from the reports among their output
(`headrace.terminal.progress.Reports`).
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import terminal_size
from pathlib import Path
from typing import Literal

from headrace.cli.sweep.summary import ABSENT, FIGURES, Figure, failure_of, short_keys, shown
from headrace.results.records import UNFINISHED, Note, SweepRun, notes, run_of, swept_keys
from headrace.terminal.capture import Capture
from headrace.terminal.colours import FAINT, GREEN, RED, painted
from headrace.terminal.progress import Reports
from headrace.terminal.tables import aligned, cut, fitted, width_of
from headrace.terminal.units import duration, percent

State = Literal["waiting", "running", "done", "failed"]
LOOK_SECONDS = 0.5
_MOST_FAILURES = 3
_LAUNCHED = re.compile(rb"\[HYDRA\] (\t#\d+ : |Launching |Joblib\.Parallel)")
_COLOURS = {"done": GREEN, "failed": RED, "waiting": FAINT}
_BY_KEY = {figure.key: figure for figure in FIGURES}
_METRICS = ("log_loss", "rmse", "collision_rate")
"""Figures that tell runs apart; the first one that there is gets a column."""


@dataclass
class Row:
    """One run, as far as it is known."""

    number: int
    settings: Mapping[str, str]
    state: State = "waiting"
    began: float | None = None
    ended: float = 0.0
    fraction: float | None = None
    run: SweepRun | None = None

    def figure(self, figure: Figure) -> str:
        """Return a figure of its result as the closing table shows it."""
        return shown(figure, self.run)


class SweepTable:
    """The table.

    Args:
        folder: The sweep's.
        expected: Settings of the runs that will come, as far as that is known.
        has_colours: Whether the terminal has colours.
        clock: Returns seconds since any fixed moment.
    """

    def __init__(
        self,
        folder: Path,
        expected: Sequence[Mapping[str, str]] = (),
        has_colours: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rows = {number: Row(number, settings) for number, settings in enumerate(expected)}
        self._folder = folder
        self._has_colours = has_colours
        self._clock = clock
        self._began = clock()
        self._next_look = self._began
        self._capture = Capture(self.lines, self.take)

    def start(self) -> None:
        """Draw it, until `stop`."""
        self._capture.start()

    def stop(self) -> None:
        """Remove it."""
        self._capture.stop()

    def take(self, line: bytes) -> bytes | None:
        """Take out of the output what the table shows: a run's report, Hydra's word of a start."""
        for match in Reports.PATTERN.finditer(line):
            number, done, of = map(int, match.groups())
            if (row := self.rows.get(number)) and of:
                row.fraction = min(1.0, done / of)
        rest = Reports.PATTERN.sub(b"", line)  # somebody else may have begun the line
        return None if (line and not rest) or _LAUNCHED.search(rest) else rest

    def look(self) -> None:
        """Read the notes that the runs have left."""
        for folder, note in notes(self._folder):
            row = self.rows.get(note.number)
            if row is None or row.run is None:
                self._take_note(folder, note)

    def _take_note(self, folder: Path, note: Note) -> None:
        now, run = self._clock(), run_of(folder, note)
        row = self.rows.setdefault(note.number, Row(note.number, run.settings))
        row.began = now if row.began is None else row.began
        row.state = "running"
        if note.failure != UNFINISHED:
            row.run, row.ended = run, now
            row.state = "failed" if run.failure else "done"

    def lines(self, size: terminal_size) -> list[str]:
        """Return the lines of the table as it stands, to fit a terminal."""
        began = self._clock()
        if began >= self._next_look:
            self.look()
            took = self._clock() - began
            self._next_look = began + max(LOOK_SECONDS, 20 * took)  # of a thousand runs
        now = self._clock()
        rows = [self.rows[number] for number in sorted(self.rows)]
        failures = self._failures(rows, size.columns)
        room = max(1, size.lines - 3 - len(failures))  # for the head, the counts and the cursor
        table = self._table(chosen(rows, room), size.columns, now)
        return [*table, cut(self._counts(rows, now), size.columns), *failures][: size.lines - 1]

    def _table(self, rows: Sequence[Row], width: int, now: float) -> list[str]:
        metric, swept = self._metric(), self._swept()
        head = ["run", *short_keys(swept), "state", "rows", "seconds"]
        cells = [[*head, *([metric.head] if metric else [])]]
        for row in rows:
            chosen = [row.settings.get(key, ABSENT) for key in swept]
            figures = [row.figure(_BY_KEY["rows"]), _seconds(row, now)]
            figures += [row.figure(metric)] if metric else []
            cells.append([str(row.number), *chosen, _state(row), *figures])
        keys = range(1, 1 + len(swept))
        states = ["", *(row.state for row in rows)]
        state_at = len(swept) + 1
        right = [column for column in range(len(cells[0])) if column != state_at]

        def paint(index: int, column: int, cell: str) -> str:
            colour = _COLOURS.get(states[index]) if column == state_at else None
            return painted(cell, colour) if colour and self._has_colours else cell

        cells = fitted(cells, width, keys)
        if max(map(width_of, aligned(cells, right))) <= width:
            return aligned(cells, right, paint)
        return [cut(line, width) for line in aligned(cells, right)]

    def _swept(self) -> tuple[str, ...]:
        return swept_keys([row.settings for row in self.rows.values()])

    def _metric(self) -> Figure | None:
        """Return the figure of the results that says which is better; None while there is none."""
        figures = [_BY_KEY[key] for key in _METRICS]
        rows = self.rows.values()
        return next(
            (each for each in figures if any(row.figure(each) != ABSENT for row in rows)), None
        )

    def _counts(self, rows: Sequence[Row], now: float) -> str:
        counts = Counter(row.state for row in rows)
        states: Sequence[State] = ("done", "failed", "running", "waiting")
        said = [f"{counts[state]} {state}" for state in states if counts[state]]
        runs = f"{len(rows)} run{'' if len(rows) == 1 else 's'}"
        return f"{runs}: {', '.join(said)}; {duration(now - self._began)}"

    def _failures(self, rows: Sequence[Row], width: int) -> list[str]:
        failed = sorted((row for row in rows if row.state == "failed"), key=lambda row: row.ended)
        swept = self._swept()
        said = [
            cut(failure_of(row.run, swept), width) for row in failed[-_MOST_FAILURES:] if row.run
        ]
        return [painted(line, RED) for line in said] if self._has_colours else said


def chosen(rows: Sequence[Row], room: int) -> list[Row]:
    """Return the rows to show where there is no room for all of them, in the order of their runs.

    Those that run come first, then those that have ended last, then those that come next.
    """
    order: dict[int, None] = {}
    for row in _by_interest(rows):
        order.setdefault(row.number)
    kept = set(list(order)[:room])
    return [row for row in rows if row.number in kept]


def _by_interest(rows: Sequence[Row]) -> Iterator[Row]:
    yield from (row for row in rows if row.state == "running")
    ended = (row for row in rows if row.state in ("done", "failed"))
    yield from sorted(ended, key=lambda row: (row.ended, row.number), reverse=True)
    yield from rows


def _state(row: Row) -> str:
    if row.state == "running" and row.fraction is not None:
        return f"{row.state} {percent(row.fraction)}"
    return row.state


def _seconds(row: Row, now: float) -> str:
    if row.began is None:
        return ABSENT
    if row.state == "running":
        return f"{now - row.began:,.0f}"
    return row.figure(_BY_KEY["seconds"])
