"""The dialects of delimited text: delimiter, quotes, escapes, comments, blanks."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace.runtime.spec import DatasetSpec

QUOTE = '"'
_BLANKS = " \t\r\n"
_LINE = re.compile(rb"[^\r\n]*+(?:\r\n|\n|\r|\Z)")


@dataclass(frozen=True)
class Dialect:
    """The marks of one kind of delimited text.

    Attributes:
        delimiter: The character between two cells.
        quote: The character around a cell; None where quotes mean nothing.
        escape: The character that takes its meaning from the next one.
        comment: How a line begins that is no row.
        trim: Whether blanks around a cell do not count. A quote may then stand behind blanks.
    """

    delimiter: str
    quote: str | None = QUOTE
    escape: str | None = None
    comment: str | None = None
    trim: bool = False

    @classmethod
    def of(cls, delimiter: str, dataset: DatasetSpec) -> Dialect:
        """Return the dialect of a format with that delimiter, as a dataset changes it."""
        # A quote that is "escaped" by a quote is a doubled one.
        escape = dataset.escape if dataset.escape != dataset.quote else None
        used = dataset.delimiter or delimiter
        return cls(used, dataset.quote, escape, dataset.comment, dataset.trim)

    @cached_property
    def quote_bytes(self) -> bytes | None:
        """Return the quote in UTF-8."""
        return None if self.quote is None else self.quote.encode()

    @cached_property
    def is_single_bytes(self) -> bool:
        """Return whether delimiter and quote are one byte each."""
        return f"{self.delimiter}{self.quote or ''}".isascii()

    @property
    def is_cut_anywhere(self) -> bool:
        """Return whether line ends and quotes alone tell where a row begins, wherever one looks."""
        return self.escape is None and self.comment is None and self.is_single_bytes

    @property
    def is_known_to_arrow(self) -> bool:
        """Return whether Arrow can parse text without comments and blanks before quotes."""
        marks = (self.delimiter, self.quote or QUOTE, self.escape or "\\")
        return all("\0" < mark < "\x7f" for mark in marks)

    def needs_care(self, data: bytes) -> bool:
        """Return whether there is an escape or a comment in some bytes, or a mark of many bytes."""
        if any(mark is not None and mark.encode() in data for mark in (self.escape, self.comment)):
            return True
        return not self.is_single_bytes and self.has_quotes(data)

    def has_quotes(self, data: bytes) -> bool:
        """Return whether there is a quote in some bytes."""
        return self.quote_bytes is not None and self.quote_bytes in data

    def rows(self, data: bytes) -> Iterator[tuple[int, int, list[str]]]:
        """Read rows as Python's csv module does; blank lines are none.

        Args:
            data: Whole rows, without comments. A byte that is not UTF-8 becomes a lone surrogate.

        Yields:
            The first line of a row, from 0, the one behind it, and the cells.
        """
        csv.field_size_limit(sys.maxsize)
        text = data.decode("utf-8", "surrogateescape")
        if self.trim:
            text = without_tabs_before_quotes(text, self.delimiter, self.quote, self.escape)
        lines = _text_lines(text)
        last = [""]
        reader = csv.reader(
            _noted(lines, last) if self.trim else lines,
            delimiter=self.delimiter,
            quotechar=self.quote or QUOTE,
            quoting=csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL,
            escapechar=self.escape,
            skipinitialspace=self.trim,
        )
        line = 0
        for cells in reader:
            # To the csv module, a line of blanks is a cell; a quoted one is what it says, and so is
            # one that began on a line before.
            is_blank = self.trim and reader.line_num - line == 1 and not last[0].strip(_BLANKS)
            if cells and not (is_blank and len(cells) == 1):
                yield line, reader.line_num, cells
            line = reader.line_num


def without_tabs_before_quotes(
    text: str, delimiter: str, quote: str | None, escape: str | None
) -> str:
    """Return a text without the blanks before a quote that opens a cell, where one is a tab.

    Python's csv module, told to skip blanks at the beginning of a cell, skips spaces only.

    Args:
        text: Begins with a row.
        delimiter: The character between two cells.
        quote: The character around a cell; None where quotes mean nothing.
        escape: The character that takes its meaning from the next one.
    """
    if quote is None or delimiter == "\t" or "\t" not in text:
        return text
    return _quoted_cells(delimiter, quote, escape or "").sub(r"\1\2\3", text)


@lru_cache
def _quoted_cells(delimiter: str, quote: str, escape: str) -> re.Pattern[str]:
    """Return a pattern of escaped characters, and of quoted cells behind a delimiter or a line."""
    mark, sign = re.escape(quote), re.escape(escape)
    escaped = f"{sign}." if escape else "(?!)"
    content = f"(?:[^{mark}{sign}]|{mark}{mark}|{escaped})*+"
    start = f"\\A|[{re.escape(delimiter)}\r\n]"
    return re.compile(f"({escaped})|({start})[ \t]*+({mark}{content}{mark}?)", re.DOTALL)


def end_of_lines(data: bytes, count: int, start: int = 0) -> int | None:
    """Return where the line behind `count` lines begins; None if there are not as many line ends.

    Args:
        data: Text in which a line ends with LF, CR or both.
        count: Number of lines.
        start: Where the first of them begins.
    """
    for _ in range(count):
        found = _LINE.match(data, start)
        if found is None or not found[0].endswith((b"\n", b"\r")):
            return None
        start = found.end()
    return start


def _noted(lines: Iterable[str], last: list[str]) -> Iterator[str]:
    """Yield lines, the last one of which can be looked at."""
    for line in lines:
        last[0] = line
        yield line


_TEXT_LINE = re.compile(r"[^\r\n]*+(?:\r\n|\n|\r)|[^\r\n]++")


def _text_lines(text: str) -> Iterator[str]:
    """Return the lines of a text, with their ends; U+2028 and its like end none."""
    return (found[0] for found in _TEXT_LINE.finditer(text))
