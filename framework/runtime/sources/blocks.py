"""A stream of bytes cut into blocks that end where a line ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from framework.runtime.sources.files import Reader, opened

_PATIENCE = 16
"""A quote left open for this many blocks is taken for a stray one."""
_READ = 1 << 20


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
        line, left = 1, self.start
        with opened(self.path) as (reader, _):
            while left and (data := reader.read(min(left, _READ))):
                line += data.count(b"\n")
                left -= len(data)
        return line


def blocks(path: Path, size: int, skip: int = 0, *, quotes: bool = False) -> Iterator[Bytes]:
    """Cut a file into blocks of whole lines.

    Args:
        path: The file.
        size: Bytes of a block, about; a longer line makes a longer block.
        skip: Bytes to leave out at the start of the decompressed content.
        quotes: Whether a line end between double quotes belongs to a cell.
    """
    with opened(path) as (reader, file):
        _skip(reader, skip)
        start, pending = skip, b""
        while data := reader.read(size):
            pending += data
            end = _last_line_end(pending, quotes=quotes)
            if not end and len(pending) > _PATIENCE * size:
                end = _last_line_end(pending, quotes=False)
            if end:
                yield Bytes(path, start, pending[:end], file.tell())
                start, pending = start + end, pending[end:]
        if pending:
            yield Bytes(path, start, pending, file.tell())


def _last_line_end(data: bytes, *, quotes: bool) -> int:
    """Where the last line ends that ends for sure; 0 if none does."""
    end = data.rfind(b"\n") + 1
    if not quotes or b'"' not in data:
        return end
    inside = data.count(b'"', 0, end) % 2
    while end and inside:
        before = data.rfind(b"\n", 0, end - 1) + 1
        inside ^= data.count(b'"', before, end) % 2
        end = before
    return end


def _skip(reader: Reader, size: int) -> None:
    while size and (data := reader.read(min(size, _READ))):
        size -= len(data)
