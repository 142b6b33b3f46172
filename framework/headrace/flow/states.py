"""The states of the jobs of a flow, as its table and its page show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from headrace.results.result import channels_of
from headrace.terminal.colours import GREEN, RED, Stream, coloured
from headrace.terminal.tables import aligned
from headrace.terminal.units import duration

State = Literal["to run", "unchanged", "running", "done", "failed", "skipped", "blocked", "raw"]
HEADER = ("job", "state", "rows", "took", "needs", "result")
NUMBERS = (2, 3)
"""Positions of the columns that hold numbers."""
NOTHING = "-"
HAS_RESULT = frozenset({"unchanged", "done"})
COLOURS = {"done": GREEN, "failed": RED, "blocked": RED}


@dataclass(frozen=True)
class JobState:
    """The state of one job."""

    label: str
    state: State
    why: str = ""
    """Why it runs again, is left out or has failed."""
    place: str = ""
    """Location of its result: a path or a URI."""
    rows: int | None = None
    seconds: float | None = None
    needs: tuple[str, ...] = ()
    kind: str = ""
    """Name of the program, or type of a raw step."""
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_result(self) -> bool:
        """Return whether others can read its result."""
        return self.state in HAS_RESULT

    @property
    def said(self) -> str:
        """Return the state with its reason."""
        return f"{self.state} ({self.why})" if self.why else self.state


def rows_of(manifest: Mapping[str, Any]) -> int | None:
    """Return the rows of all channels of a result; None if it has none."""
    channels = channels_of(dict(manifest))
    return sum(each.rows for each in channels) if channels else None


def table(states: Sequence[JobState], stream: Stream | None = None) -> list[str]:
    """Return the lines of a table of jobs.

    Args:
        states: How they stand.
        stream: The terminal that they are for, which may have colours; None for none.
    """
    said = [None, *(COLOURS.get(state.state) for state in states)]

    def paint(row: int, column: int, cell: str) -> str:
        colour = said[row] if column == 1 else None
        return coloured(cell, colour, stream) if colour and stream is not None else cell

    return aligned(cells(states), NUMBERS, paint)


def cells(states: Sequence[JobState]) -> list[tuple[str, ...]]:
    """Return the rows of that table, its header first."""
    return [HEADER, *map(_row, states)]


def _row(job: JobState) -> tuple[str, ...]:
    return (
        job.label,
        job.said,
        NOTHING if job.rows is None else f"{job.rows:,}",
        NOTHING if job.seconds is None else took(job.seconds),
        ", ".join(job.needs) or NOTHING,
        job.place if job.has_result or job.state == "to run" else NOTHING,
    )


def took(seconds: float) -> str:
    """Return a time as the table shows it."""
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
