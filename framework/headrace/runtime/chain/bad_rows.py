"""Rows that cannot be used: they end the job, or they are left out and counted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.chain.dictionaries import decoded
from headrace.runtime.errors import BadRows, DataError
from headrace.runtime.shown import plain, quoted
from headrace.runtime.sources import BadRow, Group

_SHOWN = 5
MOST_REJECTED = 1000
"""Rows that are listed with their place and what is wrong with them."""
_UNKNOWN = np.iinfo(np.int64).max
"""Position of a row behind a step that leaves out rows, and does not tell which."""


Stayed = Callable[[], npt.NDArray[np.bool_]]
"""Returns which rows of a batch stayed, shape (rows,)."""
Keeps = Callable[[pa.RecordBatch, int], npt.NDArray[np.bool_]]
"""Returns which rows of a batch a step keeps, shape (rows,), given how many its `apply` kept."""


class Rejection(NamedTuple):
    """A bad row that was left out.

    Attributes:
        path: Its file.
        base: Position in the content of the file from which lines are counted.
        line: The line on which it begins, from 1; of a Parquet file the row; 0 if a step came
            before that left out rows, and does not tell which.
        reason: What is wrong with it.
    """

    path: str
    base: int
    line: int
    reason: str


class Steps:
    """Runs steps on one group's rows; drops or reports those that a step calls bad.

    Args:
        group: The rows.
        skip: Drop bad rows and count them.
        listed: Keep in mind where they stand and what is wrong with them.
    """

    def __init__(self, group: Group, *, skip: bool, listed: bool = False) -> None:
        self._group = group
        self._skip = skip
        self._listed = listed
        self._rows = 0
        self._unread: tuple[BadRow, ...] = ()
        self._unused: tuple[tuple[int, str], ...] = ()
        """Position among the rows that were read, and the reason."""
        self._stayed: tuple[tuple[int, Stayed | None], ...] = ()
        """Of each step that left out rows: how many stayed, and what tells which, if it does."""
        self.rejected = 0
        self.left_out = 0
        """Rows that steps left out, though they were good."""

    def parsed(self) -> pa.RecordBatch:
        """Return the group's rows as text."""
        parsed = self._group.parse()
        self.rejected += len(parsed.bad)
        self._unread = parsed.bad[:MOST_REJECTED]
        self._rows = parsed.batch.num_rows
        return parsed.batch

    def refuse_unread(self) -> None:
        """Refuse rows that could not be read, unless bad rows are to be skipped.

        Called behind the first step, whose bad rows may stand in front of them.

        Raises:
            DataError: There are some.
        """
        if self._unread and not self._skip:
            first, more = self._unread[0], self.rejected - 1
            also = f"; {more:,} more bad rows follow closely" if more else ""
            raise DataError(f"{first.place}: {first.reason}{also}")

    def run(
        self,
        batch: pa.RecordBatch,
        step: Callable[[pa.RecordBatch], pa.RecordBatch],
        keeps: Keeps | None = None,
    ) -> pa.RecordBatch:
        """Run one step; again without the bad rows where they are to be skipped.

        Args:
            batch: The rows.
            step: The step.
            keeps: Tells which rows a step keeps that leaves out some; None if it does not tell.
                Asked where somebody has to know where a bad row stands that a later step finds.
        """
        while True:
            try:
                made = step(batch)
                if made.num_rows != batch.num_rows:
                    self.left_out += batch.num_rows - made.num_rows
                    self.stay(made.num_rows, keeps and partial(keeps, batch, made.num_rows))
                return made
            except BadRows as bad:
                if not self._skip:
                    if self._is_behind_unread(bad):
                        self.refuse_unread()
                    raise DataError(self._described(batch, bad)) from bad
                self.rejected += int(np.count_nonzero(bad.mask))
                if self._listed:
                    self._list(batch, bad)
                batch = decoded(batch).filter(pa.array(~bad.mask))

    def stay(self, rows: int, which: Stayed | None) -> None:
        """Remember that only some rows go on.

        Args:
            rows: How many.
            which: Tells which; None if nobody can.
        """
        if self._listed or not self._skip:
            self._stayed = (*self._stayed, (rows, which))

    def rejections(self) -> tuple[Rejection, ...]:
        """Return the first of the bad rows, in the order of the input."""
        if not self.rejected or not self._listed:
            return ()
        unused = sorted(self._unused)[:MOST_REJECTED]
        known = [position for position, _ in unused if position != _UNKNOWN]
        lost = [self._group.somewhere] * (len(unused) - len(known))
        places = [*self._group.places(known), *lost]
        found = [(self._group.place_of(bad), bad.reason) for bad in self._unread]
        found += zip(places, (reason for _, reason in unused), strict=True)
        found.sort(key=lambda each: (each[0].number, each[0].line))
        return tuple(
            Rejection(str(place.block.path), place.block.base, place.line, reason)
            for place, reason in found[:MOST_REJECTED]
        )

    def _is_behind_unread(self, bad: BadRows) -> bool:
        """Return whether a row that could not be read stands in front of the bad ones."""
        if not self._unread:  # as in every step but the first: see `refuse_unread`
            return False
        unread = self._group.place_of(self._unread[0])
        (first,) = self._group.places([int(np.flatnonzero(bad.mask)[0])])
        return (unread.number, unread.line) < (first.number, first.line)

    def _list(self, batch: pa.RecordBatch, bad: BadRows) -> None:
        rows = np.flatnonzero(bad.mask)[:MOST_REJECTED]
        reasons = (_reason(batch, bad, int(row)) for row in rows)
        positions = self._positions()[rows].tolist()
        self._unused = (*self._unused, *zip(positions, reasons, strict=True))
        good = ~bad.mask
        self.stay(int(np.count_nonzero(good)), lambda: good)

    def _positions(self) -> npt.NDArray[np.int64]:
        """Return the position among the rows that were read of each one that is left."""
        positions = np.arange(self._rows)
        for rows, which in self._stayed:
            positions = np.full(rows, _UNKNOWN) if which is None else positions[which()]
        return positions

    def _described(self, batch: pa.RecordBatch, bad: BadRows) -> str:
        rows = np.flatnonzero(bad.mask)
        values = [shown_cell(batch, bad.column, int(row)) for row in rows[:_SHOWN]]
        first = int(self._positions()[rows[0]])
        place = self._group.name if first == _UNKNOWN else self._group.place(first)
        text = f"{place}, {_reason(batch, bad, int(rows[0]))}"
        if len(rows) > 1:
            text += f"; {len(rows) - 1:,} more such rows follow closely: {', '.join(values[1:])}"
        return f"{text}; {bad.way}" if bad.way else text


def _reason(batch: pa.RecordBatch, bad: BadRows, row: int) -> str:
    got = shown_cell(batch, bad.column, row)
    return f"column {quoted(bad.column)}: expected {bad.expected}, got {got}"


def shown_cell(batch: pa.RecordBatch, column: str, row: int) -> str:
    """Return a cell as a message shows it."""
    value = batch.column(batch.schema.get_field_index(column))[row].as_py()
    if value is None:
        return "an empty cell"
    return quoted(value) if isinstance(value, str) else plain(repr(value))
