"""Charts of rows and click rate by point in time, from the counts in ``metrics.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from headrace.results.pages.charts import Axes, Chart, Series, lines, stacked_bars
from headrace.results.pages.figures import count, share
from headrace.results.pages.moments import Moments

_ROUGH = 30
"""The rate of fewer rows says nothing."""


@dataclass(frozen=True)
class Timeline:
    """The charts by time.

    Attributes:
        column: Name of the column that says when.
        unit: What one point in time is.
        step: What each mark stands for.
        rows: Rows of each channel.
        rates: Click rate of each channel; None where labels are no clicks.
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
        time: What ``metrics.json`` says under that name.
        has_rates: Whether the labels' means are rates.
    """
    return None if time is None else _drawn(json.dumps(time), has_rates)


@lru_cache(maxsize=1)
def _drawn(described: str, has_rates: bool) -> Timeline | None:
    """Kept, because runs that differ in ``n_features`` alone have the same charts."""
    time = json.loads(described)
    points = [point for point in time.get("points", ()) if point is not None]
    if len(points) < 2:
        return None
    moments = Moments.of(points)
    rows = {name: each["rows"] for name, each in time["channels"].items()}
    undated = sum(sum(each[len(points) :]) for each in rows.values())
    grouped = {name: moments.sums(each[: len(points)]) for name, each in rows.items()}
    rates = None
    if has_rates:
        clicks = {
            name: moments.sums(each["label_sums"][: len(points)])
            for name, each in time["channels"].items()
        }
        rates = _rates(moments, grouped, clicks)
    gaps = any(number < _ROUGH for numbers in grouped.values() for number in numbers)
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
            clicked / number if number >= _ROUGH else None
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
