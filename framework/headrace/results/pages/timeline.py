"""Charts of rows and click rate by point in time, from the counts in ``metrics.json``.

A log writes points in time as it likes. If all texts of a column can be read as times, they are
shown as date and hour; other texts are shown as they are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any

from headrace.results.pages.charts import Axes, Chart, Series, lines, stacked_bars
from headrace.results.pages.figures import count, share, visible

MOST_BARS = 240
"""More points than that are taken together, so that every bar is wide enough to be seen."""

_FEWEST_ROWS = 30
"""The rate of fewer rows says nothing."""
_FORMATS = (("%Y%m%d", 8), ("%y%m%d%H", 8), ("%Y%m%d%H", 10), ("%Y%m%d%H%M", 12))
_YEARS = range(1990, 2100)
_SEVERAL = {"hour": "hours", "day": "days", "point in time": "points in time"}
_MARKS = 10
_LONGEST = 16


@dataclass(frozen=True)
class Timeline:
    """The charts by time.

    Attributes:
        column: Name of the column of times.
        unit: Unit of one point: ``hour``, ``day`` or ``point in time``.
        step: Length of the group of points that a bar shows, such as ``3 hours``.
        rows: Rows of each channel.
        rates: Click rate of each channel; None if labels are no clicks.
        has_gaps: Whether a channel has too few rows for a click rate somewhere.
        undated: Rows without a time.
    """

    column: str
    unit: str
    step: str
    rows: Chart
    rates: Chart | None
    has_gaps: bool
    undated: int


def timeline_of(time: dict[str, Any] | None, *, has_rates: bool) -> Timeline | None:
    """Draw the charts, if there is more than one point in time.

    Args:
        time: The value of ``time`` in ``metrics.json``.
        has_rates: Whether the labels' means are rates.
    """
    return None if time is None else _drawn(json.dumps(time), has_rates)


@dataclass(frozen=True)
class Moments:
    """The points in time of a column, in order, some neighbours taken together.

    Attributes:
        names: Of each group; of several points, those of the first and the last.
        marks: Indices of the groups that an axis names, and their names.
        size: Points in each group but the last.
        unit: Unit of one point: ``hour``, ``day`` or ``point in time``.
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
            marks = [(index, names[index * size]) for index in range(0, len(groups), every)]
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


@lru_cache(maxsize=1)
def _drawn(described: str, has_rates: bool) -> Timeline | None:
    """Draw the charts. Runs that differ only in ``n_features`` share them, so they are cached."""
    time = json.loads(described)
    points = [point for point in time.get("points", ()) if point is not None]
    if len(points) < 2:
        return None
    moments = Moments.of(points)
    rows = {name: channel["rows"] for name, channel in time["channels"].items()}
    undated = sum(sum(counts[len(points) :]) for counts in rows.values())
    grouped = {name: moments.sums(counts[: len(points)]) for name, counts in rows.items()}
    rates = None
    if has_rates:
        clicks = {
            name: moments.sums(channel["label_sums"][: len(points)])
            for name, channel in time["channels"].items()
        }
        rates = _rates(moments, grouped, clicks)
    gaps = any(number < _FEWEST_ROWS for numbers in grouped.values() for number in numbers)
    drawn = _rows(moments, grouped)
    return Timeline(time["column"], moments.unit, moments.step, drawn, rates, gaps, undated)


def _rows(moments: Moments, rows: dict[str, list[float]]) -> Chart:
    series = [
        Series(
            name,
            list(enumerate(numbers)),
            [
                f"{when}, {name}: {count(number)} rows"
                for when, number in zip(moments.names, numbers, strict=True)
            ],
        )
        for name, numbers in rows.items()
    ]
    title = f"Rows by channel and {moments.unit}"
    return stacked_bars(
        Axes(title, _x_title(moments), f"rows per {moments.step}", moments.marks), series
    )


def _rates(
    moments: Moments, rows: dict[str, list[float]], clicks: dict[str, list[float]]
) -> Chart | None:
    series = []
    for name, numbers in rows.items():
        rates = [
            clicked / number if number >= _FEWEST_ROWS else None
            for clicked, number in zip(clicks[name], numbers, strict=True)
        ]
        titles = [
            f"{when}, {name}: {share(rate)} of {count(number)} rows"
            for when, rate, number in zip(moments.names, rates, numbers, strict=True)
        ]
        if any(rate is not None for rate in rates):
            series.append(Series(name, list(enumerate(rates)), titles))
    if not series:
        return None
    axes = Axes(
        f"Click rate by channel and {moments.unit}",
        _x_title(moments),
        "click rate, %",
        moments.marks,
        y_scale=100,
        from_zero=True,
        x_range=(-0.5, len(moments.names) - 0.5),  # as wide as the bars
    )
    return lines(axes, series)


def _x_title(moments: Moments) -> str:
    return moments.unit if moments.unit == "point in time" else f"time, by {moments.unit}"


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
    """Return marks at the first point of each day; of few days, marks evenly apart."""
    days = [
        index
        for index, moment in enumerate(moments)
        if not index or moment.date() != moments[index - 1].date()
    ]
    if len(days) > 2:
        every = math.ceil(len(days) / _MARKS)
        return [(index, f"{moments[index].day} {moments[index]:%b}") for index in days[::every]]
    every = math.ceil(len(moments) / (_MARKS // 2))
    shown = range(0, len(moments), every)
    return [(index, f"{moments[index].day} {moments[index]:%b %H:%M}") for index in shown]
