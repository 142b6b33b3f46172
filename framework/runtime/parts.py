"""The parts of each channel: cut by rows, in the input's order, whole or not there at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Semaphore

import pyarrow as pa

from framework.runtime.digest import digest_of
from framework.runtime.errors import DataError
from framework.runtime.waiting import Waiting
from framework.runtime.writers.base import Writer

_IN_HAND = 2
"""Parts whose rows may be in memory; more would only take room."""
_SETTLING = 4
"""Further parts that may be waiting for the disk alone."""


@dataclass(frozen=True)
class Part:
    """One file of a channel."""

    file: str
    rows: int
    bytes: int
    sha256: str
    digest: str
    """Of the rows, whatever their order; see `framework.runtime.digest`."""


@dataclass
class Channel:
    """The rows of one channel that wait for their part, and the parts that are on their way."""

    folder: Path
    waiting: Waiting = field(default_factory=Waiting)
    parts: list[Future[Part]] = field(default_factory=list)


class Background:
    """The threads that write parts; who brings one waits while too many have rows in memory."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_IN_HAND + _SETTLING, "parts")
        self._room = Semaphore(_IN_HAND)
        self._unfinished: list[Future[Part]] = []

    def submit(self, write: Callable[[], str], settle: Callable[[str], Part]) -> Future[Part]:
        """Write a part as soon as there is room for it.

        Args:
            write: Writes it, and forgets its rows.
            settle: Gets what `write` gave, and waits for the disk.

        Raises:
            DataError: An earlier part could not be written.
        """
        self._room.acquire()
        for part in self._unfinished:
            if part.done():
                part.result()
        self._unfinished = [part for part in self._unfinished if not part.done()]
        future = self._pool.submit(self._both, write, settle)
        self._unfinished.append(future)
        return future

    def _both(self, write: Callable[[], str], settle: Callable[[str], Part]) -> Part:
        try:
            written = write()
        finally:
            self._room.release()
        return settle(written)

    def close(self) -> None:
        """Let those end that have begun; the others are not written."""
        self._pool.shutdown(cancel_futures=True)


class PartWriter:
    """Writes the parts of all channels in the background.

    Args:
        folders: Channel → folder.
        writer: The file format.
        schema: The rows' columns.
        rows_per_part: Rows of every part but a channel's last.
        background: Does the writing, perhaps for others, too.
        host: Name of this host where there are several, else "".
    """

    def __init__(
        self,
        folders: dict[str, Path],
        writer: Writer,
        schema: pa.Schema,
        rows_per_part: int,
        background: Background,
        host: str = "",
    ) -> None:
        self._channels = {name: Channel(folder) for name, folder in folders.items()}
        self._writer = writer
        self._schema = schema
        self._rows_per_part = rows_per_part
        self._host = f"{host}-" if host else ""
        self._background = background

    def add(self, name: str, batch: pa.RecordBatch) -> None:
        """Take the next rows of a channel."""
        channel = self._channels[name]
        channel.waiting.add(batch)
        while channel.waiting.rows >= self._rows_per_part:
            self._submit(channel, self._rows_per_part)

    def close(self, *, fill: bool = True) -> dict[str, list[Part]]:
        """Write what is left.

        Args:
            fill: Whether a channel without rows gets one part without rows.

        Returns:
            The parts of each channel, in order.
        """
        for channel in self._channels.values():
            if channel.waiting.rows or (fill and not channel.parts):
                self._submit(channel, channel.waiting.rows)
        return {
            name: [part.result() for part in channel.parts]
            for name, channel in self._channels.items()
        }

    def _submit(self, channel: Channel, rows: int) -> None:
        batches = channel.waiting.take(rows)
        name = f"part-{self._host}{len(channel.parts):05d}{self._writer.suffix}"
        path = channel.folder / name
        draft = _Draft(path, rows)
        write = partial(draft.write, batches, self._writer, self._schema)
        channel.parts.append(self._background.submit(write, draft.settle))


@dataclass(frozen=True)
class _Draft:
    """A part that is not whole yet, under another name."""

    path: Path
    rows: int

    def write(self, batches: list[pa.RecordBatch], writer: Writer, schema: pa.Schema) -> str:
        """Write the rows and forget them; their digest."""
        with self._unlinked_on_error():
            with self._aside.open("wb") as file:
                writer.write(batches, schema, file)
            digest = digest_of(batches, schema)
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
