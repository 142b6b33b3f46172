"""The chain on a block of rows. Blocks are read, transformed, written and forgotten one by one.

Memory does not grow with the rows. Blocks are parsed and transformed by a pool of threads (Arrow
and NumPy leave the interpreter's lock for their loops) and taken back in the input's order, so the
result does not depend on how many threads there are or how large a block is. Bad rows end the job,
or are left out and counted.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.chain.bad_rows import Rejection, Steps
from headrace.runtime.chain.chain import Link, blame
from headrace.runtime.chain.columns import Columns
from headrace.runtime.chain.dictionaries import decoded, of_codes
from headrace.runtime.chain.kept import KeptRows
from headrace.runtime.chain.preflight import Prepared
from headrace.runtime.chain.typed import typed
from headrace.runtime.errors import BadRows, HeadraceError
from headrace.runtime.hashing.functions import murmur3_32
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.hashing.tokens import ColumnTokens, RowTokens, column_tokens
from headrace.runtime.kernels import row_calls
from headrace.runtime.kernels.arrays import I32
from headrace.runtime.kernels.library import library
from headrace.runtime.sources import Group
from headrace.runtime.statistics.crossed import groups_of
from headrace.runtime.statistics.statistics import Statistics
from headrace.runtime.statistics.token_counts import TokenCounts
from headrace.runtime.transform import Role, positions, without_features


@dataclass(frozen=True)
class Rows:
    """The rows that a chain made of one group of blocks.

    Attributes:
        by_channel: Good rows, by the index of their channel; columns may be dictionaries.
        rejected: Number of bad rows.
        rejections: The first of them.
        left_out: Number of good rows that steps left out.
    """

    by_channel: dict[int, pa.RecordBatch]
    rejected: int
    rejections: tuple[Rejection, ...] = ()
    left_out: int = 0

    @property
    def good(self) -> int:
        """Return the number of good rows."""
        return sum(batch.num_rows for batch in self.by_channel.values())


@dataclass(frozen=True)
class Hashed:
    """A group of blocks whose rows have been hashed, but not yet to a width.

    Attributes:
        done: Bytes of the input read so far.
        steps: Counts the rows that were bad so far.
        kept: The rows without their features; all of them if the chain does not hash.
        tokens: The hashed features; None if the chain does not hash.
    """

    done: int
    steps: Steps
    kept: pa.RecordBatch
    tokens: RowTokens | None


@dataclass(frozen=True)
class Work:
    """The rows of one group of blocks; its data is gone.

    Attributes:
        done: Bytes of the input read so far.
        rows: The rows.
    """

    done: int
    rows: Rows

    @property
    def seen(self) -> int:
        """Return the number of rows that were read, good and bad."""
        return self.rows.good + self.rows.rejected + self.rows.left_out


class Process:
    """Runs the chain on one group of blocks; safe to call from several threads.

    Args:
        job: The chain.
        skip_bad_rows: Drop bad rows and count them instead of raising `DataError`.
        counts_tokens: Count every token, for ``report/tokens.parquet``.

    Attributes:
        lists_bad_rows: Whether those that are dropped are listed, as long as they are few.
    """

    def __init__(self, job: Prepared, *, skip_bad_rows: bool, counts_tokens: bool = False) -> None:
        self._columns: Columns = job.columns
        self._before = job.links[: job.until_hashed]
        self._from_hasher = job.links[job.until_hashed :]
        self._skip = self.lists_bad_rows = skip_bad_rows
        self._counts_tokens = counts_tokens
        self._statistics: queue.SimpleQueue[Statistics] = queue.SimpleQueue()

    @property
    def ends_hashed(self) -> bool:
        """Return whether the rows are written as the hasher makes them: no step follows it."""
        return len(self._from_hasher) <= 1

    def __call__(self, group: Group | KeptRows, first_row: int = 0) -> Work:
        """Parse the rows and run the chain.

        Args:
            group: Some rows of the input, or what was kept of them.
            first_row: Position of the first of them in the whole input.

        Raises:
            DataError: A row is bad, and bad rows are not to be skipped.
        """
        return self.finished(self.hashed(group, first_row))

    def hashed(self, group: Group | KeptRows, first_row: int = 0) -> Hashed:
        """Parse the rows, run the steps before the hasher, and hash, whatever the width.

        Raises:
            DataError: A row is bad, and bad rows are not to be skipped.
            ReadAgain: A row that was kept is bad.
        """
        steps, batch = self._until(self._before, group, first_row, listed=self.lists_bad_rows)
        if not self._from_hasher:
            self._observe(column_tokens(batch, murmur3_32, 0), batch)
            return Hashed(group.done, steps, batch, None)
        hasher = self._from_hasher[0]
        with blamed(hasher):
            tokens = _hasher(hasher).tokens(hasher.suited(batch))
        self._observe(tokens, batch)
        kept = without_features(batch)
        # Where no later step wants to know where a row stands, the channels are put apart now.
        if self.ends_hashed:
            kept, order = put_apart(kept)
            return Hashed(group.done, steps, kept, RowTokens(tokens, order))
        return Hashed(group.done, steps, kept, RowTokens(tokens))

    def finished(self, hashed: Hashed) -> Work:
        """Make the entries, run the steps after the hasher, and put the channels apart.

        Args:
            hashed: Rows of `hashed`, of this chain or of one that differs in the width only. They
                can be used again.

        Raises:
            DataError: A row is bad, and bad rows are not to be skipped.
        """
        steps, batch = copy(hashed.steps), hashed.kept
        if hashed.tokens is not None:
            link, *others = self._from_hasher
            with blamed(link):
                columns = [*batch.columns, *_hasher(link).entries(hashed.tokens)]
            batch = pa.RecordBatch.from_arrays(columns, schema=link.after)
            batch = self._run(steps, others, batch)
        rows = Rows(by_channel(batch), steps.rejected, steps.rejections(), steps.left_out)
        return Work(hashed.done, rows)

    def until(
        self, index: int, group: Group | KeptRows, first_row: int = 0
    ) -> tuple[Steps, pa.RecordBatch]:
        """Return the rows that reach a step; the first step gets them as read.

        Raises:
            DataError: A row is bad, and bad rows are not to be skipped.
            ReadAgain: A row that was kept is bad.
        """
        return self._until([*self._before, *self._from_hasher][:index], group, first_row)

    def _until(
        self,
        links: Sequence[Link],
        group: Group | KeptRows,
        first_row: int,
        *,
        listed: bool = False,
    ) -> tuple[Steps, pa.RecordBatch]:
        if isinstance(group, KeptRows):
            steps = group.steps()
            return steps, self._run(steps, links[group.place :], group.rows())
        steps = Steps(group, skip=self._skip, listed=listed)
        return steps, self._run(steps, links, self._read(steps, first_row))

    def statistics(self) -> Statistics:
        """Return the statistics of all threads together."""
        merged = Statistics() if self._statistics.empty() else self._statistics.get()
        while not self._statistics.empty():
            merged.merge(self._statistics.get())
        return merged

    def _read(self, steps: Steps, first_row: int) -> pa.RecordBatch:
        batch = steps.run(steps.parsed(), lambda text: typed(text, self._columns, first_row))
        steps.refuse_unread()
        return batch

    def _run(self, steps: Steps, links: Sequence[Link], batch: pa.RecordBatch) -> pa.RecordBatch:
        for link in links:
            keeps = partial(_kept, link) if link.tells_kept else None
            batch = steps.run(batch, partial(_applied, link), keeps)
        return batch

    def _observe(self, tokens: Sequence[ColumnTokens], batch: pa.RecordBatch) -> None:
        try:
            statistics = self._statistics.get_nowait()
        except queue.Empty:
            statistics = Statistics(tokens=TokenCounts() if self._counts_tokens else None)
        statistics.see(tokens, groups_of(batch))
        self._statistics.put(statistics)


def by_channel(batch: pa.RecordBatch) -> dict[int, pa.RecordBatch]:
    """Return the rows of each channel that has any; channel 0's without a channel column."""
    for place in positions(batch.schema, Role.CHANNEL):
        channels = batch.column(place).to_numpy()
        counts = np.bincount(channels)
        ends = np.cumsum(counts).tolist()
        bounds = zip([0, *ends], ends, strict=False)
        found = {index: bound for index, bound in enumerate(bounds) if bound[0] < bound[1]}
        if (channels[1:] >= channels[:-1]).all():
            return {index: batch.slice(start, end - start) for index, (start, end) in found.items()}
        rows = _order(channels)
        return {index: _rows_of(batch, rows[start:end]) for index, (start, end) in found.items()}
    return {0: batch}


def of_channel(batch: pa.RecordBatch, index: int) -> pa.RecordBatch:
    """Return the rows of one channel; all rows without a channel column."""
    rows = np.flatnonzero(are_of_channel(batch, index)).astype(np.int32)
    return batch if len(rows) == batch.num_rows else _rows_of(batch, rows)


def are_of_channel(batch: pa.RecordBatch, index: int) -> npt.NDArray[np.bool_]:
    """Return which rows are of a channel, shape (rows,); all rows without a channel column."""
    for place in positions(batch.schema, Role.CHANNEL):
        return np.asarray(batch.column(place).to_numpy() == index)
    return np.ones(batch.num_rows, np.bool_)


def put_apart(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, I32 | None]:
    """Return the rows channel by channel, and the place that each had; None without channels."""
    for place in positions(batch.schema, Role.CHANNEL):
        rows = _order(batch.column(place).to_numpy())
        return _rows_of(batch, rows), rows
    return batch, None


def _order(channels: npt.NDArray[Any]) -> I32:
    """Return the places of rows by their channel, those of one as they stood."""
    kernels = library()
    if kernels is None or channels.dtype != np.int8:
        return np.argsort(channels, kind="stable").astype(np.int32)
    return row_calls.order(kernels, channels)


def _rows_of(batch: pa.RecordBatch, rows: I32) -> pa.RecordBatch:
    """Return these rows: those of most columns in one call, of the others by Arrow."""
    kernels, made = library(), list(batch.columns)
    numbers = {
        place: given for place, each in enumerate(made) if (given := _numbers(each)) is not None
    }
    arrays = [each.to_numpy() for each in numbers.values()]
    taken = (
        [each.take(rows) for each in arrays]
        if kernels is None
        else row_calls.take(kernels, arrays, rows)
    )
    chosen = dict(zip(numbers, map(pa.array, taken), strict=True))
    for place, column in enumerate(made):
        if place not in chosen:
            made[place] = _cells_of(column, rows)
        elif pa.types.is_dictionary(column.type):
            made[place] = of_codes(chosen[place], column.dictionary)
        else:
            made[place] = chosen[place]
    return pa.RecordBatch.from_arrays(made, schema=batch.schema)


def _numbers(column: pa.Array) -> pa.Array | None:
    """Return a column of numbers, or the codes of a dictionary; None if one is null."""
    numbers = column.indices if pa.types.is_dictionary(column.type) else column
    is_number = pa.types.is_floating(numbers.type) or pa.types.is_integer(numbers.type)
    return numbers if is_number and not numbers.null_count else None


def _cells_of(column: pa.Array, rows: I32) -> pa.Array:
    kernels, texts = library(), None
    if kernels is not None and pa.types.is_string(column.type) and not column.null_count:
        texts = row_calls.take_texts(kernels, column, rows)
    return column.take(pa.array(rows)) if texts is None else texts


def _hasher(link: Link) -> Hasher:
    if not isinstance(link.transform, Hasher):
        raise TypeError(f"{link.label} is no hasher")
    return link.transform


def _applied(link: Link, batch: pa.RecordBatch) -> pa.RecordBatch:
    with blamed(link):
        return link.apply(link.suited(batch))


def _kept(link: Link, batch: pa.RecordBatch, rows: int) -> npt.NDArray[np.bool_]:
    with blamed(link):
        return link.kept(decoded(batch), rows)


@contextmanager
def blamed(link: Link) -> Iterator[None]:
    """Add the name of the step to an error that is a bug of the step."""
    try:
        yield
    except (BadRows, HeadraceError):
        raise
    except Exception as error:
        blame(link.label, error)
        raise
