"""Points in time read off their texts."""

from __future__ import annotations

import pytest

from headrace.results.pages.timeline import MOST_BARS, Moments


def hours(days: int) -> list[str]:
    return [f"1410{21 + hour // 24}{hour % 24:02}" for hour in range(24 * days)]


def test_hours_as_avazu_writes_them() -> None:
    moments = Moments.of(hours(3))
    assert moments.names[:2] == ("21 Oct 2014, 00:00", "21 Oct 2014, 01:00")
    assert moments.marks == ((0, "21 Oct"), (24, "22 Oct"), (48, "23 Oct"))
    assert (moments.unit, moments.size, moments.step) == ("hour", 1, "hour")


@pytest.mark.parametrize(
    ("points", "name", "unit"),
    [
        (["20141021", "20141022"], "21 Oct 2014, 00:00", "day"),
        (["2014102105", "2014102106"], "21 Oct 2014, 05:00", "hour"),
        (["201410210530", "201410210545"], "21 Oct 2014, 05:30", "point in time"),
        (["2014-10-21", "2014-10-22", "2014-10-25"], "21 Oct 2014, 00:00", "day"),
        (["2014-10-21T05:00:00Z", "2014-10-21 06:00"], "21 Oct 2014, 05:00", "hour"),
        (["14102125", "14102126"], "14102125", "point in time"),
        (["monday", "\u202etuesday"], "monday", "point in time"),
        (["2014-10-21", "never"], "2014-10-21", "point in time"),
        (["14102100"], "21 Oct 2014, 00:00", "point in time"),
    ],
)
def test_texts_are_read_as_time_only_if_all_of_them_are(
    points: list[str], name: str, unit: str
) -> None:
    moments = Moments.of(points)
    assert (moments.names[0], moments.unit) == (name, unit)


def test_of_few_days_some_hours_are_marked() -> None:
    marks = Moments.of(hours(1)).marks
    assert [text for _, text in marks] == [f"21 Oct {hour:02}:00" for hour in (0, 5, 10, 15, 20)]


def test_many_points_are_taken_together() -> None:
    points = [f"{number:05}" for number in range(2 * MOST_BARS + 1)]
    moments = Moments.of(points)
    assert moments.names[0] == "00000 to 00002"
    assert moments.step == "3 points in time"
    assert moments.sums([1] * len(points)) == [3] * 160 + [1]
    assert len(moments.names) == 161
