"""A stream of bytes cut into blocks that end where a row ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from headrace.runtime.errors import DataError
from headrace.runtime.sources.base import Block, Portion
from headrace.runtime.sources.dialect import Dialect
from headrace.runtime.sources.files import UTF_8, Reader, name_of, opened
from headrace.runtime.sources.quotes import MOST_OPEN, NoRow, OpenQuote, rows_in

_READ = 1 << 20
_NEARBY = 1 << 15


@dataclass(frozen=True)
class Bytes:
    """Some whole rows of a file.

    Attributes:
        path: The file.
        start: Where the lines stand in its decompressed content.
        data: The lines.
        consumed: Bytes of the file on disk read so far.
        left_out: Stretches of the lines that are no rows.
        encoding: Of the file.
        line: Number of the first line, from 1, counted from `base`, if that is known.
        base: Where the portion of the file begins, if lines are counted from there.
    """

    path: Path
    start: int
    data: bytes
    consumed: int
    left_out: tuple[NoRow, ...] = ()
    encoding: str = UTF_8
    line: int | None = None
    base: int = 0

    def line_of(self, position: int) -> int:
        """Return number, from 1, of the line that holds a byte of `data`, counted from `base`."""
        return self.first_line() + lines_in(self.data[:position])

    def first_line(self) -> int:
        """Return number of the first line, from 1; may read the file again to count."""
        if self.line is not None:
            return self.line
        return line_number(self.path, self.start, self.encoding)


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
        """Return the file."""
        return self.bytes.path

    @property
    def consumed(self) -> int:
        """Return bytes of the file on disk read so far."""
        return self.bytes.consumed

    @property
    def size(self) -> int:
        """Return bytes of the lines."""
        return len(self.bytes.data)

    @property
    def base(self) -> int:
        """Return where the portion begins, if lines are counted from there."""
        return self.bytes.base

    def line_number(self, number: int) -> int:
        """Return number of the block's line of that number (from 0), counted from `base`."""
        return self.bytes.first_line() + number

    def named(self, line: int) -> str:
        """Return name of the file and number of the line in it."""
        before = line_number(self.path, self.base, self.bytes.encoding) - 1 if self.base else 0
        return super().named(before + line)


def blocks(
    portion: Portion,
    size: int,
    longest: int,
    dialect: Dialect | None = None,
    encoding: str = UTF_8,
    *,
    counted: bool = False,
) -> Iterator[Bytes]:
    """Cut a portion of a file into blocks of whole rows.

    Args:
        portion: In bytes of the content, decompressed and in UTF-8.
        size: Bytes of a block, about; a longer row makes a longer block.
        longest: Bytes of the longest line, and of the longest row with line ends in quoted cells.
        dialect: How cells are written, if a line end in a quoted cell belongs to the cell.
        encoding: Of the file; what comes out is UTF-8.
        counted: Whether to count lines on the way, as many of them may have to be named: bad rows
            are left out. Otherwise nothing is read behind a block that is full of them.

    Raises:
        DataError: A line is too long, or the file cannot be read.
    """
    path = portion.path
    with opened(path, encoding) as (reader, file):
        _skip(reader, file, portion.start)
        line = 1
        plain = file if reader is file else None
        source, start, pending = _Source(reader, portion, plain), portion.start, b""
        is_last = False
        while not is_last:
            # As much again as waits for its end: else a long row would be looked at many times.
            data = source.read(max(size, min(len(pending), longest + 2 - len(pending))))
            is_last, pending = not data, pending + data
            is_large = len(pending) > 2 * size
            rows = rows_in(pending, dialect, longest, is_last=is_last, until_open_quote=is_large)
            if rows.end:
                taken = pending[: rows.end]
                made = Bytes(path, start, taken, file.tell(), rows.left_out, encoding)
                if counted:
                    made = replace(made, line=line, base=portion.start)
                    line += lines_in(taken)
                yield made
            if rows.too_long is not None:
                raise too_long(path, line_number(path, start + rows.too_long, encoding), longest)
            start, pending = start + rows.end, pending[rows.end :]
            is_full = len(rows.left_out) >= MOST_OPEN
            if (is_large or is_full) and any(isinstance(each, OpenQuote) for each in rows.left_out):
                if is_full and not counted:  # a bad row ends the job: nobody waits for the next
                    return
                source.put_back(pending)  # what follows makes blocks of the usual size
                pending, is_last = b"", False


def lines_in(data: bytes) -> int:
    """Return the number of line ends: LF, CR or both."""
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


class _Source:
    """The bytes of a portion; some may be put back, to be read once more.

    Args:
        reader: Gives the bytes.
        portion: Of a file.
        file: The same, if it is a file that can be read anywhere: then what `read` gives ends where
            a line ends, if one ends nearby, so that nobody has to copy the rest of a line.
    """

    def __init__(self, reader: Reader, portion: Portion, file: IO[bytes] | None = None) -> None:
        self._reader = reader
        self._file = file
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
        size = min(size, self._left)
        data = self._reader.read(size - self._behind_last_line(size))
        self._left -= len(data)
        return data

    def _behind_last_line(self, size: int) -> int:
        """Return how many of the next bytes stand behind the last line end, if that is nearby."""
        if self._file is None or size < 2 * _NEARBY:
            return 0
        last = os.pread(self._file.fileno(), _NEARBY, self._file.tell() + size - _NEARBY)
        is_end = len(last) < _NEARBY
        return 0 if is_end else (_NEARBY - 1 - last.rfind(b"\n")) % _NEARBY

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


def line_number(path: Path, position: int, encoding: str = UTF_8) -> int:
    """Return the number, from 1, of the line at a position of a file's content.

    Raises:
        DataError: The file, which is read again to count, cannot be read.
    """
    return line_numbers(path, [position], encoding)[0]


def line_numbers(path: Path, positions: Sequence[int], encoding: str = UTF_8) -> list[int]:
    """Return the numbers, from 1, of the lines at positions of a file's content.

    Args:
        path: The file, which is read once.
        positions: In ascending order.
        encoding: Of the file.

    Raises:
        DataError: The file cannot be read.
    """
    if not any(positions):
        return [1] * len(positions)
    line, before, last, found = 1, 0, b"", list[int]()
    with opened(path, encoding) as (reader, _):
        for position in positions:
            left = position - before
            while left and (data := reader.read(min(left, _READ))):
                line += lines_in(last + data) - lines_in(last)
                left -= len(data)
                last = b"\r" if data.endswith(b"\r") else b""
            before = position
            found.append(line)
    return found


def _skip(reader: Reader, file: IO[bytes], size: int) -> None:
    if reader is file:
        file.seek(size)
        return
    while size and (data := reader.read(min(size, _READ))):
        size -= len(data)
