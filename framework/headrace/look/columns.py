"""Describe each column of a sample: its kind, values, nulls, and the format of its times."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import product

import pyarrow as pa
import pyarrow.compute as pc

from headrace.look.cells import INTEGER, LIKELY_NULLS, SURE_NULLS, WORDS_OF_TRUTH

EMPTY, CONSTANT, BOOLEAN, INTEGERS, NUMBERS, TIME, TEXT = (
    "empty", "constant", "boolean", "integer", "number", "timestamp", "text",
)  # fmt: skip
ISO = "ISO 8601"
TIME_NAME = re.compile(
    r"(?:^|[_\W])(?:time|date|datetime|timestamp|ts|day|hour|when|epoch|at|on)(?:$|[_\W])|"
    r"(?:time|date|stamp|Time|Date)$|[a-z]At$", re.IGNORECASE,
)  # fmt: skip
_TIMES_TRIED = 300
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S %z")
_DAYS = (
    "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d %b %Y",
    "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%b-%y",
)  # fmt: skip
_FORMATS = (
    *map("".join, product(_DAYS, _CLOCKS)),
    "%d/%b/%Y:%H:%M:%S %z", "[%d/%b/%Y:%H:%M:%S %z]", "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y %H:%M:%S %Z", "%Y-%m-%d-%H",
)  # fmt: skip
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?(?:[T ][0-9]{2}(?::?[0-9]{2}){0,2}.*)?")
_DIGITS = {8: ("%y%m%d%H", "%Y%m%d"), 12: ("%Y%m%d%H%M",), 14: ("%Y%m%d%H%M%S",), 10: ("%Y%m%d%H",)}
_NAMED = {"%y%m%d%H": "YYMMDDHH", "%Y%m%d": "YYYYMMDD", "%Y%m%d%H": "YYYYMMDDHH"}
_EPOCHS = {10: ("seconds since 1970", 1), 13: ("milliseconds since 1970", 1000)}
_SINCE, _UNTIL = 631_152_000, 2_082_758_400
"""1990 and 2036, in seconds since 1970."""
_MOST_YEARS = 12


@dataclass(frozen=True)
class Column:
    """One column of the sample.

    Attributes:
        name: As the header has it, or as it was made.
        cells: Its cells, None for a null.
        kind: One of the kinds above.
        time_format: Of a timestamp.
        is_of_folder: Whether the folders of the files name it: it has one value in each.
    """

    name: str
    cells: Sequence[str | None] = field(repr=False)
    kind: str = TEXT
    time_format: str = ""
    is_of_folder: bool = False

    @classmethod
    def of(cls, name: str, cells: Sequence[str | None], *, is_of_folder: bool = False) -> Column:
        """Return a column, whose kind is found."""
        values = Counter(cell for cell in cells if cell is not None)
        kind, time_format = _kind(name, values, len(cells))
        if is_of_folder and kind == CONSTANT:
            kind = TEXT
        return cls(name, cells, kind, time_format, is_of_folder)

    @cached_property
    def values(self) -> Counter[str]:
        """Return how often each value stands there."""
        return Counter(cell for cell in self.cells if cell is not None)

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return len(self.cells)

    @property
    def nulls(self) -> int:
        """Return the number of rows without a value."""
        return self.rows - self.values.total()

    @property
    def is_unique(self) -> bool:
        """Return whether every row has a value of its own."""
        return self.rows > 1 and len(self.values) == self.rows

    @property
    def is_numeric(self) -> bool:
        """Return whether the reader can take every value for a number."""
        return are_numbers(list(self.values)) and self.kind != EMPTY

    @cached_property
    def is_sequence(self) -> bool:
        """Return whether the values count the rows, one after the other."""
        first = self.cells[0] if self.cells else None
        if self.rows < 3 or first is None or not re.fullmatch("[0-9]{1,15}", first):
            return False
        numbers = range(int(first), int(first) + self.rows)
        return all(cell == str(each) for each, cell in zip(numbers, self.cells, strict=True))

    @property
    def described_kind(self) -> str:
        """Return the kind, with the format of a timestamp."""
        return f"{self.kind} {self.time_format}" if self.time_format else self.kind

    def examples(self, most: int = 3) -> list[str]:
        """Return some values, the frequent ones first."""
        return [value for value, _ in self.values.most_common(most)]


def nulls_in(columns: Sequence[Sequence[str]]) -> list[str]:
    """Return the texts that stand for a missing value, beside the empty cell.

    Such a text stands among numbers; or it means nothing else, as ``NULL``.

    Args:
        columns: The cells of each column.
    """
    found: dict[str, None] = {}
    for cells in columns:
        values = {cell for cell in cells if cell}
        marks = values.intersection(LIKELY_NULLS)
        others = [value for value in values if value not in marks]
        if not marks or not others:
            continue
        are_numeric = are_numbers(others)
        sure = [mark for mark in marks if mark in SURE_NULLS and not _is_code(mark, others)]
        lone = [mark for mark in marks if mark == "-" and not _have_marks(others)]
        found |= dict.fromkeys(sorted(marks if are_numeric else {*sure, *lone}))
    return list(found)


def _is_code(mark: str, others: Sequence[str]) -> bool:
    """Return whether a null may be one of several codes, as NA for Namibia."""
    if mark != "NA":
        return False
    return all(len(each) == 2 and each.isalpha() and each.isupper() for each in others)


def _have_marks(values: Sequence[str]) -> bool:
    return any(len(value) == 1 and not value.isalnum() for value in values)


def are_numbers(values: Sequence[str]) -> bool:
    """Return whether the reader takes all of these for numbers."""
    try:
        numbers = pc.cast(pa.array(values, pa.string()), pa.float64())
    except (pa.ArrowInvalid, UnicodeEncodeError):
        return False
    return bool(values) and bool(pc.all(pc.is_finite(numbers)).as_py())


def _kind(name: str, values: Counter[str], rows: int) -> tuple[str, str]:
    if not values:
        return EMPTY, ""
    texts = list(values)
    if time_format := _time_format(name, texts):
        return TIME, time_format
    if len(texts) == 1 and values.total() == rows and rows > 1:
        return CONSTANT, ""
    if len(texts) <= 2 and all(text.lower() in WORDS_OF_TRUTH for text in texts):
        return BOOLEAN, ""
    if all(map(INTEGER.fullmatch, texts)):
        return INTEGERS, ""
    return (NUMBERS if are_numbers(texts) else TEXT), ""


def _time_format(name: str, values: Sequence[str]) -> str:
    """Return the format in which all values are times; empty if there is none."""
    tried = values[:_TIMES_TRIED]
    if all(value.isdigit() for value in tried):
        return _format_of_digits(name, tried)
    if all(map(_ISO.fullmatch, tried)) and all(map(_is_iso, tried)):
        return ISO
    fitting = [each for each in _FORMATS if _fits(tried[0], each)]
    fitting = [each for each in fitting if all(_fits(value, each) for value in tried)]
    return " or ".join(fitting[:2])


def _format_of_digits(name: str, values: Sequence[str]) -> str:
    lengths = set(map(len, values))
    if len(lengths) != 1:
        return ""
    (length,) = lengths
    is_named = bool(TIME_NAME.search(name))
    if length in _EPOCHS:
        unit, scale = _EPOCHS[length]
        seconds = [int(value) / scale for value in values]
        if all(_SINCE <= each < _UNTIL for each in seconds):
            years = (max(seconds) - min(seconds)) / 31_557_600
            if is_named or (len(values) > 2 and years < _MOST_YEARS):
                return unit
    for each in _DIGITS.get(length, ()):
        times = [_parsed(value, each) for value in values]
        if all(time and 1990 <= time.year < 2036 for time in times):
            years = len({time.year for time in times if time})
            if is_named or (len(values) > 2 and years <= 3):
                return _NAMED.get(each, each)
    return ""


def _is_iso(value: str) -> bool:
    try:
        datetime.fromisoformat(value if len(value) > 7 else f"{value}-01")
    except ValueError:
        return False
    return True


def _fits(value: str, time_format: str) -> bool:
    return _parsed(value, time_format) is not None


def _parsed(value: str, time_format: str) -> datetime | None:
    try:
        return datetime.strptime(value, time_format)
    except ValueError:
        return None
