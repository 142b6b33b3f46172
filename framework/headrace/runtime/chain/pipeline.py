"""The stream of blocks: read a block, run the chain, write the rows, forget them.

Memory does not grow with the rows. Blocks are parsed and transformed by a pool of threads (Arrow
and NumPy leave the interpreter's lock for their loops) and taken back in the input's order, so the
result does not depend on how many threads there are or how large a block is.

Chains that differ in nothing but the width of the hashed matrix run as one: what comes before the
hasher, and the hashing itself, is done once for all of them.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.chain.bad_rows import Rejection, Steps
from headrace.runtime.chain.chain import Link
from headrace.runtime.chain.columns import Columns
from headrace.runtime.chain.preflight import Prepared
from headrace.runtime.chain.typed import typed
from headrace.runtime.errors import BadRows, HeadraceError
from headrace.runtime.hashing.functions import murmur3_32
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.hashing.tokens import ColumnTokens, RowTokens, column_tokens
from headrace.runtime.sources import Group
from headrace.runtime.statistics.crossed import groups_of
from headrace.runtime.statistics.statistics import Statistics
from headrace.runtime.transform import Role, positions, without_features


@dataclass(frozen=True)
class Rows:
    """What one chain made of one group of blocks.

    Attributes:
        by_channel: Good rows, by the index of their channel.
        rejected: Number of bad rows.
        rejections: The first of them.
    """

    by_channel: dict[int, pa.RecordBatch]
    rejected: int
    rejections: tuple[Rejection, ...] = ()

    @property
    def good(self) -> int:
        """Return the number of good rows."""
        return sum(batch.num_rows for batch in self.by_channel.values())


@dataclass(frozen=True)
class Work:
    """What one group of blocks became; its data is gone.

    Attributes:
        done: Bytes of the input read so far.
        results: The rows of each chain.
    """

    done: int
    results: tuple[Rows, ...]


class Process:
    """Runs whole chains on one group of blocks; safe to call from several threads.

    Args:
        jobs: The chains, at least one. Up to their hasher they are the same, and their hashers
            differ in their widths only.
        skip_bad_rows: Drop bad rows and count them instead of raising `DataError`.

    Attributes:
        lists_bad_rows: Whether those that are dropped are listed, as long as they are few.
    """

    def __init__(self, jobs: Sequence[Prepared], *, skip_bad_rows: bool) -> None:
        shared = jobs[0].until_hashed
        self._columns: Columns = jobs[0].columns
        self._shared = jobs[0].links[:shared]
        self._ends = [job.links[shared:] for job in jobs]
        self._skip = self.lists_bad_rows = skip_bad_rows
        self._statistics: queue.SimpleQueue[Statistics] = queue.SimpleQueue()

    @property
    def same_rows(self) -> bool:
        """Return whether the rows of all chains differ in nothing but their entries."""
        # A step behind the hasher may find a row bad in one chain that is good in another.
        return all(len(end) <= 1 for end in self._ends)

    def __call__(self, group: Group, first_row: int = 0) -> Work:
        """Parse the rows and run the chains.

        Args:
            group: Some rows of the input.
            first_row: Position of the first of them in the whole input.

        Raises:
            DataError: A row is bad, and bad rows are not to be skipped.
        """
        steps = Steps(group, skip=self._skip, listed=self.lists_bad_rows)
        batch = self._run(steps, self._shared, self._read(steps, first_row))
        if self._ends[0]:
            return Work(group.done, self._hashed(steps, batch))
        self._observe(column_tokens(batch, murmur3_32, 0), batch)
        rows = Rows(by_channel(batch), steps.rejected, steps.rejections())
        return Work(group.done, tuple(rows for _ in self._ends))

    def until(self, place: int, group: Group, first_row: int = 0) -> tuple[Steps, pa.RecordBatch]:
        """Return the rows that a step of the first chain would get; the first gets them as read.

        Raises:
            DataError: A row is bad, and bad rows are not to be skipped.
        """
        steps = Steps(group, skip=self._skip)
        links = [*self._shared, *self._ends[0]][:place]
        return steps, self._run(steps, links, self._read(steps, first_row))

    def statistics(self) -> Statistics:
        """Return what all threads together have seen."""
        merged = Statistics() if self._statistics.empty() else self._statistics.get()
        while not self._statistics.empty():
            merged.merge(self._statistics.get())
        return merged

    def _read(self, steps: Steps, first_row: int) -> pa.RecordBatch:
        return steps.run(steps.parsed(), lambda text: typed(text, self._columns, first_row))

    def _run(self, steps: Steps, links: Sequence[Link], batch: pa.RecordBatch) -> pa.RecordBatch:
        for link in links:
            batch = steps.run(batch, partial(_applied, link))
        return batch

    def _hashed(self, steps: Steps, batch: pa.RecordBatch) -> tuple[Rows, ...]:
        """Return the rows of every chain from the hasher on."""
        first = self._ends[0][0]
        with blamed(first):
            tokens = _hasher(first).tokens(batch)
        self._observe(tokens, batch)
        kept = without_features(batch)
        # Where no later step wants to know where a row stands, the channels are put apart now.
        order = _order_by_channel(kept) if self.same_rows else None
        if order is not None:
            kept = kept.take(pa.array(order))
            tokens = [column.take(order) for column in tokens]
        rows = RowTokens(tokens)
        return tuple(self._ended(copy(steps), end, kept, rows) for end in self._ends)

    def _ended(
        self,
        steps: Steps,
        end: Sequence[Link],
        kept: pa.RecordBatch,
        tokens: RowTokens,
    ) -> Rows:
        link, *others = end
        with blamed(link):
            columns = [*kept.columns, *_hasher(link).entries(tokens)]
        batch = pa.RecordBatch.from_arrays(columns, schema=link.after)
        by_channels = by_channel(self._run(steps, others, batch))
        return Rows(by_channels, steps.rejected, steps.rejections())

    def _observe(self, tokens: Sequence[ColumnTokens], batch: pa.RecordBatch) -> None:
        try:
            statistics = self._statistics.get_nowait()
        except queue.Empty:
            statistics = Statistics()
        statistics.see(tokens, groups_of(batch))
        self._statistics.put(statistics)


def by_channel(batch: pa.RecordBatch) -> dict[int, pa.RecordBatch]:
    """Return the rows of each channel that has any; without a channel column channel 0 has all."""
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
    """Return the rows' positions, one channel after the other; None if there are no channels."""
    for place in positions(batch.schema, Role.CHANNEL):
        return np.argsort(batch.column(place).to_numpy(), kind="stable")
    return None


def _hasher(link: Link) -> Hasher:
    if not isinstance(link.transform, Hasher):
        raise TypeError(f"{link.label} is no hasher")
    return link.transform


def _applied(link: Link, batch: pa.RecordBatch) -> pa.RecordBatch:
    with blamed(link):
        return link.apply(batch)


@contextmanager
def blamed(link: Link) -> Iterator[None]:
    """Say which step raised what is nobody's mistake but its author's."""
    try:
        yield
    except (BadRows, HeadraceError):
        raise
    except Exception as error:
        error.add_note(f"raised by transform.steps.{link.label}")
        raise
