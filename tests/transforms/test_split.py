"""`split` against mmh3, scikit-learn's ``train_test_split`` and plain comparison."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import mmh3
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.errors import BadRows, DataError
from headrace.runtime.spec import StepSpec
from headrace.runtime.transform import Role
from tests.runtime.jobs import HASH, Result, clicks, job, run
from tests.transforms.batches import UNICODE, batch_of
from transforms.split import CHANNEL, Split

SEEDS = st.one_of(st.just(0), st.integers(0, 2**32 - 1))
FRACTIONS = st.one_of(
    st.floats(0, 1, exclude_min=True, exclude_max=True), st.sampled_from([0.5, 0.8, 1 - 2**-33])
)


def step(**parameters: Any) -> StepSpec:
    return StepSpec("split", "split", parameters)


def channel_of(split: Split, batch: pa.RecordBatch) -> list[int]:
    made = split.apply(batch)
    assert made.schema.equals(split.output_schema(batch.schema), check_metadata=True)
    return list(made.column(CHANNEL).to_pylist())


def by_mmh3(key: str, split: Split) -> int:
    hashed = mmh3.hash(key.encode(), split.seed, signed=False)
    if hashed < math.floor(split.train_fraction * 2**32):
        return 0
    return 2 if hashed >= 2**32 - math.floor(split.test_fraction * 2**32) else 1


def ids(result: Result, channel: str) -> list[str]:
    return [each.decode() for each in result.array("id", channel)]


@given(st.lists(UNICODE, max_size=30), FRACTIONS, SEEDS, st.floats(0, 1))
def test_hash_of_the_id(keys: list[str], fraction: float, seed: int, rest: float) -> None:
    split = Split(train_fraction=fraction, seed=seed, test_fraction=(1 - fraction) * rest)
    batch = batch_of({"id": keys, "c": keys}, {"id": Role.ID})
    assert channel_of(split, batch) == [by_mmh3(key, split) for key in keys]


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
@pytest.mark.parametrize("above", [0, 1])
def test_the_boundary(seed: int, above: int) -> None:
    """A row trains iff its hash is *below* the bound, to the last of 2**32 steps."""
    key = "14489770110436898243"
    hashed = mmh3.hash(key, seed, signed=False)
    batch = batch_of({"id": [key], "c": ["x"]}, {"id": Role.ID})
    split = Split(train_fraction=(hashed + above) / 2**32, seed=seed)
    assert channel_of(split, batch) == [1 - above]
    almost = Split(train_fraction=(hashed + 1 - 2**-10) / 2**32, seed=seed)
    assert channel_of(almost, batch) == [1]


def test_whole_job_by_id(tmp_path: Path) -> None:
    """The ids are beyond int64, the sets are disjoint and complete, the order is the input's."""
    content = clicks(2000)
    split = Split(train_fraction=0.7, test_fraction=0.1, seed=3)
    steps = [step(train_fraction=0.7, test_fraction=0.1, seed=3), HASH]
    result = run(tmp_path, content, job(id="id", label="click", steps=steps, block_bytes=3000))
    keys = [line.split(",")[0] for line in content.splitlines()[1:]]
    assert min(int(key) for key in keys) > 2**63 - 1
    for index, channel in enumerate(("train", "validation", "test")):
        assert ids(result, channel) == [key for key in keys if by_mmh3(key, split) == index]


CELL = st.one_of(st.just(""), st.text("ab,\"é'; \n", max_size=5), UNICODE).filter(
    lambda cell: "\r" not in cell
)


def quoted(cells: list[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"


@pytest.mark.parametrize("categorical", [None, ("b",)])
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8), block=st.integers(1, 200))
def test_without_an_id_the_key_is_the_row(
    tmp_path_factory: pytest.TempPathFactory,
    categorical: tuple[str, ...] | None,
    rows: list[tuple[str, str]],
    block: int,
) -> None:
    """All of the row's cells count, the label as it is written and unused columns too."""
    cells = [[first, f"{index % 2}.0", second] for index, (first, second) in enumerate(rows)]
    content = quoted(["a", "click", "b"]) + "".join(quoted(row) for row in cells)
    steps = [step(train_fraction=0.5)]
    spec = job(
        label="click", categorical=categorical, steps=steps, format="parquet", block_bytes=block
    )
    result = run(tmp_path_factory.mktemp("job"), content, spec)
    split = Split(train_fraction=0.5)
    for index, channel in enumerate(("train", "validation")):
        kept = [row for row in cells if by_mmh3("\x1f".join(row), split) == index]
        assert result.table(channel)["b"].to_pylist() == [row[2] or None for row in kept]


def test_without_an_id_columns_in_another_order_make_no_difference(tmp_path: Path) -> None:
    lines = [line.split(",") for line in clicks(300).splitlines()]
    turned = "\n".join(",".join(line[::-1]) for line in lines[150:]) + "\n"
    turned = ",".join(lines[0][::-1]) + "\n" + turned
    straight = "\n".join(map(",".join, lines[:150])) + "\n"
    spec = job(label="click", steps=[step(), HASH])
    one = run(tmp_path, clicks(300), spec)
    two = run(tmp_path, {"1.csv": straight, "2.csv": turned}, spec)
    for channel in ("train", "validation"):
        assert two.parts(channel)[0].read_bytes() == one.parts(channel)[0].read_bytes()


def shuffled(tmp_path: Path, rows: int, **parameters: Any) -> Result:
    content = "id,c\n" + "".join(f"{row},v{row % 7}\n" for row in range(rows))
    steps = [step(method="shuffle", **parameters), HASH]
    return run(tmp_path, content, job(id="id", steps=steps, block_bytes=50))


@pytest.mark.parametrize("rows", [2, 3, 10, 99, 1000])
@pytest.mark.parametrize(
    ("fraction", "seed"),
    [(0.5, 0), (0.8, 42), (0.57, 2**32 - 1)],
)
def test_shuffle(tmp_path: Path, rows: int, fraction: float, seed: int) -> None:
    train, validation = train_test_split(range(rows), train_size=fraction, random_state=seed)
    result = shuffled(tmp_path, rows, train_fraction=fraction, seed=seed)
    assert ids(result, "train") == [str(row) for row in sorted(train)]
    assert ids(result, "validation") == [str(row) for row in sorted(validation)]


@given(st.integers(2, 400), st.floats(0.01, 0.99), SEEDS)
def test_shuffle_of_any_size(rows: int, fraction: float, seed: int) -> None:
    batch = batch_of({"n": range(rows), "c": ["x"] * rows}, {"n": Role.ROW_NUMBER})
    split = Split("shuffle", fraction, seed=seed)
    try:
        train, _ = train_test_split(range(rows), train_size=fraction, random_state=seed)
    except ValueError:
        what = f"train_fraction={fraction} of {rows} rows leaves none to train on"
        with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
            split.with_state(pa.table({"rows": [rows]}))
        assert str(caught.value) == what
        return
    channels = channel_of(split.with_state(pa.table({"rows": [rows]})), batch)
    assert [row for row in range(rows) if channels[row] == 0] == sorted(train)


def test_shuffle_with_test_rows(tmp_path: Path) -> None:
    """The test rows come out of the validation rows; the training rows stay who they are."""
    result = shuffled(tmp_path, 1000, train_fraction=0.7, test_fraction=0.2, seed=5)
    train, rest = train_test_split(range(1000), train_size=0.7, random_state=5)
    assert ids(result, "train") == [str(row) for row in sorted(train)]
    validation, test = ids(result, "validation"), ids(result, "test")
    assert len(test) == 200
    assert sorted([*validation, *test]) == sorted(map(str, rest))


def test_shuffle_of_too_few_rows(tmp_path: Path) -> None:
    with pytest.raises(ChainError) as caught:
        shuffled(tmp_path, 4, train_fraction=0.2)
    assert str(caught.value) == (
        "transform.steps.split: train_fraction=0.2 of 4 rows leaves none to train on"
    )


def test_shuffle_counts_good_rows_only(tmp_path: Path) -> None:
    good = [f"{row},1,v{row % 7}\n" for row in range(200)]
    bad = [
        line
        for row, each in enumerate(good)
        for line in ([each, "x,maybe,y\n"] if row % 9 == 0 else [each])
    ]
    steps = [step(method="shuffle", train_fraction=0.6, seed=1), HASH]
    spec = job(id="id", label="click", steps=steps, on_bad_rows="skip", block_bytes=64)
    result = run(tmp_path, "id,click,c\n" + "".join(bad), spec)
    train, _ = train_test_split(range(200), train_size=0.6, random_state=1)
    assert ids(result, "train") == [str(row) for row in sorted(train)]


HOURS = ["14102100", "14102123", "14102200", "14102500"]


@pytest.mark.parametrize("before", [*HOURS, "14102101", "00000000"])
def test_time(before: str) -> None:
    split = Split("time", column="hour", before=before)
    channels = channel_of(split, batch_of({"hour": HOURS}))
    assert channels == [0 if hour < before else 1 for hour in HOURS]


@pytest.mark.parametrize(
    ("before", "times"),
    [
        ("2014-10-21", ["2014-10-20T23:59:59", "2014-10-21", "2014-10-21T00:00:00Z"]),
        ("2014-10-21 05", ["2014-10-21 04:59", "2014-10-21 05:00", "2014-10-22 00"]),
        ("2014/10/21 05:00:00.5+02", ["2014/10/21 04:00:00.5+02", "2014/10/21 05:00:00.5+02"]),
    ],
)
def test_time_written_in_other_ways(before: str, times: list[str]) -> None:
    channels = channel_of(Split("time", column="t", before=before), batch_of({"t": times}))
    assert channels == [0 if time < before else 1 for time in times]


def test_time_as_a_number() -> None:
    split = Split("time", column="t", before="1413849600")
    batch = batch_of({"t": [1413849599.0, 1413849600.0, 1e3]})
    assert channel_of(split, batch) == [0, 1, 0]


# Ways to write the same moments, the middle one at 2014-10-21T05:00 in UTC.
WRITTEN: dict[str, list[Any]] = {
    "with offsets": ["2014-10-21T06:59:59+02:00", "2014-10-21T00:00-05:00", "2014-10-21T05:00:01Z"],
    "without": ["2014-10-21 04:59", "2014-10-21 05:00:00", "2014/10/21 05:01"],
    "hours": ["14102104", "14102105", "14102106"],
    "seconds": ["1413867599", "1413867600", "1413867601"],
    "milliseconds": ["1413867599999", "1413867600000", "1413867600001"],
    "hours as numbers": [14102104.0, 14102105.0, 14102106.0],
    "seconds as numbers": [1413867599.75, 1413867600.0, 1413867601.0],
    "milliseconds as numbers": [1413867599999.0, 1413867600000.0, 1413867600001.0],
}


@pytest.mark.parametrize(
    "before", ["2014-10-21T05:00:00Z", "2014-10-21T07:00+02:00", "2014-10-21T05"]
)
@pytest.mark.parametrize("way", WRITTEN)
def test_times_are_compared_however_they_are_written(way: str, before: str) -> None:
    split = Split("time", column="t", before=before)
    batch = batch_of({"t": WRITTEN[way]})
    assert split.output_schema(batch.schema).names == ["t", "__channel__"]
    assert channel_of(split, batch) == [0, 1, 1]


def test_the_last_days_of_months() -> None:
    times = ["2012-02-29", "2014-01-31", "2014-04-30", "2014-12-31T23"]
    split = Split("time", column="t", before="2014-04-30")
    assert channel_of(split, batch_of({"t": times})) == [0, 0, 1, 1]


def test_a_column_that_mixes_offsets() -> None:
    split = Split("time", column="t", before="2014-10-21T00:00:00+02:00")
    times = ["2014-10-20T23:30:00+02:00", "2014-10-20T23:30:00-05:00", "2014-10-20T21:59:00Z"]
    assert channel_of(split, batch_of({"t": times})) == [0, 1, 0]


@pytest.mark.parametrize(
    ("before", "times"),
    [
        ("11082017", ["2017-11-07", "2018-01-01"]),  # the eighth of November is meant
        ("11082017", ["11/07/2017 09:30"]),
        ("11082017", ["11302016"]),
        ("2014-10-21", ["20111012", "2014102105"]),  # 12 October 2011, or 10 November 2020, 12:00
        ("2014-10-21", ["11/07/2017", "x", "5", ""]),
        ("2014-10-21", [5.0, 1e300, -1.0]),
        ("2014-10-21", ["2014-10-20T23:59:60Z"]),
        ("2014-10-21", ["2014-02-30", "2013-02-29T05", "2014/06/31", "2014-10-20T24:00"]),
    ],
)
def test_times_that_are_not_known(before: str, times: list[Any]) -> None:
    with pytest.raises(BadRows) as caught:
        channel_of(Split("time", column="t", before=before), batch_of({"t": times}))
    assert caught.value.mask.tolist() == [True] * len(times)


@pytest.mark.parametrize("before", ["11302017", "13322017", "14102125"])
def test_a_point_that_there_is_not(before: str) -> None:
    with pytest.raises(ValueError, match="before should be a point in time") as caught:
        Split("time", column="t", before=before).output_schema(batch_of({"t": ["x"]}).schema)
    assert str(caught.value) == NOT_SORTED.format(repr(before))


@pytest.mark.parametrize("before", ["2014-02-30", "2013-02-29T05:00:00Z"])
def test_a_day_that_there_is_not(before: str) -> None:
    with pytest.raises(ValueError, match="before is no point in time") as caught:
        Split("time", column="t", before=before).output_schema(batch_of({"t": ["x"]}).schema)
    assert str(caught.value) == f"before is no point in time (got {before!r})"


@pytest.mark.parametrize(("before", "channel"), [("0001-01-01", 1), ("9999-12-31", 0)])
def test_the_ends_of_the_calendar(before: str, channel: int) -> None:
    times = batch_of({"t": ["2014-10-21", "1413867600", "2014-10-21T05:00:00+02:00"]})
    assert channel_of(Split("time", column="t", before=before), times) == [channel] * 3


@pytest.mark.parametrize(
    "bad", [None, "141021", "1410210000", "2014-10-21", "x4102100", "14102100\n"]
)
def test_what_is_no_such_time(bad: str | None) -> None:
    split = Split("time", column="hour", before="14102200")
    with pytest.raises(BadRows) as caught:
        split.apply(batch_of({"hour": ["14102100", bad, "14102300"]}))
    assert str(caught.value) == "column 'hour': expected a time written like '14102200'"
    assert caught.value.mask.tolist() == [False, True, False]


def test_a_numeric_time_that_is_missing() -> None:
    split = Split("time", column="t", before="5")
    with pytest.raises(BadRows) as caught:
        split.apply(batch_of({"t": [1.0, None]}))
    assert caught.value.mask.tolist() == [False, True]


def test_time_in_a_whole_job(tmp_path: Path) -> None:
    content = "id,hour,c\n" + "".join(f"{i},141021{i:02},x\n" for i in range(24))
    steps = [step(method="time", column="hour", before="14102120"), HASH]
    result = run(tmp_path, content, job(id="id", steps=steps, block_bytes=30))
    assert ids(result, "train") == [str(i) for i in range(20)]
    assert ids(result, "validation") == [str(i) for i in range(20, 24)]


def test_a_bad_time_in_a_whole_job(tmp_path: Path) -> None:
    steps = [step(method="time", column="hour", before="14102120"), HASH]
    with pytest.raises(DataError) as caught:
        run(tmp_path, "hour,c\n14102100,x\n,y\n", job(steps=steps))
    assert str(caught.value) == (
        "data.csv, line 3, column 'hour': expected a time written like '14102120', "
        "got an empty cell"
    )


NOT_SORTED = (
    "before should be a point in time, written from the year down: "
    "14102100, 2014-10-21, 2014-10-21T05:00:00Z (got {})"
)


def test_a_number_that_is_no_time_where_the_column_is_text() -> None:
    split = Split("time", column="t", before="-5.5")
    assert channel_of(split, batch_of({"t": [-6.0, -5.5]})) == [0, 1]
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        split.output_schema(batch_of({"t": ["-6"]}).schema)
    assert str(caught.value) == NOT_SORTED.format("'-5.5'")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "time", "column": "t", "before": "11/08/2017 00:00"},
         NOT_SORTED.format("'11/08/2017 00:00'")),
        ({"train_fraction": 0.8, "test_fraction": 0.3},
         "train_fraction and test_fraction should add up to at most 1"),
        ({"method": "time", "column": "hour"}, "method 'time' needs both 'column' and 'before'"),
        ({"method": "time", "before": "1"}, "method 'time' needs both 'column' and 'before'"),
        ({"method": "time", "column": "hour", "before": "1", "test_fraction": 0.1},
         "method 'time' has no test_fraction"),
    ],
)  # fmt: skip
def test_parameters_that_contradict_each_other(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        Split(**parameters)
    assert str(caught.value) == message


def test_fractions_that_add_up_to_one_are_no_contradiction() -> None:
    for hundredth in range(1, 100):
        Split(train_fraction=hundredth / 100, test_fraction=(100 - hundredth) / 100)


def test_a_column_that_is_not_there() -> None:
    split = Split("time", column="when", before="1")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        split.output_schema(batch_of({"hour": ["1"]}).schema)
    assert str(caught.value) == "there is no column 'when' at this point of the chain"


@pytest.mark.parametrize(("test_fraction", "channels"), [(0.0, 2), (0.1, 3)])
def test_channels(test_fraction: float, channels: int) -> None:
    names = ("train", "validation", "test")
    assert Split(test_fraction=test_fraction).channels() == names[:channels]


def test_share_of_the_hash(tmp_path: Path) -> None:
    """About as many rows train as asked for: within four standard deviations."""
    batch = batch_of({"id": [str(i) for i in range(20_000)], "c": ["x"] * 20_000}, {"id": Role.ID})
    trains = 20_000 - np.count_nonzero(channel_of(Split(train_fraction=0.8), batch))
    assert abs(trains - 16_000) < 4 * math.sqrt(20_000 * 0.8 * 0.2)
