"""Groups of rows kept from one pass for the next, so that these are not read and parsed again.

What is kept are the rows that reached a step, by their distinct values. Who finds a bad row among
them cannot say where it stands in the file, so that group is read again: `ReadAgain`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from headrace.runtime.chain.bad_rows import Keeps, Rejection, Stayed, Steps
from headrace.runtime.chain.dictionaries import unpacked
from headrace.runtime.errors import BadRows

MOST_BYTES = 192 << 20
"""Memory that they may take: about 2.4 million rows of a click log."""


class ReadAgain(Exception):
    """Says that a group has to be read from the input to go on."""


@dataclass(frozen=True)
class KeptRows:
    """The rows of one group that reached a step; none of the group is bad.

    Attributes:
        done: Bytes of the input read when these were.
        place: Number of steps that they have gone through.
        left_out: Number of rows that these steps left out.
        content: The rows, `packed`.
    """

    done: int
    place: int
    left_out: int
    content: pa.Buffer

    @property
    def size(self) -> int:
        """Return the bytes of memory that they take."""
        size: int = self.content.size
        return size

    def rows(self) -> pa.RecordBatch:
        """Return the rows."""
        return unpacked(self.content)

    def steps(self) -> Steps:
        """Return what runs further steps on them."""
        return _FurtherSteps(self.left_out)


class Kept:
    """The groups that are kept, by their position in the input.

    Args:
        most_bytes: Memory that they may take.
    """

    def __init__(self, most_bytes: int | None = None) -> None:
        self._most_bytes = MOST_BYTES if most_bytes is None else most_bytes
        self._groups: dict[int, KeptRows] = {}
        self._bytes = 0
        self._is_given_up = False

    def __len__(self) -> int:
        return len(self._groups)

    @property
    def has_room(self) -> bool:
        """Return whether there may be room for a group."""
        return self._bytes < self._most_bytes and not self._is_given_up

    def put(self, number: int, rows: KeptRows) -> None:
        """Keep a group, if there is room for it."""
        if self.has_room and self._bytes + rows.size <= self._most_bytes:
            self._groups[number] = rows
            self._bytes += rows.size

    def take(self, number: int) -> KeptRows | None:
        """Return a group, and forget it; None if it has to be read."""
        rows = self._groups.pop(number, None)
        if rows is None or self._is_given_up:
            return None
        self._bytes -= rows.size
        return rows

    def give_up(self) -> None:
        """Have all groups read from here on: reading one of them alone takes as long."""
        self._is_given_up = True


class _FurtherSteps(Steps):
    """Runs steps on rows that were kept."""

    def __init__(self, left_out: int) -> None:
        self.rejected, self.left_out = 0, left_out

    def run(
        self,
        batch: pa.RecordBatch,
        step: Callable[[pa.RecordBatch], pa.RecordBatch],
        keeps: Keeps | None = None,
    ) -> pa.RecordBatch:
        """Run one step.

        Raises:
            ReadAgain: It finds bad rows.
        """
        try:
            made = step(batch)
        except BadRows as bad:
            raise ReadAgain from bad
        self.left_out += batch.num_rows - made.num_rows
        return made

    def stay(self, rows: int, which: Stayed | None) -> None:
        """Do nothing: where a row stands is told when the group is read again."""

    def rejections(self) -> tuple[Rejection, ...]:
        """Return nothing: no row is bad."""
        return ()
