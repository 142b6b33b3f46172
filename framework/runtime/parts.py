"""The parts of each channel: cut by rows, in the input's order, whole or not there at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BufferedRandom
from pathlib import Path

import pyarrow as pa

from framework.runtime.digest import digest_of
from framework.runtime.errors import DataError
from framework.runtime.waiting import Waiting
from framework.runtime.writers.base import Writer

_UNFINISHED = 2
"""Parts that may be waiting to be written; more would only take memory."""


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
    """The threads that write parts; who brings one waits while too many are unfinished."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_UNFINISHED, "parts")
        self._unfinished: list[Future[Part]] = []

    def submit(self, work: Callable[..., Part], *arguments: object) -> Future[Part]:
        """Write a part as soon as there is room for it.

        Raises:
            DataError: An earlier part could not be written.
        """
        self._unfinished = [part for part in self._unfinished if not part.done()]
        if len(self._unfinished) >= _UNFINISHED:
            self._unfinished.pop(0).result()
        future = self._pool.submit(work, *arguments)
        self._unfinished.append(future)
        return future

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

    def close(self) -> dict[str, list[Part]]:
        """Write what is left; a channel without rows gets one part without rows.

        Returns:
            The parts of each channel, in order.
        """
        for channel in self._channels.values():
            if channel.waiting.rows or not channel.parts:
                self._submit(channel, channel.waiting.rows)
        return {
            name: [part.result() for part in channel.parts]
            for name, channel in self._channels.items()
        }

    def _submit(self, channel: Channel, rows: int) -> None:
        batches = channel.waiting.take(rows)
        name = f"part-{self._host}{len(channel.parts):05d}{self._writer.suffix}"
        path = channel.folder / name
        channel.parts.append(self._background.submit(self._write, path, batches, rows))

    def _write(self, path: Path, batches: Sequence[pa.RecordBatch], rows: int) -> Part:
        aside = path.with_name(f".{path.name}.tmp")
        try:
            with aside.open("w+b") as file:
                self._writer.write(batches, self._schema, file)
                sha256, size = _settled(file)
            aside.replace(path)
        except BaseException as error:
            aside.unlink(missing_ok=True)
            if not isinstance(error, OSError):
                raise
            raise DataError(f"{path}: cannot be written ({error.strerror or error})") from error
        digest = digest_of(batches, self._schema)
        return Part(f"{path.parent.name}/{path.name}", rows, size, sha256, digest)


def _settled(file: BufferedRandom) -> tuple[str, int]:
    """Bring a file to the disk; its SHA-256 and its size in bytes."""
    file.flush()
    os.fsync(file.fileno())
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest, file.tell()
