"""The parts of each channel: cut by rows, in the input's order, whole or not there at all.

Rows wait here until there are enough of them for a part.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from headrace.runtime.errors import DataError
from headrace.runtime.hashing.words import U64
from headrace.runtime.output.digest import cells_beside, digest_of
from headrace.runtime.output.writers.base import Writer
from headrace.runtime.process.threads import Background


@dataclass(frozen=True)
class Part:
    """One file of a channel."""

    file: str
    rows: int
    bytes: int
    sha256: str
    digest: str
    """Of the rows, whatever their order; see `headrace.runtime.output.digest`."""


@dataclass(frozen=True)
class Shelf:
    """Where the parts of one job go.

    Attributes:
        folders: Channel → folder.
        schema: The columns of the job's rows.
    """

    folders: Mapping[str, Path]
    schema: pa.Schema


class _Channel:
    """For each job the rows of one channel that wait for their part, and the parts on their way."""

    def __init__(self, jobs: int) -> None:
        self.waiting = [Waiting() for _ in range(jobs)]
        self.parts: list[list[Future[Part]]] = [[] for _ in range(jobs)]


class PartWriter:
    """Writes the parts of all channels in the background.

    It does so for several jobs at once if their rows differ in nothing but the width of the matrix:
    what stands beside the entries is worked out once for all of them.

    Args:
        shelves: The jobs, at least one; they have the same channels.
        writer: The file format.
        rows_per_part: Rows of every part but a channel's last.
        background: Does the writing, perhaps for others, too.
        mark: What keeps the names of these parts apart from others', if there are others.
    """

    def __init__(
        self,
        shelves: Sequence[Shelf],
        writer: Writer,
        rows_per_part: int,
        background: Background,
        mark: str = "",
    ) -> None:
        self._shelves = shelves
        self._channels = {name: _Channel(len(shelves)) for name in shelves[0].folders}
        self._writer = writer
        self._rows_per_part = rows_per_part
        self._mark = f"{mark}-" if mark else ""
        self._background = background

    def add(self, name: str, batches: Sequence[pa.RecordBatch]) -> None:
        """Take the next rows of a channel, as each job has them."""
        first, *_ = waiting = self._channels[name].waiting
        for each, batch in zip(waiting, batches, strict=True):
            each.add(batch)
        while first.rows >= self._rows_per_part:
            self._submit(name, self._rows_per_part)

    def close(self, *, fill: bool = True) -> list[dict[str, list[Part]]]:
        """Write what is left.

        Args:
            fill: Whether a channel without rows gets one part without rows.

        Returns:
            For each job the parts of each channel, in order.
        """
        for name, channel in self._channels.items():
            if channel.waiting[0].rows or (fill and not channel.parts[0]):
                self._submit(name, channel.waiting[0].rows)
        return [
            {
                name: [part.result() for part in channel.parts[job]]
                for name, channel in self._channels.items()
            }
            for job in range(len(self._shelves))
        ]

    def _submit(self, name: str, rows: int) -> None:
        channel = self._channels[name]
        file = f"part-{self._mark}{len(channel.parts[0]):05d}{self._writer.suffix}"
        taken = [waiting.take(rows) for waiting in channel.waiting]
        beside = _Beside.of(taken[0], self._shelves[0].schema, self._writer)
        for shelf, batches, parts in zip(self._shelves, taken, channel.parts, strict=True):
            draft = _Draft(shelf.folders[name] / file, rows)
            write = partial(draft.write, batches, shelf.schema, beside)
            parts.append(self._background.submit(write, draft.settle))


@dataclass(frozen=True)
class _Beside:
    """What rows hold beside their entries, ready for parts of any width.

    Attributes:
        writer: It has laid it out.
        hashes: It has been hashed, shape (rows,).
    """

    writer: Writer
    hashes: U64

    @classmethod
    def of(cls, batches: Sequence[pa.RecordBatch], schema: pa.Schema, writer: Writer) -> _Beside:
        return cls(writer.knowing(batches, schema), cells_beside(batches, schema))


@dataclass(frozen=True)
class _Draft:
    """A part that is not whole yet, under another name."""

    path: Path
    rows: int

    def write(self, batches: list[pa.RecordBatch], schema: pa.Schema, beside: _Beside) -> str:
        """Write the rows and forget them; their digest."""
        with self._unlinked_on_error():
            with self._aside.open("wb") as file:
                beside.writer.write(batches, schema, file)
            digest = digest_of(batches, schema, beside.hashes)
        batches.clear()
        return digest

    def settle(self, digest: str) -> Part:
        """Bring it to the disk and give it its name."""
        with self._unlinked_on_error():
            with self._aside.open("rb") as file:
                os.fsync(file.fileno())
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
            self._aside.replace(self.path)
        return Part(f"{self.path.parent.name}/{self.path.name}", self.rows, size, sha256, digest)

    @property
    def _aside(self) -> Path:
        return self.path.with_name(f".{self.path.name}.tmp")

    @contextmanager
    def _unlinked_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._aside.unlink(missing_ok=True)
            if not isinstance(error, OSError):
                raise
            why = error.strerror or error
            raise DataError(f"{self.path}: cannot be written ({why})") from error


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
