"""Points in time for people: their dates, and which of them an axis names.

A log writes them as it likes. What all of a column's texts can be read as is shown as date and
hour; other texts are shown as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from headrace.results.pages.figures import visible

MOST_BARS = 240
"""More points than that are taken together, so that every bar is wide enough to be seen."""
_FORMATS = (("%Y%m%d", 8), ("%y%m%d%H", 8), ("%Y%m%d%H", 10), ("%Y%m%d%H%M", 12))
_YEARS = range(1990, 2100)
_SEVERAL = {"hour": "hours", "day": "days", "point in time": "points in time"}
_MARKS = 10
_LONGEST = 16


@dataclass(frozen=True)
class Moments:
    """The points in time of a column, in order, some neighbours taken together.

    Attributes:
        names: Of each group; of several points, those of the first and the last.
        marks: Places among the groups that an axis names, and how.
        size: Points in each group but the last.
        unit: What one point is: ``hour``, ``day`` or ``point in time``.
    """

    names: tuple[str, ...]
    marks: tuple[tuple[float, str], ...]
    size: int
    unit: str

    @classmethod
    def of(cls, points: Sequence[str]) -> Moments:
        """Read at least one point."""
        size = math.ceil(len(points) / MOST_BARS)
        moments = _read(points)
        if moments is None:
            names = [visible(point, _LONGEST) for point in points]
            groups = _grouped(names, size)
            every = math.ceil(len(groups) / (_MARKS // 2))
            marks = [(place, names[place * size]) for place in range(0, len(groups), every)]
            return cls(tuple(groups), tuple(marks), size, "point in time")
        groups = _grouped([_name(moment) for moment in moments], size)
        return cls(tuple(groups), tuple(_marks(moments[::size])), size, _unit(moments))

    @property
    def step(self) -> str:
        """Return the length of each group: ``hour``, ``3 hours``."""
        return self.unit if self.size == 1 else f"{self.size} {_SEVERAL[self.unit]}"

    def sums(self, numbers: Sequence[float]) -> list[float]:
        """Return the sum of the points' numbers in each group."""
        starts = range(0, len(numbers), self.size)
        return [sum(numbers[start : start + self.size]) for start in starts]


def _grouped(names: Sequence[str], size: int) -> list[str]:
    groups = [names[start : start + size] for start in range(0, len(names), size)]
    return [group[0] if size == 1 else f"{group[0]} to {group[-1]}" for group in groups]


def _read(points: Sequence[str]) -> list[datetime] | None:
    for form, length in _FORMATS:
        if all(len(point) == length and point.isascii() and point.isdigit() for point in points):
            moments = _parsed(points, form)
            if moments is not None and all(moment.year in _YEARS for moment in moments):
                return moments
    if not all(point[4:5] == "-" for point in points):
        return None
    try:
        return [datetime.fromisoformat(point).replace(tzinfo=UTC) for point in points]
    except ValueError:
        return None


def _parsed(points: Sequence[str], form: str) -> list[datetime] | None:
    try:
        return [datetime.strptime(point, form).replace(tzinfo=UTC) for point in points]
    except ValueError:
        return None


def _unit(moments: Sequence[datetime]) -> str:
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    known = {timedelta(hours=1): "hour", timedelta(days=1): "day"}
    return known.get(min(gaps, default=timedelta()), "point in time")


def _name(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def _marks(moments: Sequence[datetime]) -> list[tuple[float, str]]:
    """The first point of each day; of few days, points evenly apart."""
    days = [
        place
        for place, moment in enumerate(moments)
        if not place or moment.date() != moments[place - 1].date()
    ]
    if len(days) > 2:
        every = math.ceil(len(days) / _MARKS)
        return [(place, f"{moments[place].day} {moments[place]:%b}") for place in days[::every]]
    every = math.ceil(len(moments) / (_MARKS // 2))
    shown = range(0, len(moments), every)
    return [(place, f"{moments[place].day} {moments[place]:%b %H:%M}") for place in shown]
