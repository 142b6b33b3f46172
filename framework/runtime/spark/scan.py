"""Where a file of lines can be cut: found in windows that are looked at side by side.

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

from framework.runtime.sources import DELIMITERS, Portion
from framework.runtime.sources.delimited import read_header
from framework.runtime.sources.files import COMPRESSIONS, format_of, opened
from framework.runtime.spec import DatasetSpec

_LINE_END = ord("\n")
_QUOTE = ord('"')


@dataclass(frozen=True)
class Seen:
    """What one window tells.

    Attributes:
        cuts: Where the first line after a line end begins, in the file, if the window begins
            outside a cell and if it begins inside one; None where there is none.
        regular: Whether quotes only stand around cells or doubled in them, in either case.
        turns: Whether the window ends inside a cell if it begins outside one, and the other way
            round.
    """

    cuts: tuple[int | None, int | None]
    regular: tuple[bool, bool]
    turns: bool


def windows(path: Path, dataset: DatasetSpec, size: int) -> list[Portion]:
    """The windows of a file, which leave out what comes before its first row.

    Args:
        path: The file.
        dataset: How it is read.
        size: Bytes of a window.

    Returns:
        At least one; a single one if the file cannot be cut, or need not be.

    Raises:
        DataError: The file cannot be read, or has no header.
    """
    kind, end = format_of(path, dataset.format), path.stat().st_size
    if kind == "parquet" or path.suffix.lower() in COMPRESSIONS or end <= size:
        return [Portion(path)]
    start = 0
    if kind in DELIMITERS:
        start = read_header(path, DELIMITERS[kind], dataset.columns).size
    if end - start <= size:
        return [Portion(path)]
    edges = [start, *range(start - start % size + size, end, size), end]
    return [Portion(path, *edge) for edge in pairwise(edges)]


def look_at(window: Portion, dataset: DatasetSpec) -> Seen:
    """Look for line ends and quotes.

    Raises:
        DataError: The file cannot be read.
    """
    kind = format_of(window.path, dataset.format)
    before, data, after = _read(window)
    if kind not in DELIMITERS or b'"' not in data:
        end = data.find(b"\n") + 1
        cut = window.start + end if end else None
        return Seen((cut, None), (True, True), turns=False)
    return _with_quotes(window.start, before, data, after, DELIMITERS[kind])


def cut(found: Sequence[Portion], seen: Sequence[Seen]) -> list[Portion]:
    """The pieces of one file, at whose edges rows begin and end.

    Args:
        found: All windows of the file, in order.
        seen: What each of them tells.

    Returns:
        At least one piece; the whole file if quotes stand where they should not, since only who
        reads it from its beginning then knows where its rows end.
    """
    path, inside = found[0].path, False
    starts: list[int] = []
    for each in seen:
        place = each.cuts[inside]
        if not each.regular[inside]:
            return [Portion(path)]
        if place is not None and place != found[-1].end and each is not seen[0]:
            starts.append(place)
        inside ^= each.turns
    if inside:
        return [Portion(path)]
    return [
        Portion(path, start, end) for start, end in zip([0, *starts], [*starts, None], strict=True)
    ]


def _read(window: Portion) -> tuple[bytes, bytes, bytes]:
    """The byte before a window, its own, and the byte after it; a line end where there is none."""
    with opened(window.path) as (_, file):
        file.seek(max(window.start - 1, 0))
        before = file.read(1) if window.start else b"\n"
        end = window.path.stat().st_size if window.end is None else window.end
        data = file.read(end - window.start)
        return before, data, file.read(1) or b"\n"


def _with_quotes(start: int, before: bytes, data: bytes, after: bytes, delimiter: str) -> Seen:
    text = np.frombuffer(before + data + after, np.uint8)
    quotes = np.flatnonzero(text[1:-1] == _QUOTE) + 1
    line_ends = np.flatnonzero(text[1:-1] == _LINE_END) + 1
    is_edge = np.zeros(256, np.bool_)
    is_edge[list(f'\r\n"{delimiter}'.encode())] = True
    opens, closes = is_edge[text[quotes - 1]], is_edge[text[quotes + 1]]
    regular = (
        bool(opens[0::2].all() and closes[1::2].all()),
        bool(closes[0::2].all() and opens[1::2].all()),
    )
    inside = np.searchsorted(quotes, line_ends) % 2
    cuts = [_first(line_ends[inside == parity], start) for parity in (0, 1)]
    return Seen((cuts[0], cuts[1]), regular, bool(len(quotes) % 2))


def _first(line_ends: np.ndarray[tuple[int], np.dtype[np.int64]], start: int) -> int | None:
    """Where the line after the first of these begins; they count the byte before the window."""
    return start + int(line_ends[0]) if len(line_ends) else None
