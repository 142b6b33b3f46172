"""Which texts sort as time; the standard library's own reading of ISO 8601 is the oracle."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.chain.times import sorting_like
from headrace.runtime.chain.timestamps import time_of, times_of

SORTS = [
    "14102100", "20141021", "1413849600", "2014", "0", "2014-10", "2014-10-21", "2014/10/21",
    "2014.10.21", "14102124",
    "2014-10-21 05", "2014-10-21T05:00", "2014-10-21 05:00:00", "20141021T050000",
    "2014-10-21T05:00:00.123456", "2014-10-21T05:00:00Z", "2014-10-21T05:00:00+02:00",
    "2014/10/21 05:00:00.5+02", "2014-10-21T24:00", "2014-12-31T23:59:60Z",
]  # fmt: skip
DOES_NOT_SORT = [
    "11/07/2017", "11/08/2017 00:00", "07.11.2017", "14-10-21", "2014-21-10", "2014-13-01",
    "2014-10-32", "2014-00-10", "2014-1-1", "2014-10/21", "2014-10-21T25:00", "2014-10-21T05:60",
    "2014-10-21T05:00:00+2", "2014-10-21T", "21 Oct 2014", "October", "2014-10-21T05:0000",
    "11302017", "13322017", "14102125", "-5", "1e9", "5.5", "nan", "", " 2014", "2014 ",
    "\uff12\uff10\uff11\uff14",
    "2014-10-21\n", "1" * 65,
]  # fmt: skip


@pytest.mark.parametrize("point", SORTS)
def test_what_sorts_as_time(point: str) -> None:
    pattern = sorting_like(point)
    assert pattern is not None
    assert re.fullmatch(pattern, point)


@pytest.mark.parametrize("point", DOES_NOT_SORT)
def test_what_does_not(point: str) -> None:
    assert sorting_like(point) is None


@pytest.mark.parametrize(
    ("point", "likes", "unlikes"),
    [
        ("2014-10-21", ["2013-01-31", "2014-10-21T05", "2014-10-21 05:00:00.25Z"],
         ["2014-10", "2014/10/21", "2014-21-10", "2014-10-21T05:00+02:00", "20141021"]),
        ("2014-10-21T05:00:00", ["2014-10-21T05:00:00.5", "2014-10-21T05:00:00Z"],
         ["2014-10-21 05:00:00", "2014-10-21T05:00", "2014-10-21T05:00:00+00:00"]),
        ("2014-10-21T05:00:00+02:00", ["2014-10-22T00:00:00+02:00"],
         ["2014-10-22T00:00:00+01:00", "2014-10-22T00:00:00Z", "2014-10-22T00:00:00.5+02:00"]),
        ("2014-10-21T05:00:00.50", ["2014-10-21T05:00:00.25", "2014-10-21T05:00:00.250"],
         ["2014-10-21T05:00:00.5", "2014-10-21T05:00:00"]),
        ("2014", ["2015"], ["201", "20145", "2014-10"]),
    ],
)  # fmt: skip
def test_what_compares_with_a_time(point: str, likes: list[str], unlikes: list[str]) -> None:
    pattern = sorting_like(point)
    assert pattern is not None
    assert [text for text in likes if not re.fullmatch(pattern, text)] == []
    assert [text for text in unlikes if re.fullmatch(pattern, text)] == []


FORMATS = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y%m%dT%H%M%S",
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S.%f",
]
MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(9990, 1, 1))


@given(MOMENTS, MOMENTS, st.sampled_from(FORMATS), st.sampled_from(["", "Z", "+02:00"]))
def test_texts_sort_as_their_times(one: datetime, other: datetime, form: str, offset: str) -> None:
    offset = offset if "H" in form else ""
    first, second = (each.strftime(form) + offset for each in (one, other))
    pattern = sorting_like(first)
    assert pattern is not None
    assert re.fullmatch(pattern, second)
    if first != second:
        assert (first < second) == (one < other)


@given(MOMENTS, st.integers(1, 10**6))
def test_american_dates_are_refused(moment: datetime, minutes: int) -> None:
    for each in (moment, min(moment + timedelta(minutes=minutes), datetime.max)):
        assert sorting_like(each.strftime("%m/%d/%Y %H:%M")) is None
        assert sorting_like(each.strftime("%d.%m.%Y")) is None


def _nearly(text: str, place: int, other: str) -> str:
    return text[:place] + other + text[place + 1 :]


NEAR_TIMES = st.builds(
    _nearly,
    st.sampled_from([*SORTS, *DOES_NOT_SORT, "0001-01-01", "9999-12-31T23:00-23:59", "2016-02-29"]),
    st.integers(0, 24),
    st.sampled_from(["", "0", "1", "9", "-", ":", "T", "Z", "+", ".", ",", "\n"]),
)


@given(
    NEAR_TIMES | st.text("0123456789-+:.T Z", max_size=20),
    st.sampled_from(["iso", "yymmddhh", "epoch_s", "epoch_ms", "%d/%m/%Y %H:%M", "%Y-%m-%d%z"]),
)
def test_a_single_time_is_read_as_in_a_column(text: str, form: str) -> None:
    """Or it is left to the column's way, at the ends of the calendar."""
    times = times_of(pa.array([text]), form)
    try:
        time = time_of(text, form)
    except ValueError:
        micros = int(times.micros[0])
        assert not times.is_time[0] or not 86_400 * 10**6 < micros + 62_135_596_800 * 10**6 < 3e17
        return
    assert (True, *time) == (times.is_time[0], times.micros[0], times.is_local[0])
