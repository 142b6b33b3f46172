"""`dates` against pandas, and against the standard library's time zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.errors import BadRows
from headrace.runtime.transform import Role
from tests.transforms.batches import batch_of
from transforms.dates import Dates

PARTS: tuple[Any, ...] = (
    *("year", "quarter", "month", "day", "day_of_year"),
    *("weekday", "is_weekend", "hour", "minute", "second"),
)
MOMENTS = st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1))
OFFSETS = st.one_of(
    st.just(UTC), st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
)
AWARE = st.builds(lambda at, zone: at.replace(tzinfo=zone), MOMENTS, OFFSETS)


def parts_of(cells: list[Any], **parameters: Any) -> dict[str, list[str | None]]:
    numeric = any(isinstance(cell, float) for cell in cells)
    filler: Any = 0.0 if numeric else "2000-01-01"
    batch = batch_of({"t": [filler, *cells]}, {"t": Role.NUMERIC} if numeric else {})
    made = Dates("t", parts=PARTS, **parameters).apply(batch.slice(1))  # from another offset
    return {name.removeprefix("t_"): cells for name, cells in made.to_pydict().items()}


def by_pandas(series: pd.Series) -> dict[str, list[str | None]]:
    names = {"weekday": "day_of_week", "is_weekend": "day_of_week"}
    found = {part: getattr(series.dt, names.get(part, part)) for part in PARTS}
    found["is_weekend"] = (found["weekday"] >= 5).where(series.notna())
    return {
        part: [None if pd.isna(cell) else str(int(cell)) for cell in cells]
        for part, cells in found.items()
    }


@given(st.lists(st.one_of(st.none(), AWARE), max_size=12), st.sampled_from(" T"))
def test_iso_with_offsets(moments: list[datetime | None], between: str) -> None:
    texts = [None if at is None else at.isoformat(between) for at in moments]
    expected = by_pandas(
        pd.to_datetime(pd.Series(texts, dtype="object"), utc=True, format="ISO8601")
    )
    assert parts_of(texts) == expected


FORMS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y/%m/%d %H:%M:%S", "%Y%m%dT%H%M%S", "%Y-%m-%d %H:%M:%S.%f"]


@given(st.lists(MOMENTS, min_size=1, max_size=8), st.sampled_from(FORMS), st.booleans())
def test_texts_without_an_offset(moments: list[datetime], form: str, named: bool) -> None:
    texts = [at.strftime(form) for at in moments]
    expected = by_pandas(pd.to_datetime(pd.Series(texts), format=form))
    assert parts_of(texts, format=form if named else "iso") == expected
    assert parts_of(texts, time_zone="+09:30") == expected  # they are what its clocks show


@given(st.lists(st.integers(-8_000_000_000, 8_000_000_000), min_size=1, max_size=8), st.booleans())
def test_numbers_since_1970(seconds: list[int], as_text: bool) -> None:
    expected = by_pandas(pd.to_datetime(pd.Series(seconds), unit="s"))
    cells: list[Any] = [str(each) if as_text else float(each) for each in seconds]
    assert parts_of(cells, format="epoch_s") == expected
    cells = [f"{each}250" if as_text else each * 1000.0 + 250 for each in seconds if each]
    assert parts_of(cells, format="epoch_ms") == by_pandas(
        pd.to_datetime(pd.Series([int(float(each)) for each in cells]), unit="ms")
    )


@given(
    st.lists(AWARE, min_size=1, max_size=8), st.sampled_from(["Europe/Paris", "America/St_Johns"])
)
def test_time_zones_with_summer_time(moments: list[datetime], zone: str) -> None:
    moments = [at.replace(year=1980 + at.year % 50, day=min(at.day, 28)) for at in moments]
    there = [at.astimezone(ZoneInfo(zone)) for at in moments]
    made = parts_of([at.isoformat() for at in moments], time_zone=zone)
    assert made["hour"] == [str(at.hour) for at in there]
    assert made["day"] == [str(at.day) for at in there]
    assert made["minute"] == [str(at.minute) for at in there]


def test_avazus_hours_as_text_and_as_numbers() -> None:
    made = parts_of(["14102105", None], format="yymmddhh")
    assert (made["year"], made["hour"], made["weekday"]) == (
        ["2014", None],
        ["5", None],
        ["1", None],
    )
    assert parts_of([5010203.0, None], format="yymmddhh")["year"] == ["2005", None]


@pytest.mark.parametrize(
    ("form", "bad"),
    [
        ("iso", ["", "x", "2014-13-01", "2014-02-29", "2014-10-21T24:00", "2014-10-21T05:60",
                 "2014-10/21", "0000-01-01", "2014-10-21T05:00+25:00", "2014-10-21T", "11/07/2017",
                 "2014-10-21\n", "\uff12014-10-21", "201410", "1413849600"]),
        ("epoch_s", ["", "x", "1e9", "9" * 15, "9" * 16, "--1", "nan"]),
        ("epoch_ms", ["1_0", "9" * 18]),
        ("yymmddhh", ["14102124", "1410210", "14022900"]),
        ("%d/%m/%Y", ["31/02/2014", "2014-10-21", ""]),
    ],
)  # fmt: skip
def test_what_is_no_time_is_a_bad_row(form: str, bad: list[str]) -> None:
    good = {"iso": "2014-10-21", "yymmddhh": "14102100", "%d/%m/%Y": "21/10/2014"}.get(form, "17")
    for text in bad:
        with pytest.raises(BadRows) as caught:
            Dates("t", form).apply(batch_of({"t": [good, text, None, text]}))
        assert str(caught.value) == f"column 't': expected a time ({form})"
        assert caught.value.way == "the step's 'format' says how its times are written"
        assert caught.value.mask.tolist() == [False, True, False, True]


def test_numbers_that_are_no_times() -> None:
    for form in ("epoch_s", "epoch_ms", "iso", "yymmddhh"):
        with pytest.raises(BadRows):
            parts_of([1e300, -1.0e18], format=form)


def test_the_columns() -> None:
    batch = batch_of({"t": ["2014-10-21"], "c": ["x"]})
    assert Dates("t").output_schema(batch.schema).names == ["c", "t_hour", "t_weekday"]
    assert Dates("t", keep=True).output_schema(batch.schema).names == [
        "t",
        "c",
        "t_hour",
        "t_weekday",
    ]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"column": "z"}, "there is no column 'z' at this point of the chain"),
        ({"column": "y"}, "column 'y' has to be a feature"),
        ({"column": "c"}, "there is a column 'c_hour' already"),
        (
            {"column": "t", "time_zone": "Mars/Olympus"},
            "time_zone should be UTC, an offset such as +02:00, or a zone that is installed here, "
            "such as Europe/Paris with the system's tzdata (got 'Mars/Olympus')",
        ),
        (
            {"column": "t", "format": "ISO"},
            "format should be iso, yymmddhh, epoch_s, epoch_ms, or written with % as "
            "'%d/%m/%Y %H:%M' (got 'ISO')",
        ),
    ],
)
def test_what_does_not_fit(parameters: dict[str, Any], message: str) -> None:
    batch = batch_of({"t": ["x"], "c": ["x"], "c_hour": ["x"], "y": [1.0]}, {"y": Role.LABEL})
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        Dates(**parameters).output_schema(batch.schema)
    assert str(caught.value) == message


@pytest.mark.parametrize("form", ["%Q", "%Y%", "%Y %Y", "%F"])
def test_a_format_that_nobody_can_read(form: str) -> None:
    with pytest.raises(ValueError, match="format") as caught:
        Dates("t", form)
    assert str(caught.value) == f"format {form!r} is none that datetime.strptime can read"
