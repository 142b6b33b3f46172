"""A stream of bytes cut into blocks that end where a line ends."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from framework.runtime.sources.base import Block, Portion
from framework.runtime.sources.files import Reader, opened

_PATIENCE = 16
"""A quote left open for this many blocks, and for `_LONGEST` bytes, is taken for a stray one."""
_LONGEST = 1 << 26
_READ = 1 << 20
_CLOSING = re.compile(rb'[^"]*(?:""[^"]*)*"(?!")')


@dataclass(frozen=True)
class Bytes:
    """Some whole lines of a file.

    Attributes:
        path: The file.
        start: Where the lines stand in its decompressed content.
        data: The lines.
        consumed: Bytes of the file on disk read so far.
    """

    path: Path
    start: int
    data: bytes
    consumed: int

    def first_line(self) -> int:
        """Number of the first line in the file, from 1; reads the file again to count."""
        line, left, last = 1, self.start, b""
        with opened(self.path) as (reader, _):
            while left and (data := reader.read(min(left, _READ))):
                seen = last + data
                line += seen.count(b"\n") + data.count(b"\r") - seen.count(b"\r\n")
                left -= len(data)
                last = b"\r" if data.endswith(b"\r") else b""
        return line


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
        return f"{self.path.name}, line {self.bytes.first_line() + number}"


def blocks(portion: Portion, size: int, delimiter: str | None = None) -> Iterator[Bytes]:
    """Cut a portion of a file into blocks of whole lines.

    Args:
        portion: In bytes of the decompressed content.
        size: Bytes of a block, about; a longer line makes a longer block.
        delimiter: What stands between cells, if a line end in a quoted cell belongs to the cell.
    """
    path = portion.path
    with opened(path) as (reader, file):
        _skip(reader, file, portion.start)
        start, pending = portion.start, b""
        left = sys.maxsize if portion.end is None else portion.end - start
        while data := reader.read(min(size, left)):
            pending += data
            left -= len(data)
            end = _last_line_end(pending, delimiter)
            if not end and len(pending) > max(_PATIENCE * size, _LONGEST):
                end = _last_line_end(pending, None)
            if end:
                yield Bytes(path, start, pending[:end], file.tell())
                start, pending = start + end, pending[end:]
        if pending:
            yield Bytes(path, start, pending, file.tell())


def _last_line_end(data: bytes, delimiter: str | None) -> int:
    """Where the last line ends that ends for sure; 0 if none does."""
    if delimiter is None or b'"' not in data:
        return data.rfind(b"\n") + 1
    if _quotes_are_regular(data, delimiter):
        return _last_even_line_end(data)
    return _last_unquoted_line_end(data, delimiter)


def _quotes_are_regular(data: bytes, delimiter: str) -> bool:
    """Whether a quote only stands around a cell, or doubled in it: then every second one closes."""
    is_edge = np.zeros(256, np.bool_)
    is_edge[list(f'\r\n"{delimiter}'.encode())] = True
    text = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(text == ord('"'))
    before, after = quotes[0::2] - 1, quotes[1::2] + 1
    edges = is_edge[text[before[before >= 0]]], is_edge[text[after[after < len(text)]]]
    return bool(edges[0].all() and edges[1].all())


def _last_even_line_end(data: bytes) -> int:
    end = data.rfind(b"\n") + 1
    inside = data.count(b'"', 0, end) % 2
    while end and inside:
        before = data.rfind(b"\n", 0, end - 1) + 1
        inside ^= data.count(b'"', before, end) % 2
        end = before
    return end


def _last_unquoted_line_end(data: bytes, delimiter: str) -> int:
    """The same with quotes anywhere: only one that opens a cell counts, as in the csv module."""
    opening = re.compile(rb"(?:^|[\r\n" + re.escape(delimiter.encode()) + rb'])"')
    end = position = 0
    while quote := opening.search(data, position):
        end = max(end, data.rfind(b"\n", position, quote.end()) + 1)
        closing = _CLOSING.match(data, quote.end())
        if closing is None:
            return end
        position = closing.end()
    return max(end, data.rfind(b"\n", position) + 1)


def _skip(reader: Reader, file: IO[bytes], size: int) -> None:
    if reader is file:
        file.seek(size)
        return
    while size and (data := reader.read(min(size, _READ))):
        size -= len(data)
