"""Points in time out of texts and numbers, a whole column at once.

A time is a number of microseconds since 1970 in UTC. Each distinct text is read once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.runtime.errors import BadRows
from headrace.runtime.hashing.words import Cells
from headrace.runtime.shown import quoted

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
_QUARTER = 900 * SECOND
"""Offsets from UTC change at whole quarters of an hour."""
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAST, _MOST = (
    round((datetime(*at, tzinfo=UTC) - _EPOCH).total_seconds()) * SECOND
    for at in ((1, 1, 2), (9999, 12, 31))
)
"""A day less than what the standard library's calendar has, so that every time zone fits."""
_ISO_DATE = (
    r"^[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?|/[0-9]{2}/[0-9]{2}|\.[0-9]{2}\.[0-9]{2}|[0-9]{4})?"
    r"(?:$|[T ])"
)
_ISO = (
    r"^(?P<year>[0-9]{4})[-/.]?(?P<month>[0-9]{2})?[-/.]?(?P<day>[0-9]{2})?"
    r"(?:[T ](?P<hour>[0-9]{2})(?::?(?P<minute>[0-9]{2})"
    r"(?::?(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,64}))?)?)?"
    r"(?P<offset>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
_DAYS_HOUR = r"^(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])"
"""The beginning of a date with the hour behind it: as seconds, a time in the thirties."""
_HOURLY = r"^(?P<year>[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})(?P<hour>[0-9]{2})$"
_PIVOT = 69
"""Years of two digits from here on are of the 20th century."""
_WITHOUT = {"year": 0, "month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}
"""The value of a part that a text does not have."""
_NUMBER = r"^(?P<sign>-?)(?P<whole>[0-9]{1,15})(?:\.(?P<fraction>[0-9]{1,64}))?$"


_PATTERNS = {
    name: re.compile(pattern.removeprefix("^").removesuffix("$"))
    for name, pattern in (("iso", _ISO), ("hourly", _HOURLY), ("number", _NUMBER))
} | {"date": re.compile(_ISO_DATE.replace("$", r"\Z"))}
"""The same patterns for Python, whose dollar also stands before a last line end."""


class Times(NamedTuple):
    """Points in time, arrays of one length.

    Attributes:
        micros: Microseconds since 1970; 0 where there is no time.
        is_time: False for a null and for what is no time.
        is_local: True where the text names no offset from UTC; `micros` counts as if it were UTC.
    """

    micros: I64
    is_time: Bools
    is_local: Bools

    def at(self, zone: tzinfo) -> I64:
        """Return what clocks show in a zone, in microseconds; local times are shown already."""
        return self.micros + np.where(self.is_local, 0, _offsets(self.micros, zone))

    def take(self, rows: npt.NDArray[np.int32]) -> Times:
        """Return the times of these rows."""
        return Times(self.micros[rows], self.is_time[rows], self.is_local[rows])


class Time(NamedTuple):
    """A single point in time; see `Times`."""

    micros: int
    is_local: bool

    def at(self, zone: tzinfo) -> int:
        """Return what clocks show in a zone, in microseconds."""
        return self.micros if self.is_local else self.micros + _offset(self.micros, zone)


def time_of(cell: str | float, form: str) -> Time:
    """Return the point in time of a text or a number, as `times_of` does.

    Raises:
        ValueError: It is none.
    """
    if isinstance(cell, float):
        return _of_number_alone(cell, form)
    text = cell
    time = _by_strptime_alone(text, form) if form not in _READERS else _TIME_OF[form](text)
    if time is None or not _LEAST <= time.micros < _MOST:
        raise ValueError(f"{quoted(text)} is no time ({form})")
    return time


def times_of(column: pa.Array, form: str) -> Times:
    """Return the points in time of a column.

    Args:
        column: Text, or float64.
        form: One of `headrace.runtime.chain.times.FORMATS`, or as for ``datetime.strptime``.
    """
    if pa.types.is_floating(column.type):
        return _of_numbers(column, form)
    coded = column.dictionary_encode()
    read = _READERS.get(form)
    texts = coded.dictionary
    times = _by_strptime(texts, form) if read is None else read(texts)
    nowhere = np.append(times.micros, 0), np.append(times.is_time, False)
    times = Times(*nowhere, np.append(times.is_local, False))
    times = times._replace(micros=np.where(times.is_time, times.micros, 0))
    return times.take(coded.indices.fill_null(len(texts)).to_numpy())


def refuse_no_times(
    name: str, cells: pa.DictionaryArray, times: Times, expected: str, way: str = ""
) -> None:
    """Check that each distinct value of a column is a time.

    Args:
        name: Of the column.
        cells: The column.
        times: Of its distinct values.
        expected: What each of them should be.
        way: What to do about it, if a setting could.

    Raises:
        BadRows: Some are not.
    """
    if times.is_time.all():
        return
    bad = np.append(~times.is_time, False)
    codes = cells.indices.fill_null(len(times.is_time)).to_numpy()
    raise BadRows(name, bad.take(codes), expected, way)


def times_of_any(column: pa.Array) -> Times:
    """Return the points in time of a column, however each cell writes it.

    Text is read as ISO 8601, digits as ``YYMMDDHH``, ``YYYYMMDD``, or seconds (9 or 10 digits) or
    milliseconds (12 or 13) since 1970. What can be read in two of these ways is no time.

    Args:
        column: Text, or float64.
    """
    if pa.types.is_floating(column.type):
        return _any_of_numbers(column)
    texts = column.fill_null("")
    lengths = pc.binary_length(texts).to_numpy()
    digits = pc.match_substring_regex(texts, "^[0-9]+$").to_numpy(zero_copy_only=False)
    iso, hourly = times_of(texts, "iso"), times_of(texts, "yymmddhh")
    dated = pc.match_substring_regex(texts, "^(?:19|20|21)").to_numpy(zero_copy_only=False)
    is_date = digits & (lengths == 8) & dated & iso.is_time
    is_hour = digits & (lengths == 8) & hourly.is_time
    days_hour = pc.match_substring_regex(texts, _DAYS_HOUR).to_numpy(zero_copy_only=False)
    times = _chosen(iso, ~digits | (is_date & ~is_hour), hourly, is_hour & ~is_date)
    seconds = digits & ((lengths == 9) | (lengths == 10)) & ~days_hour
    millis = digits & ((lengths == 12) | (lengths == 13)) & ~days_hour
    epochs = times_of(texts, "epoch_s"), seconds, times_of(texts, "epoch_ms"), millis
    return _chosen(times, ~(seconds | millis), _chosen(*epochs), seconds | millis)


def _any_of_numbers(column: pa.DoubleArray) -> Times:
    numbers = column.fill_null(-1.0).to_numpy()
    is_whole = (numbers >= 0) & (numbers < 1e15) & (numbers == np.floor(numbers))
    digits = pa.array(np.where(is_whole, numbers, 0).astype(np.int64)).cast(pa.string())
    whole = times_of_any(pc.utf8_lpad(digits, 8, "0"))
    epochs = (times_of(column, form) for form in ("epoch_s", "epoch_ms"))
    seconds, millis = (numbers >= 1e8) & (numbers < 1e11), (numbers >= 1e11) & (numbers < 1e14)
    rest = _chosen(next(epochs), seconds, next(epochs), millis)
    return _chosen(whole, is_whole, rest, ~is_whole)


def _chosen(one: Times, here: Bools, other: Times, there: Bools) -> Times:
    """Return the times of the one here, of the other there, and none elsewhere."""
    return Times(
        np.where(here, one.micros, other.micros),
        (one.is_time & here) | (other.is_time & there),
        np.where(here, one.is_local, other.is_local),
    )


def _of_numbers(column: pa.DoubleArray, form: str) -> Times:
    missing = column.is_null().to_numpy(zero_copy_only=False)
    numbers = column.fill_null(0.0).to_numpy()
    if form in ("epoch_s", "epoch_ms"):
        size = SECOND if form == "epoch_s" else SECOND // 1000
        fits = ~missing & (np.abs(numbers) < _MOST / size)
        micros = np.rint(np.where(fits, numbers, 0.0) * size).astype(np.int64)
        return Times(micros, fits & _is_known(micros), np.zeros(len(numbers), np.bool_))
    fits = ~missing & (numbers >= 0) & (numbers < 1e15) & (numbers == np.floor(numbers))
    digits = pa.array(np.where(fits, numbers, 0).astype(np.int64), mask=~fits).cast(pa.string())
    if form == "yymmddhh":  # a number has lost the zero that a year may begin with
        digits = pc.utf8_lpad(digits, 8, "0")
    return times_of(digits, form)


def _iso(texts: pa.StringArray) -> Times:
    has_date = pc.match_substring_regex(texts, _ISO_DATE)
    parts = pc.extract_regex(texts, _ISO)
    is_time = pc.and_(has_date, parts.is_valid()).to_numpy(zero_copy_only=False)
    offset = parts.field("offset").fill_null("")
    is_local = pc.equal(offset, "").to_numpy(zero_copy_only=False)
    offset = pc.replace_substring(pc.replace_substring(offset, ":", ""), "Z", "+0000")
    minutes = _number(pc.utf8_slice_codeunits(offset, 1, 3), 0) * 60
    minutes += _number(pc.utf8_slice_codeunits(offset, 3, 5), 0)
    is_time &= minutes < 24 * 60
    is_before = pc.equal(pc.utf8_slice_codeunits(offset, 0, 1), "-").to_numpy(zero_copy_only=False)
    given = {name: _number(parts.field(name), without) for name, without in _WITHOUT.items()}
    given["fraction"] = _number(_padded(parts.field("fraction"), 6), 0)
    micros, is_known = _calendar(given)
    micros -= np.where(is_before, -minutes, minutes) * 60 * SECOND
    return Times(micros, is_time & is_known, is_local)


def _hourly(texts: pa.StringArray) -> Times:
    """Read ``YYMMDDHH``: the years are 1969 to 2068, as POSIX, Python and pandas read ``%y``."""
    if not len(texts):
        return Times(np.empty(0, np.int64), *np.empty((2, 0), np.bool_))
    cells = Cells.of(texts)
    digits = cells.word(0).view(np.uint8).reshape(-1, 8).astype(np.int64) - ord("0")
    is_time = (cells.lengths == 8) & ((digits >= 0) & (digits <= 9)).all(axis=1)
    pairs = np.where(is_time, digits[:, ::2].T * 10 + digits[:, 1::2].T, 0)
    parts = dict(zip(("year", "month", "day", "hour"), pairs, strict=True))
    parts["year"] = parts["year"] + np.where(parts["year"] < _PIVOT, 2000, 1900)
    micros, is_known = _calendar(parts)
    is_time &= is_known
    return Times(micros, is_time, np.ones(len(texts), np.bool_))


def _epoch(size: int) -> Callable[[pa.StringArray], Times]:
    def read(texts: pa.StringArray) -> Times:
        parts = pc.extract_regex(texts, _NUMBER)
        digits = len(str(size)) - 1
        whole = _number(parts.field("whole"), 0)
        is_time = parts.is_valid().to_numpy(zero_copy_only=False) & (whole < _MOST // size)
        fraction = _number(_padded(parts.field("fraction"), digits), 0)
        micros = np.where(is_time, whole, 0) * size + fraction
        is_negative = pc.equal(parts.field("sign"), "-").fill_null(False)
        micros = np.where(is_negative.to_numpy(zero_copy_only=False), -micros, micros)
        return Times(micros, is_time & _is_known(micros), np.zeros(len(texts), np.bool_))

    return read


_READERS: dict[str, Callable[[pa.StringArray], Times]] = {
    "iso": _iso,
    "yymmddhh": _hourly,
    "epoch_s": _epoch(SECOND),
    "epoch_ms": _epoch(SECOND // 1000),
}


def _by_strptime(texts: pa.StringArray, form: str) -> Times:
    micros = np.zeros(len(texts), np.int64)
    is_time, is_local = np.zeros((2, len(texts)), np.bool_)
    for place, text in enumerate(texts.to_pylist()):
        time = _by_strptime_alone(text, form)
        if time is not None:
            micros[place], is_local[place] = time
            is_time[place] = True
    return Times(micros, is_time & _is_known(micros), is_local)


def _by_strptime_alone(text: str, form: str) -> Time | None:
    try:
        moment = datetime.strptime(text, form)
    except ValueError:
        return None
    since = moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH
    return Time(since // _MICROSECOND, moment.tzinfo is None)


def _of_number_alone(number: float, form: str) -> Time:
    if form in ("epoch_s", "epoch_ms"):
        size = SECOND if form == "epoch_s" else SECOND // 1000
        micros = round(number * size) if abs(number) < _MOST / size else _MOST
        if not _LEAST <= micros < _MOST:
            raise ValueError(f"{number} is no time ({form})")
        return Time(micros, is_local=False)
    if not (0 <= number < 1e15 and number == int(number)):
        raise ValueError(f"{number} is no time ({form})")
    return time_of(str(int(number)).rjust(8 if form == "yymmddhh" else 0, "0"), form)


def _iso_alone(text: str) -> Time | None:
    parts = _PATTERNS["iso"].fullmatch(text)
    if parts is None or not _PATTERNS["date"].match(text):
        return None
    offset = (parts["offset"] or "").replace(":", "").replace("Z", "+0000")
    minutes = int(offset[1:3] or 0) * 60 + int(offset[3:5] or 0)
    micros = _calendar_alone(parts)
    if micros is None or minutes >= 24 * 60:
        return None
    minutes = -minutes if offset.startswith("-") else minutes
    return Time(micros - minutes * 60 * SECOND, not offset)


def _hourly_alone(text: str) -> Time | None:
    parts = _PATTERNS["hourly"].fullmatch(text)
    micros = None if parts is None else _calendar_alone(parts, pivot=_PIVOT)
    return None if micros is None else Time(micros, is_local=True)


def _epoch_alone(text: str, size: int) -> Time | None:
    parts = _PATTERNS["number"].fullmatch(text)
    if parts is None or int(parts["whole"]) >= _MOST // size:
        return None
    digits = len(str(size)) - 1
    micros = int(parts["whole"]) * size + int((parts["fraction"] or "")[:digits].ljust(digits, "0"))
    return Time(-micros if parts["sign"] else micros, is_local=False)


def _calendar_alone(parts: re.Match[str], pivot: int | None = None) -> int | None:
    given = {name: int(text) for name, text in parts.groupdict().items() if _is_digits(text)}
    hour, minute, second = (given.get(name, 0) for name in ("hour", "minute", "second"))
    century = 0 if pivot is None else 2000 if given["year"] < pivot else 1900
    try:
        date = datetime(given["year"] + century, given.get("month", 1), given.get("day", 1))
        moment = date.replace(hour=hour, minute=minute, second=second, tzinfo=UTC)
    except ValueError:
        return None
    fraction = (parts.groupdict().get("fraction") or "")[:6].ljust(6, "0")
    micros = (moment - _EPOCH) // _MICROSECOND + int(fraction)
    return micros if _LEAST <= micros < _MOST else None


def _is_digits(text: str | None) -> bool:
    return text is not None and text.isdigit()


_TIME_OF: dict[str, Callable[[str], Time | None]] = {
    "iso": _iso_alone,
    "yymmddhh": _hourly_alone,
    "epoch_s": partial(_epoch_alone, size=SECOND),
    "epoch_ms": partial(_epoch_alone, size=SECOND // 1000),
}


def _calendar(parts: Mapping[str, I64]) -> tuple[I64, Bools]:
    """Return the microseconds since 1970 of years, months and so on, and whether there is such."""
    year, month, day = parts["year"], parts["month"], parts["day"]
    hour, minute, second = parts["hour"], parts.get("minute", 0), parts.get("second", 0)
    is_known = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    is_known &= (hour < 24) & (minute < 60) & (second < 60)
    months = (np.where(is_known, year, 1970) - 1970) * 12 + np.where(is_known, month, 1) - 1
    first, after = (
        m.astype("M8[M]").astype("M8[D]").astype(np.int64) for m in (months, months + 1)
    )
    days = first + day - 1
    is_known &= days < after
    micros = ((days * 24 + hour) * 60 + minute) * 60 + second
    micros = micros * SECOND + parts.get("fraction", 0)
    return micros, is_known & _is_known(micros)


def _number(texts: pa.StringArray, without: int) -> I64:
    """Return the number that each text is; of an empty or null one `without`."""
    given = pc.if_else(pc.equal(texts.fill_null(""), ""), str(without), texts.fill_null(""))
    numbers: I64 = given.cast(pa.int64()).to_numpy()
    return numbers


def _padded(digits: pa.StringArray, count: int) -> pa.StringArray:
    """Return the first digits behind a point, as many as asked for."""
    cut = pc.utf8_slice_codeunits(digits.fill_null(""), 0, count)
    return pc.utf8_rpad(cut, count, "0")


def _is_known(micros: I64) -> Bools:
    known: Bools = (micros >= _LEAST) & (micros < _MOST)
    return known


def _offsets(micros: I64, zone: tzinfo) -> I64:
    """Return what a zone adds to UTC at each time, in microseconds."""
    quarters, places = np.unique(micros // _QUARTER, return_inverse=True)
    found = []
    for quarter in quarters.tolist():
        found.append(_offset(quarter * _QUARTER, zone))
    return np.array(found, np.int64).take(places)


def _offset(micros: int, zone: tzinfo) -> int:
    """Return what a zone adds to UTC in the quarter of an hour of a time, in microseconds."""
    moment = _EPOCH + timedelta(microseconds=micros // _QUARTER * _QUARTER)
    return (moment.astimezone(zone).utcoffset() or timedelta()) // _MICROSECOND
