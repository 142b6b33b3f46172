"""Ways to write a time: formats, time zones, and texts that sort as time.

Texts sort as time that are written from the year down, every part in as many digits.

``14102100``, ``1413849600``, ``2014-10-21`` and ``2014-10-21T05:00:00+02:00`` sort, each among
its like; ``11/07/2017``, ``21 Oct 2014`` and ``2014-10-9`` do not. Texts are compared as texts, so
that a text of another shape, or with another offset from UTC, has to be refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from headrace.runtime.shown import quoted

_FIXED = re.compile(r"([+-])([01][0-9]|2[0-3]):?([0-5][0-9])")
FORMATS = ("iso", "yymmddhh", "epoch_s", "epoch_ms")
"""Formats that have a name; others are written with % as for ``datetime.strptime``."""
_DIGITS = re.compile("[0-9]{1,64}")
_TIME = re.compile(
    r"""
    (?P<year>[0-9]{4}) (?P<dash>[-/.]?) (?P<month>[0-9]{2})
    (?: (?P=dash) (?P<day>[0-9]{2})
      (?: (?P<space>[T ]) (?P<hour>[0-9]{2})
        (?: (?P<colon>:?) (?P<minute>[0-9]{2})
          (?: (?P=colon) (?P<second>[0-9]{2}) (?: (?P<point>[.,]) (?P<fraction>[0-9]{1,64}) )? )? )?
        (?P<offset> Z | [+-] [0-9]{2} (?: :? [0-9]{2} )? )? )? )?
    """,
    re.VERBOSE,
)
# Part → the name of what stands before it, and a pattern of its digits.
_PARTS = {
    "year": ("", "[0-9]{4}"),
    "month": ("dash", "(?:0[1-9]|1[0-2])"),
    "day": ("dash", "(?:0[1-9]|[12][0-9]|3[01])"),
    "hour": ("space", "(?:[01][0-9]|2[0-4])"),
    "minute": ("colon", "[0-5][0-9]"),
    "second": ("colon", "(?:[0-5][0-9]|60)"),
    "fraction": ("point", "[0-9]{%d}"),
}
_OF_DATE = 8
_DATES = tuple(
    year + "".join(_PARTS[part][1] for part in parts)
    for year, parts in (
        ("[0-9]{2}", ("month", "day", "hour")),
        ("(?:19|20|21)[0-9]{2}", ("month", "day")),
    )
)
"""Dates of eight digits: YYMMDDHH and YYYYMMDD."""
PERHAPS_NO_TIME = (
    r"^[0-9]{4}[-/.]?(?:02[-/.]?(?:29|3)|(?:04|06|09|11)[-/.]?31)"
    r"|[T ](?:24|[0-9]{2}:?[0-9]{2}:?60)"
)
"""A day that its month may not have, a time that no clock shows: `sorting_like` sees neither."""
_SEPARATORS = {"space": "[T ]", "colon": ":?", "point": "[.,]"}


def check_format(form: str) -> None:
    """Refuse what is no format.

    Raises:
        ValueError: It is none.
    """
    if form not in FORMATS and "%" not in form:
        names = ", ".join(FORMATS)
        raise ValueError(
            f"format should be {names}, or written with % as '%d/%m/%Y %H:%M' (got {quoted(form)})"
        )
    if "%" in form and not _can_be_read(form):
        raise ValueError(f"format {quoted(form)} is none that datetime.strptime can read")


def _can_be_read(form: str) -> bool:
    """Return whether a time that was written in a format is read in it: ``%Q`` means nothing."""
    try:
        datetime.strptime(datetime(2014, 10, 21, 5, tzinfo=UTC).strftime(form), form)
    except (ValueError, re.error):  # the latter if a part stands twice
        return False
    return True


def zone_of(name: str) -> tzinfo:
    """Return a time zone: ``UTC``, an offset such as ``+02:00``, or a name such as Europe/Paris.

    Raises:
        ValueError: There is no such zone here.
    """
    if name in ("UTC", "Z"):
        return UTC
    if match := _FIXED.fullmatch(name):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if sign == "-" else offset)
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(
            f"time_zone should be UTC, an offset such as +02:00, or a zone that is installed "
            f"here, such as Europe/Paris with the system's tzdata (got {quoted(name)})"
        ) from None


def sorting_like(point: str) -> str | None:
    """Return a pattern, for Python's `re` and Arrow's RE2, of the texts that compare with `point`.

    A longer time, as ``2014-10-21T05`` beside ``2014-10-21``, compares as well, unless `point`
    names an offset from UTC.

    Args:
        point: A point in time.

    Returns:
        None if `point` does not sort as time.
    """
    if len(point) == _OF_DATE and _DIGITS.fullmatch(point):
        everything = point in ("0" * _OF_DATE, "9" * _OF_DATE)  # is after it, or before it
        likes = [each for each in _DATES if everything or re.fullmatch(each, point)]
        return f"^(?:{'|'.join(likes)})$" if likes else None
    if _DIGITS.fullmatch(point):
        return f"^[0-9]{{{len(point)}}}$"
    match = _TIME.fullmatch(point)
    if match is None:
        return None
    there = {part: each for part, each in match.groupdict().items() if each is not None}
    given = [part for part in _PARTS if part in there]
    start = "".join(
        re.escape(there.get(_PARTS[part][0], "")) + _digits(part, there[part]) for part in given
    )
    if not re.fullmatch(start, point[: match.start("offset")] if "offset" in there else point):
        return None  # the thirteenth month, or the day before the month
    end = re.escape(there["offset"]) if "offset" in there else _longer(given, there["dash"])
    return f"^{start}{end}$"


def _digits(part: str, text: str) -> str:
    pattern = _PARTS[part][1]
    return pattern % len(text) if part == "fraction" else pattern


def _longer(given: list[str], dash: str) -> str:
    """Return the pattern of what may follow, each part only behind the one before."""
    end = "Z?" if "hour" in given else ""
    if "fraction" in given:
        return f"[0-9]*{end}"
    pattern = ""
    for part in reversed([part for part in _PARTS if part not in given]):
        before, digits = _PARTS[part]
        separator = _SEPARATORS.get(before, re.escape(dash))
        digits = "[0-9]+" if part == "fraction" else digits
        pattern = f"(?:{separator}{digits}{pattern}{'Z?' if part == 'hour' else ''})?"
    return pattern + end
