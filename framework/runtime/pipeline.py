"""The stream: read a block, run the chain, write, forget. Memory does not grow with the rows.

Blocks are parsed and transformed by a pool of threads (Arrow and NumPy leave the interpreter's lock
for their loops) and taken back in the input's order, so the result does not depend on how many
threads there are or how large a block is.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from framework.runtime.chain import Link
from framework.runtime.columns import Columns
from framework.runtime.errors import BadRows, DataError, HeadraceError
from framework.runtime.hasher import Hasher
from framework.runtime.hashing import murmur3_32
from framework.runtime.sources import Block
from framework.runtime.statistics import Statistics
from framework.runtime.tokens import MISSING, U32, column_tokens
from framework.runtime.transform import Role, positions
from framework.runtime.typed import typed

T = TypeVar("T")

_SHOWN = 5


@dataclass(frozen=True)
class Work:
    """What one block became; its data is gone.

    Attributes:
        path: The file that the block is from.
        consumed: Bytes of that file on disk read so far.
        rows: Good rows, by the index of their channel.
        rejected: Number of bad rows.
    """

    path: Path
    consumed: int
    rows: dict[int, pa.RecordBatch]
    rejected: int

    @property
    def good(self) -> int:
        """Number of good rows."""
        return sum(batch.num_rows for batch in self.rows.values())


class Process:
    """Runs the whole chain on one block; safe to call from several threads.

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

    def __call__(self, block: Block, first_row: int = 0) -> Work:
        """Parse the block and run the chain.

        Args:
            block: Some rows of the input.
            first_row: Position of the first of them in the whole input.

        Raises:
            DataError: A row is bad, and bad rows are not to be skipped.
        """
        steps = _Steps(block, skip=self._skip)
        batch = self._read(steps, first_row)
        for link in self._links:
            batch = steps.run(batch, partial(self._apply, link))
        if not self._hashes:
            tokens = column_tokens(batch, murmur3_32, 0, _no_keys)
            self._observe(lambda statistics: statistics.see(tokens))
        return Work(block.path, block.consumed, by_channel(batch), steps.rejected)

    def count(self, block: Block) -> int:
        """Number of rows that the first step would get.

        Raises:
            DataError: A row is bad, and bad rows are not to be skipped.
        """
        return int(self._read(_Steps(block, skip=self._skip), 0).num_rows)

    def statistics(self) -> Statistics:
        """What all threads together have seen."""
        merged = Statistics()
        while not self._statistics.empty():
            merged.merge(self._statistics.get())
        return merged

    def _read(self, steps: _Steps, first_row: int) -> pa.RecordBatch:
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


class _Steps:
    """Runs steps on one block's rows; drops or reports those that a step calls bad."""

    def __init__(self, block: Block, *, skip: bool) -> None:
        self._block = block
        self._skip = skip
        self._rows = 0
        self.rejected = 0

    def parsed(self) -> pa.RecordBatch:
        """The block's rows as text."""
        parsed = self._block.parse()
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
        values = [_cell(batch, bad.column, int(row)) for row in rows[:_SHOWN]]
        known = batch.num_rows == self._rows
        place = self._block.place(int(rows[0])) if known else self._block.path.name
        first = f"{place}, column {bad.column!r}: expected {bad.expected}, got {values[0]}"
        if len(rows) == 1:
            return first
        return f"{first}; {len(rows) - 1} more such rows follow closely: {', '.join(values[1:])}"


def in_order(
    function: Callable[..., T], arguments: Iterable[tuple[object, ...]], threads: int
) -> Iterator[T]:
    """Call a function in a pool of threads, its results in the order of its arguments.

    At most ``threads + 1`` calls are ahead of the result that is being used, whatever the input's
    size. An error surfaces in its place, be it the function's or the arguments', as if there was
    one thread.
    """
    with ThreadPoolExecutor(threads, "worker") as pool:
        ahead: deque[Future[T]] = deque()
        try:
            for future in _submitted(pool, function, arguments):
                ahead.append(future)
                if len(ahead) > threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _submitted(
    pool: ThreadPoolExecutor, function: Callable[..., T], arguments: Iterable[tuple[object, ...]]
) -> Iterator[Future[T]]:
    """The calls on their way; an error in the arguments becomes the last one's."""
    try:
        for each in arguments:
            yield pool.submit(function, *each)
    except Exception as error:
        failed: Future[T] = Future()
        failed.set_exception(error)
        yield failed


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


def _cell(batch: pa.RecordBatch, column: str, row: int) -> str:
    value = batch.column(batch.schema.get_field_index(column))[row].as_py()
    return "an empty cell" if value is None else repr(value)[:60]


def _no_keys(hashes: U32, place: int, columns: int) -> U32:
    """Rows that are not hashed have values, but no indices."""
    return np.full(len(hashes), MISSING)
