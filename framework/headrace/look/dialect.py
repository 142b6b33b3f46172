"""Find the dialect of delimited text: delimiter, quote, escape, comment, blanks, lines before it.

Python's ``csv.Sniffer`` counts characters in the first lines, and is known to find delimiters in
dates and words. Here every dialect that can be is tried on the beginning of the text and scored, as
G. van den Burg et al. do ("Wrangling messy CSV files by detecting row and type patterns", Data
Mining and Knowledge Discovery 33, 2019): the right one gives rows of one length, and cells that are
something (`headrace.look.cells`). The score is the product of both. Rare marks must be better than
usual ones to win, not as good.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product

from headrace.look.cells import is_known, is_number
from headrace.runtime.sources.dialect import without_tabs_before_quotes

QUOTE = '"'
DELIMITERS = {
    ",": 1.0, "\t": 1.0, ";": 0.99, "|": 0.98, "\x01": 1.0, "\x1f": 1.0, "\x02": 0.9, "^": 0.9,
    "~": 0.9, "¦": 0.9, "§": 0.9, ":": 0.7, " ": 0.6,
}  # fmt: skip
"""The characters that may stand between cells, and how likely each is."""
_COMMENTS = ("#", "//", "%", "--")
_JUDGED_ROWS = 300
_JUDGED_CHARACTERS = 1 << 17
_LONGEST = 200
"""Characters of a cell that are judged."""
_PREAMBLE = 30
"""Rows of another length that may come before the table."""
_WORST = 0.15
"""Score below which there is no table, but one column."""
_HINT = re.compile(r'"?sep=(.)"?\r?\n')
_EVERY_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")


@dataclass(frozen=True)
class Dialect:
    """The marks between rows and cells; the defaults are those of the configuration.

    Attributes:
        delimiter: Between two cells.
        quote: Around a cell; None where quotes mean nothing.
        escape: Takes its meaning from the next character.
        comment: How a line begins that is no row.
        trim: Whether blanks around cells do not count.
    """

    delimiter: str = ","
    quote: str | None = QUOTE
    escape: str | None = None
    comment: str | None = None
    trim: bool = False


@dataclass(frozen=True)
class Row:
    """One row: its cells, the number of its first line, from 0, and of the line behind it."""

    cells: list[str]
    line: int
    end: int


@dataclass(frozen=True)
class Layout:
    """A dialect, and what it makes of a text.

    Attributes:
        dialect: The dialect.
        rows: Rows from the first one that has as many cells as most have.
        width: Cells of most rows.
        before: Rows that come before the table.
        comments: Lines that are comments, each with its number.
    """

    dialect: Dialect
    rows: list[Row]
    width: int
    before: list[Row]
    comments: list[tuple[int, str]]


def layout_of(text: str, given: Dialect | None = None, keys: Sequence[str] = ()) -> Layout:
    """Return the layout that suits a text best.

    Args:
        text: The beginning of a file, of whole lines.
        given: What is known already.
        keys: Which attributes of `given` are known.
    """
    csv.field_size_limit(sys.maxsize)
    if hint := _HINT.match(text):  # which a spreadsheet leaves out
        marked = layout_of(text[hint.end() :], Dialect(hint[1]), ["delimiter"])
        return _behind(marked, Row([hint[0].strip()], 0, 1))
    start = _beginning(text)
    known = {key: getattr(given, key) for key in keys}
    tried = dict.fromkeys(replace(each, **known) for each in _candidates(start))
    best = max(tried, key=lambda each: _score(start, each))
    if _score(start, best) < _WORST and "delimiter" not in known:
        best = replace(Dialect(), **known)
    if "quote" not in known and _wraps_cells(text, replace(best, quote="'")):
        best = replace(best, quote="'")
    if "trim" not in known:
        best = replace(best, trim=best.trim or _is_padded(text, best))
    return _without_marked_header(_laid_out(text, best), keys)


def _behind(layout: Layout, row: Row) -> Layout:
    """Return the layout of a text that has one more row, of one line, before it."""
    moved = [
        [Row(each.cells, each.line + 1, each.end + 1) for each in rows]
        for rows in (layout.rows, layout.before)
    ]
    comments = [(number + 1, line) for number, line in layout.comments]
    return Layout(layout.dialect, moved[0], layout.width, [row, *moved[1]], comments)


def rows_of(text: str, dialect: Dialect, most: int | None = None) -> Iterator[Row]:
    """Yield the rows of a text, as Python's csv module reads them; blank lines are none.

    Args:
        text: Whole lines.
        dialect: How to read them.
        most: Rows after which to stop.
    """
    numbers: list[int] = []
    if dialect.trim:
        marks = (dialect.delimiter, dialect.quote, dialect.escape)
        text = without_tabs_before_quotes(text, *marks)

    def lines() -> Iterator[str]:
        for number, line in enumerate(_lines(text)):
            if dialect.comment is None or not line.startswith(dialect.comment):
                numbers.append(number)
                yield line

    reader = csv.reader(
        lines(),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or QUOTE,
        quoting=csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL,
        escapechar=dialect.escape,
        skipinitialspace=dialect.trim,
    )
    yield from islice(_numbered(reader, numbers, trim=dialect.trim), most)


def _numbered(reader: Iterator[list[str]], numbers: list[int], *, trim: bool) -> Iterator[Row]:
    done = 0
    for cells in reader:
        if trim:
            cells = [cell.strip(" \t") for cell in cells]
        if any(cells) or len(cells) > 1:
            yield Row(cells, numbers[done], numbers[-1] + 1)
        done = len(numbers)


def _lines(text: str) -> Iterator[str]:
    """Yield lines with their ends; U+2028 and its like end none."""
    return (found[0] for found in _EVERY_LINE.finditer(text))


def _beginning(text: str) -> str:
    """Return the first lines of a text, enough to judge it by."""
    lines = list(islice(_lines(text), _JUDGED_ROWS))
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line)
        if kept and size > _JUDGED_CHARACTERS:
            break
        kept.append(line)
    return "".join(kept)


def _candidates(text: str) -> Iterator[Dialect]:
    """Yield the dialects that a text may have, the usual ones first."""
    delimiters = [each for each in DELIMITERS if each in text] or [","]
    quotes = [QUOTE, *([None] if QUOTE in text else []), *(["'"] if "'" in text else [])]
    escapes = [None, *(["\\"] if "\\" in text else [])]
    lines = list(_lines(text))
    marked = (mark for mark in _COMMENTS if _is_comment(mark, lines))
    comments = [None, *marked]
    for delimiter, quote, escape, comment in product(delimiters, quotes, escapes, comments):
        plain = Dialect(delimiter, quote, escape, comment)
        yield plain
        if delimiter != " " and quote and re.search(f"{re.escape(delimiter)}[ \t]+{quote}", text):
            yield replace(plain, trim=True)


def _is_comment(mark: str, lines: Sequence[str]) -> bool:
    """Return whether a mark may begin comments: some lines begin with it, and most do not."""
    count = sum(line.startswith(mark) for line in lines)
    return 0 < count < sum(bool(line.strip()) for line in lines)


def _score(text: str, dialect: Dialect) -> float:
    """Return how well a dialect suits a text, from 0 to 1."""
    try:
        rows = [row.cells for row in rows_of(text, dialect)]
    except csv.Error:
        return 0.0
    width = _usual_width(rows)
    if width < 2:
        return 0.0
    first = _first_of_width(rows, width)
    table = rows[first:]
    share = sum(len(cells) == width for cells in table) / len(table)
    cells = [cell[:_LONGEST] for row in table[:100] for cell in row]
    known = sum(map(is_known, cells)) / len(cells)
    if dialect.delimiter in " :" and (first or share < 1 or not _is_wide(table, width)):
        return 0.0
    odd = (dialect.quote != QUOTE) + (dialect.escape is not None) + dialect.trim
    rarity = DELIMITERS.get(dialect.delimiter, 0.8) * 0.99**odd * 0.998**first
    if dialect.escape and _escapes_quotes(text, dialect):
        rarity *= 1.02
    if dialect.quote and dialect.quote in text:
        rarity *= 1 - 0.5 * _odd_quotes(text, dialect)
    if dialect.comment and not first:
        rarity *= 0.999
    return float(share**2 * known * rarity * (1 - 0.3 / width))


def _is_wide(table: Sequence[Sequence[str]], width: int) -> bool:
    """Return whether rows are no sentences: they have several cells, or numbers."""
    cells = [cell for row in table for cell in row]
    return width >= 5 or sum(map(is_number, cells)) >= 0.4 * len(cells)


def _usual_width(rows: Sequence[Sequence[str]]) -> int:
    """Return the number of cells that most rows have; of two as frequent, the larger one."""
    counts = Counter(map(len, rows))
    return max(counts, key=lambda width: (counts[width], width), default=0)


def _first_of_width(rows: Sequence[Sequence[str]], width: int) -> int:
    """Return where the table begins: the first row as wide as most, unless that is far away."""
    found = next(index for index, cells in enumerate(rows) if len(cells) == width)
    return found if found <= _PREAMBLE else 0


def _escapes_quotes(text: str, dialect: Dialect) -> bool:
    """Return whether escaped quotes stand where no cell can begin or end."""
    if dialect.quote is None:
        return False
    mark, quote = re.escape(dialect.escape or ""), re.escape(dialect.quote)
    edge = rf"[{re.escape(dialect.delimiter)}\r\n]"
    return re.search(rf"(?<!{edge}){mark}{quote}(?!{edge}|$)", text) is not None


def _odd_quotes(text: str, dialect: Dialect) -> float:
    """Return how many of the cells that begin with a quote go on behind the closing one."""
    quote, delimiter = re.escape(dialect.quote or ""), re.escape(dialect.delimiter)
    inside = rf"[^{quote}]|{quote}{quote}"
    if dialect.escape:
        escape = re.escape(dialect.escape)
        inside = rf"[^{quote}{escape}]|{escape}.|{quote}{quote}"
    begin = rf"(?:^|(?<={delimiter}))[ ]*{quote}(?:{inside})*+{quote}"
    is_end = re.compile(rf"[ \t]*(?:{delimiter}|\r?\n|\r|\Z)")
    whole = list(re.finditer(begin, text, re.MULTILINE))
    odd = sum(is_end.match(text, found.end()) is None for found in whole)
    return odd / len(whole) if whole else 0.0


def _wraps_cells(text: str, dialect: Dialect) -> bool:
    """Return whether a quote stands around whole cells, and at the edge of no other."""
    quote, delimiter = re.escape(dialect.quote or ""), re.escape(dialect.delimiter)
    opening = re.findall(rf"(?:^|{delimiter})[ ]*{quote}", text, re.MULTILINE)
    inside, end = rf"(?:[^{quote}\r\n]|{quote}{quote})*", rf"[ ]*(?={delimiter}|\r?$)"
    whole = rf"(?:^|{delimiter})[ ]*{quote}{inside}{quote}{end}"
    wrapped = re.findall(whole, text, re.MULTILINE)
    return len(wrapped) > 1 and len(wrapped) >= 0.95 * len(opening)


def _is_padded(text: str, dialect: Dialect) -> bool:
    """Return whether blanks stand around cells that cannot be meant, as behind every comma."""
    if dialect.delimiter == " ":
        return False
    rows = [row.cells for row in rows_of(text, dialect, _JUDGED_ROWS)]
    width = _usual_width(rows)
    rows = [cells for cells in rows if len(cells) == width]
    if not rows:
        return False
    header, *others = rows
    if any(cell != cell.strip(" \t") for cell in header if cell.strip()):
        return True
    columns = zip(*others, strict=True)
    return any(_is_mostly_padded(column) for column in columns)


def _is_mostly_padded(cells: Sequence[str]) -> bool:
    padded = sum(cell != cell.strip(" \t") for cell in cells if cell.strip())
    return padded > 0.5 * sum(bool(cell.strip()) for cell in cells)


def _laid_out(text: str, dialect: Dialect) -> Layout:
    rows = list(rows_of(text, dialect))
    cells = [row.cells for row in rows]
    width = _usual_width(cells[: _JUDGED_ROWS * 10])
    first = _first_of_width(cells, width) if rows else 0
    mark = dialect.comment
    comments = [
        (number, line.strip())
        for number, line in enumerate(_lines(text))
        if mark and line.startswith(mark)
    ]
    return Layout(dialect, rows[first:], width, rows[:first], comments)


def _without_marked_header(layout: Layout, keys: Sequence[str]) -> Layout:
    """Leave a comment above the header out that happens to have as many cells as the header."""
    rows, known = layout.rows, "comment" in keys
    if known or layout.dialect.comment or len(rows) < 3 or layout.before:
        return layout
    first = rows[0].cells[0]
    mark = next((mark for mark in _COMMENTS if first.startswith(f"{mark} ")), None)
    if mark is None or any(row.cells[0].startswith(mark) for row in rows[1:]):
        return layout
    from headrace.look.header import looks_like_header

    if not looks_like_header(rows[1].cells, [row.cells for row in rows[2:]]):
        return layout
    dialect = replace(layout.dialect, comment=mark)
    comment = (rows[0].line, layout.dialect.delimiter.join(rows[0].cells))
    return Layout(dialect, rows[1:], layout.width, [], [comment])
