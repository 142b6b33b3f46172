"""Cuts of a file of lines, found in windows that are looked at side by side.

A line end may stand inside a quoted cell, and whether it does depends on every quote before it. So
each window tells what follows for either case, that it begins outside a cell or inside one, and
whoever knows all windows of a file chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from headrace.runtime.sources import Portion, Reader
from headrace.runtime.sources.delimited import read_header
from headrace.runtime.sources.dialect import Dialect
from headrace.runtime.sources.files import can_be_cut, format_of, is_utf_8, opened
from headrace.runtime.sources.quotes import edges_of
from headrace.runtime.sources.readers import reader_of
from headrace.runtime.spec import DatasetSpec

_LINE_END = ord("\n")
_PIECE = 1 << 18
"""Bytes that are searched at a time."""


@dataclass(frozen=True)
class LineEnds:
    """The line ends of a window outside cells, for one way in which it may begin.

    Attributes:
        first: Where the line after the first of them begins, in the file; None if there is none.
        last: The same for the last of them.
        longest: Bytes from one of them to the next, at most.
    """

    first: int | None = None
    last: int | None = None
    longest: int = 0


@dataclass(frozen=True)
class Seen:
    """The findings in one window.

    Attributes:
        outside: Its line ends if it begins outside a cell.
        inside: Those if it begins inside one.
        regular: Whether quotes only stand around cells or doubled in them, in either case.
        turns: Whether the window ends inside a cell if it begins outside one, and the other way
            round.
    """

    outside: LineEnds
    inside: LineEnds
    regular: tuple[bool, bool]
    turns: bool


def windows(path: Path, dataset: DatasetSpec, size: int) -> list[Portion]:
    """Return the windows of a file, which leave out what comes before its first row.

    Args:
        path: The file.
        dataset: How it is read.
        size: Bytes of a window, at most: all of a file have about the same.

    Returns:
        At least one; a single one if the file cannot be cut, or need not be.

    Raises:
        DataError: The file cannot be read, or has no header.
    """
    end = path.stat().st_size
    reader = reader_of(format_of(path, dataset.format)) if end > size else None
    if reader is None or not reader.has_lines or not can_be_cut(path):
        return [Portion(path)]
    dialect = _dialect(reader, dataset)
    if not is_utf_8(dataset.encoding) or (dialect is not None and not dialect.is_cut_anywhere):
        return [Portion(path)]
    start = 0 if dialect is None else read_header(path, dialect, dataset).size
    if end - start <= size:
        return [Portion(path)]
    size = -(-end // -(-end // size))
    edges = [start, *range(start - start % size + size, end, size), end]
    return [Portion(path, *edge) for edge in pairwise(edges)]


def look_at(window: Portion, dataset: DatasetSpec) -> Seen:
    """Look for line ends and quotes.

    Raises:
        DataError: The file cannot be read.
    """
    dialect = _dialect(reader_of(format_of(window.path, dataset.format)), dataset)
    is_short = end_of(window) - window.start <= dataset.max_line_bytes  # no two are too far apart
    if is_short and (ends := _outermost_line_ends(window, dialect)) is not None:
        return Seen(ends, LineEnds(), (True, True), turns=False)
    before, data, after = _read(window)
    if dialect is not None and dialect.has_quotes(data):
        return _with_quotes(window.start, before, data, after, dialect)
    line_ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _LINE_END)
    return Seen(_line_ends(line_ends, window.start + 1), LineEnds(), (True, True), turns=False)


def cut(found: Sequence[Portion], seen: Sequence[Seen], longest: int) -> list[Portion]:
    """Return the pieces of one file, at whose edges rows begin and end.

    Args:
        found: All windows of the file, in order.
        seen: What each of them tells.
        longest: Bytes of the longest row.

    Returns:
        At least one piece; the whole file if quotes stand where they should not, or if a row is too
        long, since only who reads it from its beginning then knows where its rows end.
    """
    path, inside, row = found[0].path, False, found[0].start
    starts: list[int] = []
    for each in seen:
        ends = each.inside if inside else each.outside
        if not each.regular[inside] or ends.longest > longest:
            return [Portion(path)]
        if ends.first is not None and ends.last is not None:
            if ends.first - row > longest:
                return [Portion(path)]
            row = ends.last
            if ends.first != found[-1].end and each is not seen[0]:
                starts.append(ends.first)
        inside ^= each.turns
    if inside or (found[-1].end or 0) - row > longest:
        return [Portion(path)]
    return [
        Portion(path, start, end) for start, end in zip([0, *starts], [*starts, None], strict=True)
    ]


def _read(window: Portion) -> tuple[bytes, bytes, bytes]:
    """Read a window and the byte on each side of it; a line end where there is none."""
    with opened(window.path) as (_, file):
        file.seek(max(window.start - 1, 0))
        before = file.read(1) if window.start else b"\n"
        data = file.read(end_of(window) - window.start)
        return before, data, file.read(1) or b"\n"


def end_of(portion: Portion) -> int:
    """Return where a piece of a file ends, in bytes; only of a file of lines."""
    return portion.path.stat().st_size if portion.end is None else portion.end


def _outermost_line_ends(window: Portion, dialect: Dialect | None) -> LineEnds | None:
    """Return the first and the last line end of a window without quotes; None if it has one.

    Pieces that stay in a core's cache are read and searched in a fifth of the time that the whole
    window takes.
    """
    first = last = None
    place, end = window.start, end_of(window)
    with opened(window.path) as (_, file):
        file.seek(place)
        while data := file.read(min(_PIECE, end - place)):
            if dialect is not None and dialect.has_quotes(data):
                return None
            if (found := data.rfind(b"\n")) >= 0:
                last = place + found + 1
                first = place + data.find(b"\n") + 1 if first is None else first
            place += len(data)
    return LineEnds(first, last, 0 if first is None or last is None else last - first)


def _dialect(reader: Reader, dataset: DatasetSpec) -> Dialect | None:
    return None if reader.delimiter is None else Dialect.of(reader.delimiter, dataset)


def _with_quotes(start: int, before: bytes, data: bytes, after: bytes, dialect: Dialect) -> Seen:
    text = np.frombuffer(before + data + after, np.uint8)
    quotes = np.flatnonzero(text[1:-1] == ord(dialect.quote or "")) + 1
    line_ends = np.flatnonzero(text[1:-1] == _LINE_END) + 1
    is_edge = edges_of(dialect)
    opens, closes = is_edge[text[quotes - 1]], is_edge[text[quotes + 1]]
    regular = (
        bool(opens[0::2].all() and closes[1::2].all()),
        bool(closes[0::2].all() and opens[1::2].all()),
    )
    inside = np.searchsorted(quotes, line_ends) % 2
    outside, within = (_line_ends(line_ends[inside == parity], start) for parity in (0, 1))
    return Seen(outside, within, regular, bool(len(quotes) % 2))


def _line_ends(found: np.ndarray[tuple[int], np.dtype[np.int64]], start: int) -> LineEnds:
    """Return the line ends at these positions; `start` is where the line after one at 0 begins."""
    if not len(found):
        return LineEnds()
    longest = int(np.diff(found).max(initial=0))
    return LineEnds(start + int(found[0]), start + int(found[-1]), longest)
