"""Warnings of a run: what is odd about its features, labels and times.

They come from the exact, mergeable statistics of a run alone, so that the same input and
configuration give the same warnings on every machine, backend and number of instances:

* a feature that has another value in each row (`Distinct`), no value, or always the same one;
* a feature that predicts a binary label by itself: the AUC of the mean label of each value, or of
  the number, on all rows (`Crossed`, so columns of few values only, with rows enough for each);
* a feature, or a label, that is very different in another channel than in train (`Crossed`);
* a point in time that is missing between others (`Timeline`).
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from headrace.runtime.shown import quoted
from headrace.runtime.spec import TRAIN
from headrace.runtime.statistics.crossed import CHANNELS, Crossed, number_of
from headrace.runtime.statistics.labels import BINARY, LabelCounts
from headrace.runtime.statistics.statistics import ColumnStatistics, Statistics
from headrace.runtime.statistics.timeline import Timeline

MOST = 100
"""Warnings of a run."""
_FEW_ROWS = 100
_NEARLY_ALL = 0.97
"""Of the rows, where the number of distinct values is estimated, with an error of 0.6 %."""
_AUC = Fraction(99, 100)
_ROWS_PER_VALUE = 10
_FEW_LABELS = 10
_DISTANCE = 0.5
"""Part of the rows that would need another value for two channels to be alike."""
_TIMES_NOISE = 3
_RATE_RATIO = 2
_RATE_DEVIATIONS = 8
_FEW_POINTS = 6
_MOST_GAPS = 5
_REGULAR = 0.8
"""Of the steps between points in time that have one length."""
_FORMATS = (("%Y%m%d", 8), ("%y%m%d%H", 8), ("%Y%m%d%H", 10), ("%Y%m%d%H%M", 12))
_YEARS = range(1990, 2100)
_EPOCH = re.compile(r"[0-9]{10}")

Warned = dict[str, str]
"""``kind``, ``column`` and ``text``."""


def warnings_of(
    manifest: Mapping[str, Any],
    labels: LabelCounts,
    timeline: Timeline,
    statistics: Statistics,
    time: str | None,
) -> list[Warned]:
    """Return the warnings, those of columns in the order of the columns.

    Args:
        manifest: Names the channels and the columns of the input.
        labels: Of all rows.
        timeline: Of all rows.
        statistics: Of the features.
        time: Name of the column of times, if there is one.
    """
    label, channels = manifest["columns"]["label"], list(manifest["channels"])
    given = frozenset(manifest["input_columns"]) - {time, timeline.split_by}
    by_time = set(channels) if timeline.split_by else _apart_in_time(timeline, channels)
    of_labels = _of_labels(labels, channels, is_sampled="downsample" in manifest)
    found = [
        *(_warned(kind, label, text) for kind, text in of_labels if label),
        *(_warned(kind, time, text) for kind, text in _of_times(timeline.points) if time),
    ]
    is_binary = label is not None and labels.are_two
    for name, column in statistics.columns.items():
        # What is made of the time differs between channels that are split by time.
        compared = channels if name in given else [each for each in channels if each not in by_time]
        if column.numeric and name not in manifest["columns"]["numeric"]:
            # A step has learned these numbers for texts: of training rows it knows all, which count
            # themselves or are left out of what they get, and of other rows only some.
            compared = []
        for kind, text in _of_column(column, compared, channels, is_binary=is_binary):
            found.append(_warned(kind, name, text))
    return found[:MOST]


def _apart_in_time(timeline: Timeline, channels: Sequence[str]) -> set[str]:
    """Return the channels that have no point in time in common with train."""
    if TRAIN not in channels:
        return set()
    train = channels.index(TRAIN)
    return {name for index, name in enumerate(channels) if timeline.are_apart(train, index)}


def _warned(kind: str, column: str | None, text: str) -> Warned:
    return {"kind": kind, "column": column or "", "text": f"column {quoted(column or '')} {text}"}


def _of_column(
    column: ColumnStatistics, compared: Sequence[str], channels: Sequence[str], *, is_binary: bool
) -> Iterator[tuple[str, str]]:
    rows = column.frequent.rows
    if rows < 2:
        return
    if column.nulls == rows:
        yield "null", "has no value in any row"
        return
    if column.values.count == 1 and not column.nulls:
        yield "constant", "has the same value in every row"
        return
    if _is_unique(column, rows - column.nulls):
        yield "unique", "has another value in each row: an id that was left among the features?"
        return
    if column.crossed.rows != rows:  # it is not kept
        return
    if is_binary and _predicts(column):
        yield "leak", "predicts the label by itself (AUC above 0.99): is it known beforehand?"
    for name in _different(column.crossed, channels):
        if name in compared:
            yield "shift", f"is very different in {name} and in {TRAIN}"


def _is_unique(column: ColumnStatistics, rows: int) -> bool:
    if column.numeric or rows < _FEW_ROWS:
        return False
    count = column.values.count
    return count == rows if column.values.exact else count >= _NEARLY_ALL * rows


def _predicts(column: ColumnStatistics) -> bool:
    """Return whether a column tells rows with the label 1 from those with 0."""
    by_value = column.crossed.by_label()
    if column.numeric:
        by_number = sorted((number_of(key), zeros, ones) for key, zeros, ones in by_value)
        auc = _auc([(zeros, ones) for _, zeros, ones in by_number])
        return auc is not None and max(auc, 1 - auc) > _AUC
    counted = [each[1:] for each in by_value] + [column.crossed.nulls_by_label()]
    if len(by_value) * _ROWS_PER_VALUE > sum(map(sum, counted)):
        return False
    # A quotient of integers is the nearest double: equal means are equal, and keep their order.
    together: dict[float, list[int]] = defaultdict(lambda: [0, 0])
    for zeros, ones in counted:
        if zeros + ones:
            mean = together[ones / (zeros + ones)]
            mean[0] += zeros
            mean[1] += ones
    auc = _auc([(zeros, ones) for _, (zeros, ones) in sorted(together.items())])
    return auc is not None and auc > _AUC


def _auc(ordered: Sequence[tuple[int, int]]) -> Fraction | None:
    """Return the area under the ROC curve; None if there are too few rows with either label.

    Args:
        ordered: Rows with the labels 0 and 1, by ascending prediction.
    """
    zeros, ones = (sum(each[label] for each in ordered) for label in (0, 1))
    if min(zeros, ones) < _FEW_LABELS:
        return None
    below, right = 0, 0
    for negative, positive in ordered:
        right += positive * (2 * below + negative)
        below += negative
    return Fraction(right, 2 * zeros * ones)


def _different(crossed: Crossed, channels: Sequence[str]) -> Iterator[str]:
    """Yield the channels whose values are others than those of train."""
    if TRAIN not in channels[:CHANNELS]:
        return
    train = crossed.by_channel(channels.index(TRAIN))
    for index, name in enumerate(channels[:CHANNELS]):
        other = crossed.by_channel(index)
        if name != TRAIN and min(sum(train), sum(other)) >= _FEW_ROWS and _differ(train, other):
            yield name


def _differ(one: Sequence[int], other: Sequence[int]) -> bool:
    """Return whether two channels have other values, by more than chance.

    The measure is the total variation distance; that of two samples of one distribution is about
    the sum of half the mean absolute differences of normal variables.
    """
    rows, others = sum(one), sum(other)
    distance, noise = 0.0, 0.0
    for count, other_count in zip(one, other, strict=True):
        distance += abs(count / rows - other_count / others) / 2
        part = (count + other_count) / (rows + others)
        noise += math.sqrt(part * (1 - part) * (1 / rows + 1 / others) * 2 / math.pi) / 2
    return distance > _DISTANCE and distance > _TIMES_NOISE * noise


def _of_labels(
    labels: LabelCounts, channels: Sequence[str], *, is_sampled: bool
) -> Iterator[tuple[str, str]]:
    if not labels.is_kept:
        return
    counts = {name: labels.of(index) for index, name in enumerate(channels)}
    every = sum((Counter(each) for each in counts.values()), Counter[str]())
    if len(every) == 1 and every.total() > 1:
        yield "constant", "is the label, and has the same value in every row"
    train = counts.get(TRAIN, {})
    for name, other in ({} if is_sampled else counts).items():  # it is meant to differ
        if labels.kind == BINARY and name != TRAIN and _rates_differ(train, other):
            yield "shift", f"is the label, whose mean is very different in {name} and in {TRAIN}"


def _rates_differ(one: dict[str, int], other: dict[str, int]) -> bool:
    rows, others = sum(one.values()), sum(other.values())
    if min(rows, others) < _FEW_ROWS:
        return False
    rate, other_rate = one.get("1", 0) / rows, other.get("1", 0) / others
    both = (one.get("1", 0) + other.get("1", 0)) / (rows + others)
    noise = math.sqrt(both * (1 - both) * (1 / rows + 1 / others))
    low, high = sorted((rate, other_rate))
    return high > _RATE_RATIO * low and high - low > _RATE_DEVIATIONS * noise


def _of_times(points: Sequence[str]) -> Iterator[tuple[str, str]]:
    moments = _moments(points)
    if moments is None or len(moments) < _FEW_POINTS:
        return
    steps = Counter(after - before for before, after in pairwise(moments))
    step, count = min(steps.items(), key=lambda pair: (-pair[1], pair[0]))
    gaps = [pair for pair in pairwise(moments) if pair[1] - pair[0] > step]
    is_regular = count >= _REGULAR * steps.total() and not any(each < step for each in steps)
    if not is_regular or not 0 < len(gaps) <= _MOST_GAPS or _are_weekends(gaps, step):
        return
    before, _ = gaps[0]
    missing = sum(round((end - start) / step) - 1 for start, end in gaps)
    unit = {timedelta(hours=1): "hour", timedelta(days=1): "day"}.get(step, "point in time")
    what = (
        f"1 {unit} between others,"
        if missing == 1
        else (f"{missing:,} {_plural(unit)} between others, the first")
    )
    yield "gap", f"lacks {what} behind {before:%Y-%m-%d %H:%M}"


def _plural(unit: str) -> str:
    return "points in time" if unit == "point in time" else f"{unit}s"


def _are_weekends(gaps: Sequence[tuple[datetime, datetime]], step: timedelta) -> bool:
    return step == timedelta(days=1) and all(
        before.weekday() == 4 and after.weekday() == 0 for before, after in gaps
    )


def _moments(points: Sequence[str]) -> list[datetime] | None:
    """Return points in time as times, in order; None if one of them is no time."""
    if not points:
        return None
    for read in _readers(points):
        try:
            moments = sorted({_in_utc(read(point)) for point in points})
        except ValueError:
            continue
        if all(moment.year in _YEARS for moment in moments):
            return moments
    return None


def _readers(points: Sequence[str]) -> Iterator[Any]:
    lengths = set(map(len, points))
    if not all(map(str.isdigit, points)):
        yield datetime.fromisoformat
        return
    for time_format, length in _FORMATS:
        if lengths == {length}:
            yield lambda point, fmt=time_format: datetime.strptime(point, fmt)
    if all(map(_EPOCH.fullmatch, points)):
        yield lambda point: datetime.fromtimestamp(int(point), UTC)


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
