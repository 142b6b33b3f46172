"""Show the progress of a job: a bar on a terminal, otherwise a plain line every few seconds."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from headrace.terminal.units import duration, percent, three_digits

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_REPORTS = 0.5
RUN: ContextVar[int | None] = ContextVar("RUN", default=None)
"""Number of the run of a sweep whose progress a live table shows."""

_LINE = re.compile(r"progress rows=(\d+) bytes=(\d+) of=(\d+)")


@dataclass(frozen=True)
class State:
    """Progress of the whole job, all hosts together."""

    rows: int
    bytes: int
    of: int | None
    """Bytes of input, as soon as every host has said how many it has."""
    seconds: float

    @property
    def fraction(self) -> float | None:
        """Return the share that is done, 0 to 1; None while it is unknown."""
        return min(1.0, self.bytes / self.of) if self.of else None

    def __str__(self) -> str:
        """Return it as text: ``1,250,000 rows, 612,000 rows/s, 43 %, about 12 s left``."""
        words = [f"{self.rows:,} rows"]
        if self.seconds > 0:
            words.append(f"{three_digits(self.rows / self.seconds):,} rows/s")
        if self.fraction is not None:
            words += share(self.fraction, self.seconds)
        return ", ".join(words)


def share(fraction: float, seconds: float) -> list[str]:
    """Return the share that is done, and the remaining time at the current speed."""
    words = [percent(fraction)]
    if fraction:
        words.append(f"about {duration(seconds * (1 - fraction) / fraction)} left")
    return words


class Shown(Protocol):
    """The text that a view shows, and how much of how much is done."""

    @property
    def bytes(self) -> int:
        """Return the bytes done so far."""

    @property
    def of(self) -> int | None:
        """Return all bytes there are to do, once known."""


class View(Protocol):
    """A way to show progress."""

    def open(self) -> None:
        """Begin: the job has started."""

    def show(self, state: Shown) -> None:
        """Show the current progress."""

    def close(self) -> None:
        """End: the job has ended."""


class WithView:
    """Opens a view at the beginning of a ``with`` block and closes it at the end.

    Args:
        view: The view.
    """

    def __init__(self, view: View) -> None:
        self._view = view

    def __enter__(self) -> Self:
        self._view.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._view.close()


class Progress(WithView):
    """Shows the progress of a job, which its hosts report in lines.

    Args:
        hosts: Number of instances that will report.
        view: Shows the progress; default: as stderr allows.
        clock: Returns seconds since any fixed moment.
    """

    def __init__(
        self,
        hosts: int,
        view: View | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(view or default_view(clock))
        self._hosts = hosts
        self._clock = clock
        self._began = clock()
        self._reports: dict[str, tuple[int, int, int]] = {}

    def __enter__(self) -> Self:
        return self  # `open` waits until the processes have started

    def open(self) -> None:
        """Show that the job has started."""
        self._view.open()

    def heard(self, host: str, text: str) -> bool:
        """Take in a line that a host printed.

        Returns:
            Whether it was a progress line.
        """
        match = _LINE.fullmatch(text)
        if match is None:
            return False
        rows, done, of = map(int, match.groups())
        self._reports[host] = (rows, done, of)
        self._view.show(self._state())
        return True

    def _state(self) -> State:
        rows, done, of = (sum(column) for column in zip(*self._reports.values(), strict=True))
        complete = len(self._reports) == self._hosts
        return State(rows, done, of if complete else None, self._clock() - self._began)


def default_view(clock: Callable[[], float] = time.monotonic) -> View:
    """Return a bar if stderr is a terminal, otherwise lines; several bars would be in the way.

    For a run of a sweep that has a live table, return what tells the table.
    """
    if (run := RUN.get()) is not None:
        return Reports(run, clock)
    is_alone = threading.current_thread() is threading.main_thread()
    return Bar() if is_alone and sys.stderr.isatty() else Lines(clock)


class Lines:
    """Plain lines on stderr, at most one every `SECONDS_BETWEEN_LINES`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()

    def open(self) -> None:
        """Do nothing: there is nothing to say yet."""

    def show(self, state: Shown) -> None:
        """Print the state, unless the last line is too recent."""
        now = self._clock()
        if now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            print(state, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Do nothing: there is nothing to tidy up."""


class Reports:
    """Reports to the process that draws a sweep's table, among the lines on stderr.

    Args:
        run: Number of the run.
        clock: Returns seconds since any fixed moment.
    """

    PATTERN = re.compile(rb"\x1b_headrace (\d+) (\d+) (\d+)\x1b\\")
    """A report: the run, the bytes that are done, and all bytes, 0 if not known. It is an escape
    sequence for programs, which a terminal does not show."""

    def __init__(self, run: int, clock: Callable[[], float]) -> None:
        self._run = run
        self._clock = clock
        self._last = clock() - SECONDS_BETWEEN_REPORTS

    def open(self) -> None:
        """Do nothing: the table knows that the run has begun."""

    def show(self, state: Shown) -> None:
        """Report the state, unless the last report is too recent."""
        now = self._clock()
        if now - self._last >= SECONDS_BETWEEN_REPORTS:
            self._last = now
            report = f"\x1b_headrace {self._run} {state.bytes} {state.of or 0}\x1b\\"
            print(report, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Do nothing: the table knows that the run has ended."""


class Bar:
    """A bar on the terminal, gone at the end."""

    def __init__(self) -> None:
        self._rich: RichProgress | None = None

    def open(self) -> None:
        """Draw the bar. The import waits until now, while the job's processes start anyway."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._rich = Progress(
            BarColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
        )
        self._task = self._rich.add_task("starting", total=None)
        self._rich.start()

    def show(self, state: Shown) -> None:
        """Redraw the bar."""
        if self._rich is not None:
            self._rich.update(
                self._task, description=str(state), completed=state.bytes, total=state.of
            )

    def close(self) -> None:
        """Remove the bar."""
        if self._rich is not None:
            self._rich.stop()
