"""The parts of each channel: cut by rows, in the input's order, whole or not there at all.

Rows wait here until there are enough of them for a part.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa

from headrace.runtime.chain.dictionaries import decoded
from headrace.runtime.errors import DataError
from headrace.runtime.hashing.words import U64
from headrace.runtime.output.digest import cells_beside, digest_of
from headrace.runtime.output.writers.base import AnyWriter, files_of
from headrace.runtime.process.threads import Background
from headrace.runtime.transform import takes_dictionaries

_PIECE = 1 << 17
_ON_ROWS = ("knowing", "write", "files")
"""Methods of a writer that get its rows."""


@dataclass(frozen=True)
class Part:
    """Some rows of a channel: a file, and with some formats others beside it.

    Attributes:
        file: Path below the job's output.
        rows: Their number, in each of the files.
        bytes: Of the file.
        sha256: The same.
        digest: Of the rows, whatever their order; see `headrace.runtime.output.digest`.
        beside: The other files of the same rows: ``file``, ``rows``, ``bytes`` and ``sha256``.
    """

    file: str
    rows: int
    bytes: int
    sha256: str
    digest: str
    beside: Sequence[Mapping[str, Any]] = ()

    @property
    def raw(self) -> dict[str, Any]:
        """Return plain data, as it stands in the manifest."""
        raw = asdict(self)
        return raw if self.beside else {key: raw[key] for key in raw if key != "beside"}


@dataclass(frozen=True)
class DenseColumns:
    """The columns of some rows that do not depend on the width of the matrix: all but its entries.

    Attributes:
        writer: The writer that has laid them out.
        hashes: Their hashes, shape (rows,).
    """

    writer: AnyWriter
    hashes: U64

    @classmethod
    def of(
        cls, file: str, batches: Sequence[pa.RecordBatch], schema: pa.Schema, writer: AnyWriter
    ) -> DenseColumns:
        """Lay out and hash the columns of a part.

        Args:
            file: The part's path below the job's output, as in ``train/part-00000.npz``.
            batches: The rows.
            schema: The columns of the rows.
            writer: The file format.
        """
        return cls(writer.knowing(batches, schema), cells_beside(batches, schema))


class _Channel:
    """The rows of one channel that wait for their part, and the parts that are being written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waiting = Waiting()
        self.parts: list[Future[Part]] = []


class PartWriter:
    """Writes the parts of all channels in the background.

    Args:
        folders: Channel → folder.
        schema: The columns of the rows.
        writer: The file format.
        rows_per_part: Rows of every part but a channel's last.
        background: Does the writing, perhaps for others too.
        mark: Tells the names of these parts from those of other writers, if there are others.
        dense_columns: Returns the `DenseColumns` of a part; takes what `DenseColumns.of` takes.
    """

    def __init__(
        self,
        folders: Mapping[str, Path],
        schema: pa.Schema,
        writer: AnyWriter,
        rows_per_part: int,
        background: Background,
        mark: str = "",
        dense_columns: Callable[..., DenseColumns] = DenseColumns.of,
    ) -> None:
        self._channels = {name: _Channel(folder) for name, folder in folders.items()}
        self._schema = schema
        self._writer = writer
        self._rows_per_part = rows_per_part
        self._mark = f"{mark}-" if mark else ""
        self._background = background
        self._dense_columns = dense_columns

    def add(self, name: str, batch: pa.RecordBatch) -> None:
        """Take the next rows of a channel."""
        channel = self._channels[name]
        takes = takes_dictionaries(self._writer, _ON_ROWS)
        channel.waiting.add(batch if takes else decoded(batch))
        while channel.waiting.rows >= self._rows_per_part:
            self._submit(channel, self._rows_per_part)

    def flush(self, *, fill: bool = True) -> None:
        """Begin to write the rows that are left; there will be no more.

        Args:
            fill: Whether a channel without rows gets one part without rows.
        """
        for channel in self._channels.values():
            if channel.waiting.rows or (fill and not channel.parts):
                self._submit(channel, channel.waiting.rows)

    def close(self, *, fill: bool = True) -> dict[str, list[Part]]:
        """Write the rows that are left, and wait for all parts.

        Args:
            fill: Whether a channel without rows gets one part without rows.

        Returns:
            The parts of each channel, in order.
        """
        self.flush(fill=fill)
        return {
            name: [part.result() for part in channel.parts]
            for name, channel in self._channels.items()
        }

    def _submit(self, channel: _Channel, rows: int) -> None:
        stem = f"part-{self._mark}{len(channel.parts):05d}"
        names = [f"{stem}{suffix}" for suffix in files_of(self._writer, self._schema)]
        draft = _Draft(tuple(channel.folder / name for name in names), rows)
        batches = channel.waiting.take(rows)
        dense = self._dense_columns(draft.file, batches, self._schema, self._writer)
        write = partial(draft.write, batches, self._schema, dense)
        channel.parts.append(self._background.submit(write, draft.settle))


@dataclass(frozen=True)
class _Draft:
    """A part that is not whole yet: its files under other names."""

    paths: tuple[Path, ...]
    rows: int

    def write(
        self, batches: list[pa.RecordBatch], schema: pa.Schema, dense: DenseColumns
    ) -> tuple[str, list[str | None]]:
        """Write the rows and forget them; return their digest, and those of the files if known."""
        writes = files_of(dense.writer, schema).values()
        digests = []
        for path, write in zip(self.paths, writes, strict=True):
            with self._unlinked_on_error(path), _aside(path).open("wb") as file:
                hashing = _Hashing(file)
                write(batches, cast("IO[bytes]", hashing))
                digests.append(hashing.sha256)
        with self._unlinked_on_error(self.paths[0]):
            digest = digest_of(batches, schema, dense.hashes)
        batches.clear()
        return digest, digests

    def settle(self, digests: tuple[str, list[str | None]]) -> Part:
        """Wait until it is on the disk, and give its files their names."""
        digest, of_files = digests
        settled = [self._settled(*each) for each in zip(self.paths, of_files, strict=True)]
        for path in self.paths:
            with self._unlinked_on_error(path):
                _aside(path).replace(path)
        first, *beside = settled
        return Part(**first, digest=digest, beside=tuple(beside))

    @property
    def file(self) -> str:
        """Return the path of the first file below the job's output."""
        return _below_output(self.paths[0])

    def _settled(self, path: Path, sha256: str | None) -> dict[str, Any]:
        with self._unlinked_on_error(path), _aside(path).open("rb") as file:
            os.fsync(file.fileno())
            if sha256 is None:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.seek(0, os.SEEK_END)
        return {"file": _below_output(path), "rows": self.rows, "bytes": size, "sha256": sha256}

    @contextmanager
    def _unlinked_on_error(self, path: Path) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            for each in self.paths:
                _aside(each).unlink(missing_ok=True)
            if not isinstance(error, OSError):
                raise
            why = error.strerror or error
            raise DataError(f"{path}: cannot be written ({why})") from error


class _Hashing(io.BufferedIOBase):
    """A file that hashes what is written into it, as long as nobody goes back.

    Reading it again would take as long as writing it. Pieces are small enough to be in a core's
    cache still when they are written.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._is_known = True

    def writable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return true."""
        return True

    def write(self, content: Any) -> int:
        """Write some bytes; `writelines` calls this for each piece."""
        whole = memoryview(content).cast("B")
        for start in range(0, len(whole), _PIECE):
            piece = whole[start : start + _PIECE]
            self._digest.update(piece)
            self._file.write(piece)
        return len(whole)

    def tell(self) -> int:
        """Return where the next byte goes."""
        return self._file.tell()

    def seek(self, *given: int) -> int:
        """Go elsewhere: what is written there is hashed by whoever reads the file."""
        self._is_known = False
        return self._file.seek(*given)

    def flush(self) -> None:
        """Do nothing: the file is flushed when it is closed, by whoever opened it."""

    @property
    def sha256(self) -> str | None:
        """Return the digest of all; None if it has to be read again."""
        return self._digest.hexdigest() if self._is_known else None


def _below_output(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


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
