"""The stream: read a block, run the chain, write, forget. Memory does not grow with the rows.

Blocks are parsed and transformed by a pool of threads (Arrow and NumPy leave the interpreter's lock
for their loops) and taken back in the input's order, so the result does not depend on how many
threads there are or how large a block is.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from framework.runtime.bad_rows import Steps
from framework.runtime.chain import Link
from framework.runtime.columns import Columns
from framework.runtime.errors import BadRows, HeadraceError
from framework.runtime.hasher import Hasher
from framework.runtime.hashing import murmur3_32
from framework.runtime.sources import Group
from framework.runtime.statistics import Statistics
from framework.runtime.tokens import MISSING, U32, column_tokens
from framework.runtime.transform import Role, positions
from framework.runtime.typed import typed


@dataclass(frozen=True)
class Work:
    """What one group of blocks became; its data is gone.

    Attributes:
        done: Bytes of the input read so far.
        rows: Good rows, by the index of their channel.
        rejected: Number of bad rows.
    """

    done: int
    rows: dict[int, pa.RecordBatch]
    rejected: int

    @property
    def good(self) -> int:
        """Number of good rows."""
        return sum(batch.num_rows for batch in self.rows.values())


class Process:
    """Runs the whole chain on one group of blocks; safe to call from several threads.

    Args:
        links: The chain.
        columns: The input's columns.
        skip_bad_rows: Drop bad rows and count them instead of raising `DataError`.
    """

    def __init__(self, links: Sequence[Link], columns: Columns, *, skip_bad_rows: bool) -> None:
        self._links = links
        self._columns = columns
        self._skip = skip_bad_rows
        self._hashes = any(isinstance(link.transform, Hasher) for link in links)
        self._statistics: queue.SimpleQueue[Statistics] = queue.SimpleQueue()

    def __call__(self, group: Group, first_row: int = 0) -> Work:
        """Parse the rows and run the chain.

        Args:
            group: Some rows of the input.
            first_row: Position of the first of them in the whole input.

        Raises:
            DataError: A row is bad, and bad rows are not to be skipped.
        """
        steps = Steps(group, skip=self._skip)
        batch = self._read(steps, first_row)
        for link in self._links:
            batch = steps.run(batch, partial(self._apply, link))
        if not self._hashes:
            tokens = column_tokens(batch, murmur3_32, 0, _no_keys)
            self._observe(lambda statistics: statistics.see(tokens))
        return Work(group.done, by_channel(batch), steps.rejected)

    def count(self, group: Group) -> int:
        """Number of rows that the first step would get.

        Raises:
            DataError: A row is bad, and bad rows are not to be skipped.
        """
        return int(self._read(Steps(group, skip=self._skip), 0).num_rows)

    def statistics(self) -> Statistics:
        """What all threads together have seen."""
        merged = Statistics()
        while not self._statistics.empty():
            merged.merge(self._statistics.get())
        return merged

    def _read(self, steps: Steps, first_row: int) -> pa.RecordBatch:
        return steps.run(steps.parsed(), lambda text: typed(text, self._columns, first_row))

    def _apply(self, link: Link, batch: pa.RecordBatch) -> pa.RecordBatch:
        try:
            return self._applied(link, batch)
        except (BadRows, HeadraceError):
            raise
        except Exception as error:
            error.add_note(f"raised by transform.steps.{link.label}")
            raise

    def _applied(self, link: Link, batch: pa.RecordBatch) -> pa.RecordBatch:
        if not isinstance(link.transform, Hasher):
            return link.apply(batch)
        tokens = link.transform.tokens(batch)
        self._observe(lambda statistics: statistics.see(tokens))
        # Where no later step wants to know where a row stands, the channels are put apart now.
        order = _order_by_channel(batch) if link is self._links[-1] else None
        return link.checked(link.transform.rows(batch, tokens, order))

    def _observe(self, see: Callable[[Statistics], None]) -> None:
        try:
            statistics = self._statistics.get_nowait()
        except queue.Empty:
            statistics = Statistics()
        see(statistics)
        self._statistics.put(statistics)


def by_channel(batch: pa.RecordBatch) -> dict[int, pa.RecordBatch]:
    """The rows of each channel that has any; without a channel column all are channel 0's."""
    places = positions(batch.schema, Role.CHANNEL)
    if not places:
        return {0: batch}
    channel = batch.column(places[0]).to_numpy()
    counts = np.bincount(channel)
    found = np.flatnonzero(counts)
    if (channel[1:] >= channel[:-1]).all():
        starts = np.cumsum(counts) - counts
        return {int(index): batch.slice(starts[index], counts[index]) for index in found}
    return {int(index): batch.filter(pa.array(channel == index)) for index in found}


def _order_by_channel(batch: pa.RecordBatch) -> npt.NDArray[np.int64] | None:
    """Positions of the rows, one channel after the other; None where there are no channels."""
    for place in positions(batch.schema, Role.CHANNEL):
        return np.argsort(batch.column(place).to_numpy(), kind="stable")
    return None


def _no_keys(hashes: U32, place: int, columns: int) -> U32:
    """Rows that are not hashed have values, but no indices."""
    return np.full(len(hashes), MISSING)
