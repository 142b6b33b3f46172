"""What happens to rows that cannot be used: they end the job, or they are left out and counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from headrace.runtime.errors import BadRows, DataError
from headrace.runtime.shown import plain, quoted
from headrace.runtime.sources import Group

_SHOWN = 5


class Steps:
    """Runs steps on one group's rows; drops or reports those that a step calls bad."""

    def __init__(self, group: Group, *, skip: bool) -> None:
        self._group = group
        self._skip = skip
        self._rows = 0
        self.rejected = 0

    def parsed(self) -> pa.RecordBatch:
        """The group's rows as text."""
        parsed = self._group.parse()
        if parsed.bad and not self._skip:
            first, more = parsed.bad[0], len(parsed.bad) - 1
            also = f"; {more} more bad rows follow closely" if more else ""
            raise DataError(f"{first.place}: {first.reason}{also}")
        self.rejected += len(parsed.bad)
        self._rows = parsed.batch.num_rows
        return parsed.batch

    def run(
        self, batch: pa.RecordBatch, step: Callable[[pa.RecordBatch], pa.RecordBatch]
    ) -> pa.RecordBatch:
        """One step; again without the bad rows where they are to be skipped."""
        while True:
            try:
                return step(batch)
            except BadRows as bad:
                if not self._skip:
                    raise DataError(self._described(batch, bad)) from bad
                self.rejected += int(np.count_nonzero(bad.mask))
                batch = batch.filter(pa.array(~bad.mask))

    def _described(self, batch: pa.RecordBatch, bad: BadRows) -> str:
        rows = np.flatnonzero(bad.mask)
        values = [shown_cell(batch, bad.column, int(row)) for row in rows[:_SHOWN]]
        known = batch.num_rows == self._rows
        place = self._group.place(int(rows[0])) if known else self._group.name
        first = f"{place}, column {quoted(bad.column)}: expected {bad.expected}, got {values[0]}"
        if len(rows) == 1:
            return first
        return f"{first}; {len(rows) - 1} more such rows follow closely: {', '.join(values[1:])}"


def shown_cell(batch: pa.RecordBatch, column: str, row: int) -> str:
    """A cell as a message shows it."""
    value = batch.column(batch.schema.get_field_index(column))[row].as_py()
    if value is None:
        return "an empty cell"
    return quoted(value) if isinstance(value, str) else plain(repr(value))
