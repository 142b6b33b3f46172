"""Single rows of every kind of chain: those of the job, without a batch, whatever they hold."""

from __future__ import annotations

import copy
import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.runtime.errors import RowError
from headrace.runtime.kernels.library import library
from headrace.runtime.online import ColumnTransformer, RowTransformer, load
from headrace.runtime.online.cells import Cells
from headrace.runtime.output.outcome import Host, Task
from headrace.runtime.process.execute import execute
from headrace.runtime.spec import INPUT, StepSpec, under
from tests.runtime.jobs import HASH, SPLIT, Result, job, laid_out
from tests.runtime.online_rows import assert_same, loaded, plain_row, written
from tests.sampling import examples

Transformer = RowTransformer | ColumnTransformer

CELLS: dict[str, list[str]] = {
    "hour": ["14102100", "14102523", "", "14123107", "68010100"],
    "site": ["é", "a", "a", "", "日本語", "x,y", "b" * 40],
    "app": ["a", "b", "", "1005", "e", "e", "f", "f"],
    "price": ["0", "2", "2", "-0.0", "0.1", "", "1e-7", "1E+20", "30"],
    "age": ["3", "", "17", "17", "42", "999"],
    "tags": ["a|b", "", "|", "b|b|c", "x"],
    "at": ["2014-10-21T05:00:00Z", "", "2014-10-25T23:30:00+02:00", "20141021"],
    "day": ["14102100", "", "5010203"],
    "stamp": ["1413849600", "", "1413849600.5", "-7"],
}
ROWS = [{name: cells[row % len(cells)] for name, cells in CELLS.items()} for row in range(120)]
SITES = "site,topic,visits\né,news,1\na,,2.5\n日本語,x,\n,none,3\n"

CHAINS: dict[str, list[StepSpec]] = {
    "nothing": [],
    "hash": [HASH],
    "texts": [
        StepSpec("time_features", "time_features", {}),
        StepSpec("dates", "dates", {"column": "at", "time_zone": "Europe/Paris", "keep": True}),
        StepSpec("cross", "cross", {"columns": ["site", "app"]}),
        StepSpec("rare", "rare_values", {"min_count": 9, "replacement": "?"}),
        HASH,
    ],
    "times of numbers": [
        StepSpec("dates", "dates", {"column": "stamp", "format": "epoch_s", "parts": ["minute"]}),
        StepSpec("hours", "dates", {"column": "day", "format": "yymmddhh", "parts": ["year"]}),
    ],
    "several tokens": [
        StepSpec("several", "multi_value", {"columns": ["tags", "app"]}),
        StepSpec("hash", "custom_hasher", {"n_features": 99, "index_ranges": "per_column"}),
    ],
    "several tokens of one index": [
        StepSpec("several", "multi_value", {"columns": ["tags"]}),
        StepSpec("hash", "feature_hasher", {"n_features": 3}),
    ],
    "lists": [StepSpec("several", "multi_value", {"columns": ["tags"]})],
    "ids": [
        StepSpec("vocabulary", "vocabulary", {"min_count": 2, "max_size": 6}),
        StepSpec("bucketize", "bucketize", {"buckets": 4}),
        StepSpec("cross", "cross", {"columns": ["app", "price"], "separator": "-"}),
        StepSpec("rare", "rare_values", {"columns": ["site", "app_x_price"]}),
    ],
    "hashed ids": [
        StepSpec("uniform", "bucketize", {"method": "uniform", "columns": ["price", "stamp"]}),
        StepSpec("vocabulary", "vocabulary", {"columns": ["site", "price"]}),
        StepSpec("hash", "custom_hasher", {"n_features": 50}),
    ],
    "numbers": [
        StepSpec("counts", "count_encode", {"columns": ["site", "app"]}),
        StepSpec("targets", "target_encode", {"columns": ["hour", "tags"], "folds": 0}),
        StepSpec("impute", "impute", {"indicator": True}),
        StepSpec("clip", "arithmetic", {"operations": [{"clip": [0, 1e9]}, "log1p", {"scale": 3}]}),
        StepSpec("standardize", "standardize", {}),
        HASH,
    ],
    "numbers as they are": [
        StepSpec("scale", "arithmetic", {"operations": [{"scale": 1e300}], "columns": ["age"]}),
        StepSpec("standardize", "standardize", {"columns": ["price"]}),
    ],
    "filled": [
        StepSpec("number", "impute", {"strategy": "constant", "value": "7", "indicator": True}),
        StepSpec("often", "impute", {"strategy": "most_frequent", "columns": ["site", "hour"]}),
        StepSpec("empty", "impute", {"strategy": "constant", "value": "", "columns": ["app"]}),
        HASH,
    ],
    "medians": [
        StepSpec("impute", "impute", {"strategy": "median"}),
        StepSpec("edges", "bucketize", {"edges": [0, 2.5, 30], "columns": ["price"]}),
        StepSpec("squares", "bucketize", {"method": "log_square", "columns": ["age", "stamp"]}),
    ],
    "columns of values": [
        StepSpec("edges", "bucketize", {"edges": [0, 2.5, 30], "columns": ["price"]}),
        StepSpec("one_hot", "one_hot", {"max_categories": 3, "columns": ["site", "app", "price"]}),
        StepSpec("rest", "one_hot", {"min_count": 30, "columns": ["hour", "tags"]}),
    ],
    "looked up": [
        StepSpec("join", "join", {"input": "sites", "key": "site", "columns": ["topic", "visits"],
                                  "numeric": ["visits"], "prefix": "site_"}),
        HASH,
    ],
}  # fmt: skip
NUMERIC = ("price", "age", "stamp", "day")


ODD: list[Any] = [
    None, "", "inf", "nan", "1e400", " 1", "+5", "1_0", "0x10", "\u0663", "1.", ".5", "-0",
    "1e-400", 0.1, float("inf"), 7, -0.0, True, ["a", "", None, 3], [], "\x1fa\x1f\x1fb", "a|b|",
    "\ud800", b"x", "14102199", "9999-12-31", "-62135596800", "253402300799",
]  # fmt: skip


def content() -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "click", *CELLS])
    for number, row in enumerate(ROWS):
        writer.writerow([str(10**19 + number), number % 3 % 2, *row.values()])
    return text.getvalue()


class Made(NamedTuple):
    """A job's result, and what loads single rows of it."""

    result: Result
    transformer: Transformer


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """Run the job of a chain, once."""

    @cache
    def of(name: str) -> Made:
        steps = [SPLIT, *CHAINS[name]]
        spec = job(
            steps=steps,
            format="npz" if "hasher" in steps[-1].name else "parquet",
            threads=1,
            id="id",
            label="click",
            numeric=NUMERIC,
            lists=("tags",),
        )
        root = laid_out(tmp_path_factory.mktemp("chains"), content())
        if name == "looked up":
            spec = replace(spec, inputs={"sites": f"{INPUT}/sites"})
            (folder := under(root, f"{INPUT}/sites")).mkdir()
            (folder / "sites.csv").write_text(SITES)
        execute(Task(spec, root), Host())
        result = Result(root)
        return Made(result, load(result.output))

    return of


@pytest.mark.parametrize("name", CHAINS)
def test_rows_are_those_of_the_job(made: Callable[[str], Made], name: str) -> None:
    result, transformer = made(name)
    if isinstance(transformer, RowTransformer):
        assert_same(transformer, ROWS, written(result))
        return
    tables = [result.table(channel) for channel in ("train", "validation")]
    rows = pa.concat_tables(tables).sort_by("id").select(transformer.features).to_pylist()
    assert repr([transformer(row) for row in ROWS]) == repr(rows)


@pytest.mark.parametrize("name", CHAINS)
def test_no_batch_is_made(
    made: Callable[[str], Made], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, transformer = made(name)
    if isinstance(transformer, RowTransformer) and library() is None:
        pytest.skip("rows are hashed without a batch by the kernels alone")
    monkeypatch.delattr(Cells, "batch")
    for row in ROWS[:20]:
        transformer(row)


CELL = st.sampled_from(ODD) | st.text(max_size=5)
ROW = st.fixed_dictionaries(
    {name: st.sampled_from(cells) | CELL for name, cells in CELLS.items()}
) | st.sampled_from(ROWS).flatmap(
    lambda row: st.sampled_from(sorted(CELLS)).flatmap(
        lambda name: CELL.map(lambda cell: {**row, name: cell})
    )
)


@settings(max_examples=examples(25), deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", CHAINS)
def test_any_row(made: Callable[[str], Made], name: str, data: st.DataObject) -> None:
    """The same cells, or the same refusal, as by way of a batch."""
    transformer = made(name).transformer
    by_batch = copy.copy(transformer)
    by_batch._row_steps = None
    if isinstance(by_batch, RowTransformer):
        by_batch._hasher = None
    row = data.draw(ROW)
    assert outcome(transformer, row) == outcome(by_batch, row)


def outcome(transformer: Transformer, row: Mapping[str, Any]) -> str:
    try:
        made = transformer(row)
    except RowError as error:
        return str(error)
    return repr([(each.dtype, each.tolist()) for each in made] if isinstance(made, tuple) else made)


def test_nulls_blanks_and_absent_keys_of_the_data_set(tmp_path: Path) -> None:
    spec = job(steps=[StepSpec("impute", "impute", {}), HASH], id="id", label="click",
               numeric=("n",), nulls=("NA", "-1"), trim=True)  # fmt: skip
    lines = ["id,click,c,n", "1,0, a ,1", "2,1,NA, 2.5", "3,0,,-1", "4,0, \t,NA"]
    result, transformer = loaded(tmp_path, "\n".join(lines) + "\n", spec)
    rows = [dict(zip(("c", "n"), line.split(",")[2:], strict=True)) for line in lines[1:]]
    assert_same(transformer, rows, written(result))
    absent = load(result.output, absent="null")
    assert isinstance(absent, RowTransformer)
    for row in ({"c": "NA", "n": "2.5"}, {"n": 2.5}), ({"c": "a", "n": None}, {"c": " a"}):
        assert plain_row(transformer(row[0])) == plain_row(absent(row[1]))
