"""Rows that wait until there are enough of them to be taken together."""

from __future__ import annotations

from collections import deque

import pyarrow as pa


class Waiting:
    """A queue of rows: in come batches of any size, out goes any number of rows.

    Attributes:
        rows: How many are waiting.
    """

    def __init__(self) -> None:
        self._batches: deque[pa.RecordBatch] = deque()
        self.rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Put rows at the end."""
        self._batches.append(batch)
        self.rows += batch.num_rows

    def take(self, rows: int) -> list[pa.RecordBatch]:
        """Take that many rows, no more than are waiting, from the front."""
        taken = []
        self.rows -= rows
        while rows:
            batch = self._batches.popleft()
            taken.append(batch.slice(0, rows))
            if batch.num_rows > rows:
                self._batches.appendleft(batch.slice(rows))
            rows -= min(rows, batch.num_rows)
        return taken
