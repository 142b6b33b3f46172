"""Find where rows of a file of lines end, as quoted cells may hold line ends.

The rule (RFC 4180, and Python's csv module where a file does not keep to it): a quote opens a cell
if it is the cell's first character; the next quote that is not doubled closes it. An escape takes
its meaning from the byte behind it, and a line that begins like a comment is no row. Behind the
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
import numpy.typing as npt

from headrace.runtime.sources.dialect import Dialect

MOST_OPEN = 20_000
"""Open quotes, and comments, of one block: each is an object, and its row a message."""
_LINE_END = re.compile(rb"[\r\n]")
_WHOLE_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True)
class NoRow:
    """Some bytes between rows that hold none: a comment.

    Attributes:
        start: Where they begin.
        end: Where the next row begins.
    """

    start: int
    end: int


@dataclass(frozen=True)
class OpenQuote(NoRow):
    """A row with a quote that was left open.

    Attributes:
        quote: Where the quote stands.
    """

    quote: int


@dataclass(frozen=True)
class Rows:
    """Whole rows at the beginning of some bytes.

    Attributes:
        end: Where the last of them ends; 0 if none does for sure.
        left_out: Stretches of them that are no rows: comments, and those that are bad since a
            quote was left open.
        too_long: Where the line behind them begins, if it is longer than a line may be.
    """

    end: int
    left_out: tuple[NoRow, ...] = ()
    too_long: int | None = None


def rows_in(
    data: bytes,
    dialect: Dialect | None,
    longest: int,
    *,
    is_last: bool,
    until_open_quote: bool = False,
) -> Rows:
    """Find where the rows at the beginning of some bytes end.

    Args:
        data: Begins with a row.
        dialect: How cells are written; None where quotes and single CRs mean nothing, as in JSON
            lines.
        longest: Bytes of the longest line, and of the longest row.
        is_last: Whether nothing comes behind these bytes.
        until_open_quote: Look no further than to the first quote that was left open.
    """
    if dialect is None or not (dialect.has_quotes(data) or dialect.needs_care(data)):
        return _plain_rows(data, longest, is_last=is_last, with_cr=dialect is not None)
    care = dialect.needs_care(data)
    if not care and len(data) <= longest and _quotes_are_regular(data, dialect):
        if not is_last:
            return Rows(_last_even_line_end(data, _quote_of(dialect)))
        if data.count(_quote_of(dialect)) % 2 == 0:
            return Rows(len(data))
    if care or dialect.trim:
        rows = _CarefulScan(data, dialect, longest, is_last=is_last)
        return rows.rows(until_open_quote=until_open_quote)
    scan = _Scan(data, dialect, longest, is_last=is_last)
    return scan.rows(until_open_quote=until_open_quote)


def _quote_of(dialect: Dialect) -> bytes:
    return dialect.quote_bytes or b""


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
    """Return where the last line ends in between, LF before CR; 0 if there is none."""
    if found := data.rfind(b"\n", start, end) + 1:
        return found
    found = data.rfind(b"\r", start, min(end, last_cr)) + 1  # files of old Macs
    return found + (data[found - 1 : found + 1] == b"\r\n")


def _quotes_are_regular(data: bytes, dialect: Dialect) -> bool:
    """Return whether quotes only stand around a cell, or doubled in it, so every second closes."""
    is_edge = edges_of(dialect)
    text = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(text == ord(dialect.quote or ""))
    before, after = quotes[0::2] - 1, quotes[1::2] + 1
    edges = is_edge[text[before[before >= 0]]], is_edge[text[after[after < len(text)]]]
    return bool(edges[0].all() and edges[1].all())


def edges_of(dialect: Dialect) -> npt.NDArray[np.bool_]:
    """Return which bytes may stand beside a quote that opens or closes a cell."""
    is_edge = np.zeros(256, np.bool_)
    is_edge[list(f"\r\n{dialect.quote or ''}{dialect.delimiter}".encode())] = True
    return is_edge


def _last_even_line_end(data: bytes, mark: bytes) -> int:
    """Return where the last line ends that ends outside cells; 0 if none does."""
    end, inside = len(data), data.count(mark) % 2
    while True:
        quote = data.rfind(mark, 0, end)
        if not inside and (line_end := data.rfind(b"\n", quote + 1, end) + 1):
            return line_end
        if quote < 0:
            return 0
        end, inside = quote, inside ^ 1


class _Scan:
    """Follows one quote after the other, where quotes stand in odd places or bytes are many."""

    def __init__(self, data: bytes, dialect: Dialect, longest: int, *, is_last: bool) -> None:
        self._data = data
        self._opening, self._closing = _marks(dialect.delimiter, dialect.quote or "")
        self._edges = b"\r\n" + dialect.delimiter.encode()
        self._longest = longest
        self._is_last = is_last
        self._row = 0
        """Position at which the row begins that is being looked at."""

    def rows(self, *, until_open_quote: bool) -> Rows:
        """Return the rows, up to the first that may go on or is too long."""
        found: list[NoRow] = []
        position = 0
        while opening := self._opening.search(self._data, position):
            quote = opening.start()
            if not self._follow(position, quote):
                return Rows(self._row, tuple(found), self._row)
            closing = self._closing.match(self._data, quote + 1)
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
            found.append(OpenQuote(self._row, line_end, quote))
            position = self._row = line_end
            if until_open_quote or len(found) >= MOST_OPEN:
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
        """Return where the last row begins whose line end stands in between; 0 if there is none."""
        data = self._data
        last = len(data) if self._is_last else len(data) - 1
        found = max(data.rfind(b"\n", start, end), data.rfind(b"\r", start, min(end, last))) + 1
        return found + (data[found - 1 : found + 1] == b"\r\n")

    def _closes(self, quote: int, end: int) -> bool:
        """Return whether a cell may end so: at an edge, or on the line where it began."""
        is_edge = end == len(self._data) or self._data[end] in self._edges
        return is_edge or not _LINE_END.search(self._data, quote, end)

    def _line_end(self, quote: int) -> int | None:
        """Return where the line of an open quote ends; None if that is too far away."""
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
def _marks(delimiter: str, quote: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Return what a quote that opens a cell looks like, and a cell from behind it to its end."""
    mark = re.escape(quote.encode())
    edges = rb"\r\n" + re.escape(delimiter.encode())
    opening = mark + rb"(?:(?<=[" + edges + rb"]" + mark + rb")|(?<=\A" + mark + rb"))"
    inside = rb"[^" + mark + rb"]*+"
    closing = inside + rb"(?:" + mark * 2 + inside + rb")*+" + mark
    return re.compile(opening), re.compile(closing)


class _CarefulScan:
    """Follows one row after the other, for escapes, comments and blanks before quotes."""

    def __init__(self, data: bytes, dialect: Dialect, longest: int, *, is_last: bool) -> None:
        self._data = data
        self._shapes = _shapes(dialect)
        self._longest = longest
        self._is_last = is_last

    def rows(self, *, until_open_quote: bool) -> Rows:
        """Return the rows, up to the first that may go on or is too long."""
        found: list[NoRow] = []
        row, size = 0, len(self._data)
        while row < size:
            if self._shapes.comment.match(self._data, row):
                end = self._line_end(row)
                if end is None:
                    return self._stopped(row, found)
                found.append(NoRow(row, end))
                row = end
                continue
            whole = self._shapes.row.match(self._data, row)
            if whole and self._is_sure(whole) and whole.end() - row <= self._longest + 2:
                row = whole.end()
                continue
            quote = self._open_quote(row)
            if quote is None or (not self._is_last and size - row <= self._longest):
                return self._stopped(row, found)
            line_end = self._line_end(quote)
            if line_end is None:
                return self._stopped(row, found)
            found.append(OpenQuote(row, line_end, quote))
            row = line_end
            if until_open_quote or len(found) >= MOST_OPEN:
                break
        return Rows(row, tuple(found))

    def _is_sure(self, row: re.Match[bytes]) -> bool:
        """Return whether a row ends there whatever comes behind these bytes."""
        return self._is_last or row.end() < len(self._data) or row[1].endswith(b"\n")

    def _stopped(self, row: int, found: list[NoRow]) -> Rows:
        is_long = len(self._data) - row > self._longest + (not self._is_last)
        return Rows(row, tuple(found), row if is_long else None)

    def _open_quote(self, row: int) -> int | None:
        """Return where the quote stands that keeps a row from being one; None if none does."""
        cells = self._shapes.cells.match(self._data, row)
        start = cells.end() if cells else row
        opening = self._shapes.opening.match(self._data, start)
        return opening.end() - len(self._shapes.quote) if opening and self._shapes.quote else None

    def _line_end(self, start: int) -> int | None:
        """Return where the line ends that a place is in; None if that is not known yet."""
        found = _WHOLE_LINE_END.search(self._data, start)
        if found is None:
            return len(self._data) if self._is_last else None
        is_sure = self._is_last or found.end() < len(self._data) or found[0] != b"\r"
        return found.end() if is_sure else None


@dataclass(frozen=True)
class _Shapes:
    """Patterns of the rows of a dialect.

    Attributes:
        row: A whole row, with its line end.
        cells: As many cells of a row as there are delimiters behind.
        opening: A quote at the beginning of a cell, with blanks before it.
        comment: The beginning of a comment.
        quote: The quote.
    """

    row: re.Pattern[bytes]
    cells: re.Pattern[bytes]
    opening: re.Pattern[bytes]
    comment: re.Pattern[bytes]
    quote: bytes


@lru_cache
def _shapes(dialect: Dialect) -> _Shapes:
    delimiter, quote = re.escape(dialect.delimiter.encode()), _quote_of(dialect)
    escape = re.escape((dialect.escape or "").encode())
    blanks = (rb" *+" if dialect.delimiter == "\t" else rb"[ \t]*+") if dialect.trim else rb""
    pair = rb"|" + escape + rb"(?:.|\Z)" if escape else rb""
    rest = (
        rb"(?:(?!"
        + delimiter
        + (rb"|" + escape if escape else rb"")
        + rb")[^\r\n]"
        + pair
        + rb")*+"
    )
    edge = rb"(?=" + blanks + rb"(?:" + delimiter + rb"|[\r\n]|\Z))"
    cell = rest
    if quote:
        mark = re.escape(quote)
        stop = rb"(?!" + mark + (rb"|" + escape if escape else rb"") + rb")"
        many = mark + rb"(?:" + stop + rb"." + rb"|" + mark * 2 + pair + rb")*+" + mark
        one = mark + rb"(?:" + stop + rb"[^\r\n]" + rb"|" + mark * 2
        one += (rb"|" + escape + rb"[^\r\n]" if escape else rb"") + rb")*+" + mark
        cell = (
            rb"(?:"
            + one
            + rest
            + rb"|"
            + many
            + edge
            + rest
            + rb"|(?!"
            + mark
            + rb")"
            + rest
            + rb")"
        )
    cells = rb"(?:" + blanks + cell + delimiter + rb")*+"
    comment = blanks + re.escape(dialect.comment.encode()) if dialect.comment else rb"(?!)"
    opening = blanks + re.escape(quote)
    row = cells + blanks + cell + rb"(\r\n|\n|\r|\Z)"
    return _Shapes(_compiled(row), _compiled(cells), _compiled(opening), _compiled(comment), quote)


def _compiled(shape: bytes) -> re.Pattern[bytes]:
    return re.compile(shape, re.DOTALL)
