"""A stream of bytes cut into blocks that end where a row ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from headrace.runtime.errors import DataError
from headrace.runtime.sources.base import Block, Portion
from headrace.runtime.sources.files import Reader, name_of, opened
from headrace.runtime.sources.quotes import OpenQuote, rows_in

_READ = 1 << 20


@dataclass(frozen=True)
class Bytes:
    """Some whole rows of a file.

    Attributes:
        path: The file.
        start: Where the lines stand in its decompressed content.
        data: The lines.
        consumed: Bytes of the file on disk read so far.
        open_quotes: Rows among them that are bad since a quote was left open.
    """

    path: Path
    start: int
    data: bytes
    consumed: int
    open_quotes: tuple[OpenQuote, ...] = ()

    def line_of(self, position: int) -> int:
        """Number, from 1, of the file's line that holds a byte of `data`; reads the file again."""
        return line_number(self.path, self.start + position)

    def first_line(self) -> int:
        """Number of the first line in the file, from 1; reads the file again to count."""
        return self.line_of(0)


@dataclass(frozen=True)
class LinesBlock(Block):
    """A block of a file of lines."""

    bytes: Bytes
    names: tuple[str, ...]
    """All columns of the file."""
    wanted: tuple[str, ...]
    """Those to read."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.bytes.path

    @property
    def consumed(self) -> int:
        """Bytes of the file on disk read so far."""
        return self.bytes.consumed

    @property
    def size(self) -> int:
        """Bytes of the lines."""
        return len(self.bytes.data)

    def line(self, number: int) -> str:
        """Name of the file, and which of its lines the block's line of that number (from 0) is."""
        return f"{name_of(self.path)}, line {self.bytes.first_line() + number}"


def blocks(
    portion: Portion, size: int, longest: int, delimiter: str | None = None
) -> Iterator[Bytes]:
    """Cut a portion of a file into blocks of whole rows.

    Args:
        portion: In bytes of the decompressed content.
        size: Bytes of a block, about; a longer row makes a longer block.
        longest: Bytes of the longest line, and of the longest row with line ends in quoted cells.
        delimiter: What stands between cells, if a line end in a quoted cell belongs to the cell.

    Raises:
        DataError: A line is too long, or the file cannot be read.
    """
    path = portion.path
    with opened(path) as (reader, file):
        _skip(reader, file, portion.start)
        source, start, pending = _Source(reader, portion), portion.start, b""
        is_last = False
        while not is_last:
            # As much again as waits for its end: else a long row would be looked at many times.
            data = source.read(max(size, min(len(pending), longest + 2 - len(pending))))
            is_last, pending = not data, pending + data
            is_large = len(pending) > 2 * size
            rows = rows_in(pending, delimiter, longest, is_last=is_last, until_open_quote=is_large)
            if rows.end:
                taken = pending[: rows.end]
                yield Bytes(path, start, taken, file.tell(), rows.open_quotes)
            if rows.too_long is not None:
                raise too_long(path, line_number(path, start + rows.too_long), longest)
            start, pending = start + rows.end, pending[rows.end :]
            if rows.open_quotes and is_large:  # what follows makes blocks of the usual size
                source.put_back(pending)
                pending, is_last = b"", False


class _Source:
    """The bytes of a portion; some may be put back, to be read once more."""

    def __init__(self, reader: Reader, portion: Portion) -> None:
        self._reader = reader
        self._left = sys.maxsize if portion.end is None else portion.end - portion.start
        self._again: list[bytes] = []
        self._position = 0
        """In the last of those that were put back."""

    def read(self, size: int) -> bytes:
        while self._again:
            start, self._position = self._position, self._position + size
            if data := self._again[-1][start : self._position]:
                return data
            self._again.pop()
            self._position = 0
        data = self._reader.read(min(size, self._left))
        self._left -= len(data)
        return data

    def put_back(self, data: bytes) -> None:
        if self._again:
            self._again[-1] = self._again[-1][self._position :]
        self._again.append(data)
        self._position = 0


def too_long(path: Path, line: int, longest: int) -> DataError:
    """Return the error for a line that is longer than a line may be."""
    return DataError(
        f"{name_of(path)}, line {line}: the line has more than {longest:,} bytes; "
        "if it has to, set dataset.max_line_bytes to more"
    )


def line_number(path: Path, position: int) -> int:
    """Return the number, from 1, of the line at a position of a file's decompressed content.

    Raises:
        DataError: The file, which is read again to count, cannot be read.
    """
    line, left, last = 1, position, b""
    with opened(path) as (reader, _):
        while left and (data := reader.read(min(left, _READ))):
            seen = last + data
            line += seen.count(b"\n") + data.count(b"\r") - seen.count(b"\r\n")
            left -= len(data)
            last = b"\r" if data.endswith(b"\r") else b""
    return line


def _skip(reader: Reader, file: IO[bytes], size: int) -> None:
    if reader is file:
        file.seek(size)
        return
    while size and (data := reader.read(min(size, _READ))):
        size -= len(data)
