"""Where the rows of a file of lines end, as quoted cells may hold line ends.

The rule (RFC 4180, and Python's csv module where a file does not keep to it): a quote opens a cell
if it is the cell's first character; the next quote that is not doubled closes it. Behind the
closing quote of a cell that holds a line end there is a delimiter, a line end or the end of the
file. Where it is otherwise, or where no quote closes the cell, or none within the longest row, the
quote was left open. Such a row is bad up to the end of the line in which that quote stands, and
the next line begins the next row.

All of it takes time in proportion to the bytes, however many quotes are left open: from one of them
up to where that shows, quotes only stand in pairs, so none in between looks as far.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

_CLOSING = re.compile(rb'[^"]*+(?:""[^"]*+)*+"')
_LINE_END = re.compile(rb"[\r\n]")


@dataclass(frozen=True)
class OpenQuote:
    """A row with a quote that was left open.

    Attributes:
        start: Where the row begins.
        quote: Where the quote stands.
        end: Where the next row begins.
    """

    start: int
    quote: int
    end: int


@dataclass(frozen=True)
class Rows:
    """Whole rows at the beginning of some bytes.

    Attributes:
        end: Where the last of them ends; 0 if none does for sure.
        open_quotes: Those of them that are bad since a quote was left open, in order.
        too_long: Where the line behind them begins, if it is longer than a line may be.
    """

    end: int
    open_quotes: tuple[OpenQuote, ...] = ()
    too_long: int | None = None


def rows_in(
    data: bytes,
    delimiter: str | None,
    longest: int,
    *,
    is_last: bool,
    until_open_quote: bool = False,
) -> Rows:
    """Find where the rows at the beginning of some bytes end.

    Args:
        data: Begins with a row.
        delimiter: What stands between cells; None where quotes and single CRs mean nothing, as in
            JSON lines.
        longest: Bytes of the longest line, and of the longest row.
        is_last: Whether nothing comes behind these bytes.
        until_open_quote: Look no further than to the first quote that was left open.
    """
    if delimiter is None or b'"' not in data:
        return _plain_rows(data, longest, is_last=is_last, with_cr=delimiter is not None)
    if len(data) <= longest and _quotes_are_regular(data, delimiter):
        if not is_last:
            return Rows(_last_even_line_end(data))
        if data.count(b'"') % 2 == 0:
            return Rows(len(data))
    scan = _Scan(data, delimiter, longest, is_last=is_last)
    return scan.rows(until_open_quote=until_open_quote)


def _plain_rows(data: bytes, longest: int, *, is_last: bool, with_cr: bool) -> Rows:
    start, size = 0, len(data)
    last_cr = size if is_last else size - 1  # one at the very end may be half of a CRLF
    while size - start > longest + (not is_last):
        end = _last_line_end(data, start, start + longest + 1, last_cr if with_cr else 0)
        if not end:
            return Rows(start, too_long=start)
        start = end
    if is_last:
        return Rows(size)
    return Rows(_last_line_end(data, start, size, last_cr if with_cr else 0) or start)


def _last_line_end(data: bytes, start: int, end: int, last_cr: int) -> int:
    """Where the last line ends whose end stands in between, LF before CR; 0 if there is none."""
    if found := data.rfind(b"\n", start, end) + 1:
        return found
    found = data.rfind(b"\r", start, min(end, last_cr)) + 1  # files of old Macs
    return found + (data[found - 1 : found + 1] == b"\r\n")


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
    """Where the last line ends that ends outside cells; 0 if none does."""
    end, inside = len(data), data.count(b'"') % 2
    while True:
        quote = data.rfind(b'"', 0, end)
        if not inside and (line_end := data.rfind(b"\n", quote + 1, end) + 1):
            return line_end
        if quote < 0:
            return 0
        end, inside = quote, inside ^ 1


class _Scan:
    """Follows one quote after the other, where quotes stand in odd places or bytes are many."""

    def __init__(self, data: bytes, delimiter: str, longest: int, *, is_last: bool) -> None:
        self._data = data
        self._opening = _opening(delimiter)
        self._edges = b"\r\n" + delimiter.encode()
        self._longest = longest
        self._is_last = is_last
        self._row = 0
        """Where the row begins that is being looked at."""

    def rows(self, *, until_open_quote: bool) -> Rows:
        """The rows, up to the first that may go on or is too long."""
        found: list[OpenQuote] = []
        position = 0
        while opening := self._opening.search(self._data, position):
            quote = opening.start()
            if not self._follow(position, quote):
                return Rows(self._row, tuple(found), self._row)
            closing = _CLOSING.match(self._data, quote + 1)
            end = closing.end() if closing else len(self._data)
            if end - self._row <= self._longest:
                if not self._is_last and end == len(self._data):
                    return Rows(self._row, tuple(found))
                if closing and self._closes(quote, end):
                    position = end
                    continue
            line_end = self._line_end(quote)
            if line_end is None:
                return Rows(self._row, tuple(found), self._line_start(quote))
            found.append(OpenQuote(self._row, quote, line_end))
            position = self._row = line_end
            if until_open_quote:
                return Rows(line_end, tuple(found))
        is_whole = self._follow(position, len(self._data))
        end = len(self._data) if is_whole and self._is_last else self._row
        return Rows(end, tuple(found), None if is_whole else self._row)

    def _follow(self, start: int, end: int) -> bool:
        """Go to the last row that begins in between, outside cells; False if a line is too long."""
        spare = end == len(self._data) and not self._is_last  # a CR may be half of a CRLF
        while end - self._row > self._longest + spare:
            row = self._last_row(max(start, self._row), self._row + self._longest + 1)
            if not row:
                return False
            self._row = row
        self._row = self._last_row(max(start, self._row), end) or self._row
        return True

    def _last_row(self, start: int, end: int) -> int:
        """Where the last row begins whose line end stands in between; 0 if there is none."""
        data = self._data
        last = len(data) if self._is_last else len(data) - 1
        found = max(data.rfind(b"\n", start, end), data.rfind(b"\r", start, min(end, last))) + 1
        return found + (data[found - 1 : found + 1] == b"\r\n")

    def _closes(self, quote: int, end: int) -> bool:
        """Whether a cell may end so: at an edge, or on the line where it began."""
        is_edge = end == len(self._data) or self._data[end] in self._edges
        return is_edge or not _LINE_END.search(self._data, quote, end)

    def _line_end(self, quote: int) -> int | None:
        """Where the line of an open quote ends; None if that is too far away."""
        until = min(self._row + self._longest, len(self._data))
        found = _LINE_END.search(self._data, quote, until)
        if found is None:
            is_end = self._is_last and until == len(self._data)
            return until if is_end else None
        return found.end() + (self._data[found.start() : found.end() + 1] == b"\r\n")

    def _line_start(self, quote: int) -> int:
        starts = (self._data.rfind(end, self._row, quote) + 1 for end in (b"\n", b"\r"))
        return max(self._row, *starts)


@lru_cache
def _opening(delimiter: str) -> re.Pattern[bytes]:
    edges = rb"\r\n" + re.escape(delimiter.encode())
    return re.compile(rb'"(?:(?<=[' + edges + rb']")|(?<=\A"))')
