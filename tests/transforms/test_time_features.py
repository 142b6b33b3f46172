"""`time_features` against the standard library's calendar."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.errors import BadRows, DataError
from headrace.runtime.spec import StepSpec
from headrace.runtime.transform import Role, Transform, role_of
from tests.runtime.jobs import HASH, job, run
from tests.transforms.batches import batch_of
from transforms.multi_value import MultiValue
from transforms.time_features import TimeFeatures
from transforms.vocabulary import Vocabulary

STEP = StepSpec("time_features", "time_features", {})
MOMENTS = st.datetimes(datetime(1969, 1, 1), datetime(2068, 12, 31, 23))


@given(st.lists(st.one_of(st.none(), MOMENTS), max_size=30))
def test_the_calendar(moments: list[datetime | None]) -> None:
    hours = [moment and moment.strftime("%y%m%d%H") for moment in moments]
    made = TimeFeatures().apply(batch_of({"hour": hours, "c": hours}))
    assert made.schema.names == ["c", "hour_of_day", "day_of_week"]
    assert made.column("hour_of_day").to_pylist() == [m and str(m.hour) for m in moments]
    assert made.column("day_of_week").to_pylist() == [m and str(m.weekday()) for m in moments]


def test_avazus_ten_days() -> None:
    moments = [datetime(2014, 10, 21) + timedelta(hours=hours) for hours in range(240)]
    made = TimeFeatures().apply(batch_of({"hour": [m.strftime("%y%m%d%H") for m in moments]}))
    assert made.column("day_of_week").to_pylist()[:25] == ["1"] * 24 + ["2"]
    assert made.column("hour_of_day").to_pylist() == [str(m.hour) for m in moments]


BAD = ["", " ", "1410210", "141021000", "14132100", "14102124", "14022900", "1410210x",
       "-1410210", "+4102100", "14 10210", "\uff11" * 8, "14102100\n"]  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_hour(bad: str) -> None:
    with pytest.raises(BadRows) as caught:
        TimeFeatures().apply(batch_of({"hour": ["14102100", bad, None, bad]}))
    assert str(caught.value) == "column 'hour': expected an hour as YYMMDDHH"
    assert caught.value.mask.tolist() == [False, True, False, True]


def test_a_leap_day_is_an_hour() -> None:
    made = TimeFeatures().apply(batch_of({"hour": ["16022923"]}))
    assert made.column("day_of_week").to_pylist() == ["0"]


def test_roles_and_another_column() -> None:
    batch = batch_of({"t": ["14102100"], "click": [1]}, {"click": Role.LABEL})
    schema = TimeFeatures("t").output_schema(batch.schema)
    assert schema.names == ["click", "hour_of_day", "day_of_week"]
    assert [role_of(field) for field in schema] == [Role.LABEL, Role.CATEGORICAL, Role.CATEGORICAL]


@pytest.mark.parametrize(
    ("columns", "roles", "message"),
    [
        (["c"], {}, "there is no column 'hour' at this point of the chain"),
        (["hour"], {"hour": Role.NUMERIC}, "column 'hour' has to be a categorical feature"),
        (["hour"], {"hour": Role.LABEL}, "column 'hour' has to be a categorical feature"),
        (["hour"], {"hour": Role.ID}, "column 'hour' has to be a categorical feature"),
        (["hour", "hour_of_day"], {}, "there is a column 'hour_of_day' already"),
        (["hour", "day_of_week"], {}, "there is a column 'day_of_week' already"),
    ],
)
def test_columns_that_do_not_fit(columns: list[str], roles: dict[str, Role], message: str) -> None:
    batch = batch_of({name: [None] for name in columns}, roles)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        TimeFeatures().output_schema(batch.schema)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("before", "kind"),
    [(Vocabulary(), "int32"), (MultiValue(("hour",)), "list<item: string>")],
    ids=["ids", "lists"],
)
def test_what_another_step_made_of_the_hours_is_no_hour(before: Transform, kind: str) -> None:
    schema = before.output_schema(batch_of({"hour": [None]}, {}).schema)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        TimeFeatures().output_schema(schema)
    assert str(caught.value) == f"column 'hour' has to hold text (is {kind})"


def test_a_whole_job_names_the_bad_hours(tmp_path: Path) -> None:
    content = "hour,c\n14102100,x\n14102199,y\n,z\n99999999,z\n"
    with pytest.raises(DataError) as caught:
        run(tmp_path, content, job(steps=[STEP, HASH]))
    assert str(caught.value) == (
        "data.csv, line 3, column 'hour': expected an hour as YYMMDDHH, got '14102199'; "
        "1 more such rows follow closely: '99999999'"
    )


def test_a_whole_job_skips_the_bad_hours(tmp_path: Path) -> None:
    content = "hour,c\n14102100,x\n14102199,y\n,z\n"
    result = run(tmp_path, content, job(steps=[STEP, HASH], on_bad_rows="skip"))
    assert result.manifest["rows"] == {"read": 3, "written": 2, "rejected": 1}
    assert result.manifest["columns"]["categorical"] == ["hour", "c"]
    assert list(result.metrics["columns"]) == ["c", "hour_of_day", "day_of_week"]
    assert result.matrix().shape == (2, 64)
