"""Rows hashed one by one or in batches are the very rows of the job, or there is an error."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.config.defaults import PROJECT
from headrace.runtime.errors import DataError, RowError
from headrace.runtime.online import RowTransformer, load
from headrace.runtime.spec import StepSpec
from tests import children
from tests.conftest import Completed
from tests.runtime.jobs import HASH, SPLIT, clicks, job, run
from tests.runtime.online_rows import (
    Rows,
    assert_same,
    change,
    loaded,
    plain_row,
    refusal,
    written,
)
from tests.sampling import examples

HOURS = [None, "14102100", "14102523", "14123107"]
PLACES = [None, "é", "日本語", "x" * 70, "a,b", 'say "no"', "two\nlines", " 1 ", "1005"]
PRICES = [None, "0", "-0.0", "2", "0.1", "1e-7", "1E+20", "-3.25"]
STEPS = {
    "feature_hasher": [HASH],
    "wide": [StepSpec("h", "feature_hasher", {"n_features": 2**31 - 1, "alternate_sign": False})],
    "shared": [StepSpec("h", "custom_hasher", {"n_features": 50, "seed": 7})],
    "per_column": [
        StepSpec("h", "custom_hasher", {"n_features": 77, "index_ranges": "per_column"})
    ],
    "murmur3": [
        StepSpec("h", "custom_hasher", {"hash": "murmur3_32", "index_ranges": "per_column"})
    ],
    "time_features": [SPLIT, StepSpec("time_features", "time_features", {}), HASH],
    "time_features, split": [StepSpec("time_features", "time_features", {}), SPLIT, HASH],
    "rare_values": [SPLIT, StepSpec("rare", "rare_values", {"min_count": 12}), HASH],
    "dates": [
        SPLIT,
        StepSpec(
            "dates", "dates", {"column": "hour", "format": "yymmddhh", "parts": ["month", "hour"]}
        ),
        HASH,
    ],
    "cross": [
        StepSpec("cross", "cross", {"columns": ["place", "hour"], "keep": False}),
        StepSpec("time", "dates", {"column": "day", "time_zone": "Europe/Paris", "keep": True}),
        HASH,
    ],
    "shuffle": [StepSpec("split", "split", {"method": "shuffle"}), HASH],
    "without rare values": [
        StepSpec("split", "split", {}),
        StepSpec("rare_values", "rare_values", {"min_count": 9, "replacement": "rare"}),
        HASH,
    ],
    "by time": [
        StepSpec("split", "split", {"method": "time", "column": "day", "before": "2014"}),
        HASH,
    ],
}


def table(rows: int, seed: int = 0) -> list[dict[str, str | None]]:
    """Rows with a bit of everything, numbers between the texts."""
    draw = np.random.default_rng(seed)
    return [
        {
            "id": str(10**19 + row),
            "place": PLACES[draw.integers(len(PLACES))],
            "price": PRICES[draw.integers(len(PRICES))],
            "hour": HOURS[draw.integers(len(HOURS))],
            "click": str(draw.integers(2)),
            "nothing": None,
            "age": PRICES[draw.integers(len(PRICES))],
            "day": str(draw.integers(2013, 2016)),
        }
        for row in range(rows)
    ]


def as_csv(rows: Rows) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


# -- the same rows


@pytest.mark.parametrize("numeric", [(), ("age", "price")], ids=["text", "numbers"])
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_every_row_of_a_job(
    tmp_path: Path, steps: list[StepSpec], numeric: tuple[str, ...]
) -> None:
    rows = table(150)
    spec = job(steps=steps, id="id", label="click", numeric=numeric)
    result, transformer = loaded(tmp_path, as_csv(rows), spec)
    assert_same(transformer, rows, written(result))
    assert transformer.columns == ("place", "price", "hour", "nothing", "age", "day")


def test_what_steps_learned_is_known(tmp_path: Path) -> None:
    rows = table(100)
    learning = [StepSpec(name, name, {}) for name in ("rare_values", "standardize")]
    spec = job(steps=[SPLIT, *learning, HASH], id="id", label="click", numeric=("age", "price"))
    result, transformer = loaded(tmp_path, as_csv(rows), spec)
    assert_same(transformer, rows, written(result))
    (result.output / "report/state/standardize.arrow").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        load(result.output)
    assert str(caught.value) == (
        f"{result.output}/report/state/standardize.arrow: "
        "is not the file that the manifest means (sha256 differs)"
    )
    change(result.output, states={})
    assert refusal(result.output) == (
        "transform.steps.rare_values: the run did not keep what it learned"
    )


def test_the_order_of_keys_and_what_is_no_feature_do_not_matter(tmp_path: Path) -> None:
    rows = table(50)
    spec = job(steps=STEPS["per_column"], id="id", label="click", categorical=("day", "place"))
    result, transformer = loaded(tmp_path, as_csv(rows), spec)
    turned = [dict(reversed(row.items())) for row in rows]
    assert_same(transformer, turned, written(result))
    features = [{"day": row["day"], "place": row["place"]} for row in rows]
    assert_same(transformer, features, written(result))


def test_parquet_and_numbers_of_python(tmp_path: Path) -> None:
    """A number in a column of text is what the reader makes of it in a file."""
    rows = [
        {"id": f"{row:02}", "flag": row % 2 == 0, "count": row - 5, "big": 10**19 + row}
        | {"price": row / 7}
        for row in range(20)
    ]
    columns = {
        name: pa.array([row[name] for row in rows], pa.uint64() if name == "big" else None)
        for name in rows[0]
    }
    file = tmp_path / "data.parquet"
    pq.write_table(pa.table(columns), file)
    spec = job(id="id", numeric=("price",))
    result, transformer = loaded(tmp_path, {"data.parquet": file.read_bytes()}, spec)
    assert_same(transformer, rows, written(result))


def test_json_lines_whose_keys_may_be_absent(tmp_path: Path) -> None:
    rows = [{"id": str(number), "a": "x", "b": number} for number in range(5)]
    for row in rows[2:]:
        del row["b"]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    result = run(tmp_path, {"data.jsonl": lines}, job(id="id"))
    assert_same(load(result.output, absent="null"), rows, written(result))


CELL = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBER = st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(20))
@given(data=st.data())
def test_any_table(tmp_path: Path, data: st.DataObject) -> None:
    names = data.draw(
        st.lists(st.text(st.characters(exclude_categories=["C"]), min_size=1), min_size=1,
                 max_size=4, unique=True).filter(lambda names: not {"id", "n"} & set(names))
    )  # fmt: skip
    row = st.fixed_dictionaries({"n": NUMBER, **dict.fromkeys(names, CELL)})
    rows = data.draw(st.lists(row, min_size=1, max_size=8))
    steps = STEPS[data.draw(st.sampled_from(["feature_hasher", "shared", "per_column"]))]
    numeric = data.draw(st.sampled_from([(), ("n",)]))
    if not numeric:
        rows = [{**row, "n": None if row["n"] is None else int(row["n"])} for row in rows]
    rows = [{"id": f"{number:03}", **row} for number, row in enumerate(rows)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    spec = job(steps=steps, id="id", numeric=numeric, threads=1)
    result, transformer = loaded(tmp_path, {"data.jsonl": lines}, spec)
    assert_same(transformer, rows, written(result))


def test_types_that_stand_for_text(tmp_path: Path) -> None:
    _, transformer = loaded(tmp_path, "c,n\n1,2\n", job(numeric=("n",)))
    as_text: dict[Any, str] = {
        1005: "1005",
        10**30: str(10**30),
        True: "true",
        False: "false",
        None: "",
    }
    as_text |= {np.int64(7): "7", np.str_("é"): "é"}
    for given_, text in [*as_text.items(), (np.True_, "true")]:
        assert plain_row(transformer({"c": given_, "n": None})) == plain_row(
            transformer({"c": text, "n": ""})
        )
    for number in (0.1, 2, 1e22, -0.0, np.float64(0.1), np.float32(0.5), np.int8(3)):
        assert plain_row(transformer({"c": "x", "n": number})) == plain_row(
            transformer({"c": "x", "n": str(number)})
        )


def test_no_rows(tmp_path: Path) -> None:
    _, transformer = loaded(tmp_path, clicks(3), job(id="id", label="click", numeric=()))
    sparse = transformer.rows([])
    assert (sparse.offsets.tolist(), len(sparse.indices), len(sparse.values)) == ([0], 0, 0)
    indices, values = transformer(dict.fromkeys(transformer.columns))
    assert (len(indices), len(values)) == (0, 0)


def test_the_arrays_may_be_written_to(tmp_path: Path) -> None:
    _, transformer = loaded(tmp_path, clicks(3), job(id="id", label="click"))
    sparse = transformer.rows([dict.fromkeys(transformer.columns, "x")])
    for array in (sparse.offsets, sparse.indices, sparse.values):
        array[:1] = 0


def test_many_threads_at_once(tmp_path: Path) -> None:
    rows = table(200)
    spec = job(steps=STEPS["time_features"], id="id", label="click", numeric=("price",))
    result, transformer = loaded(tmp_path, as_csv(rows), spec)
    expected = written(result)
    with ThreadPoolExecutor(8) as pool:
        for number, (indices, values) in enumerate(pool.map(transformer, rows)):
            assert np.array_equal(indices, expected[number].indices)
            assert np.array_equal(values, expected[number].data)


# -- rows that cannot be used

FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"n": 1}, "c", "the key is missing; give None for an empty cell"),
    ({"c": "x", "n": 1, "naem": 2}, "naem", "no such column; did you mean 'name'?"),
    ({"c": "x", "n": "many"}, "n", "expected a number, got 'many'"),
    ({"c": "x", "n": float("nan")}, "n", "expected a number, got 'nan'"),
    ({"c": "x", "n": "1e999"}, "n", "expected a number, got '1e999'"),
    ({"c": "x", "n": True}, "n", "expected a number, got 'true'"),
    ({"c": 0.5, "n": 1}, "c", "give the text that stands in the file, not the float 0.5"),
    ({"c": ["x"], "n": 1}, "c", "a list is no cell; give a text, a number or None"),
    ({"c": b"x", "n": 1}, "c", "a bytes is no cell; give a text, a number or None"),
    ({"c": "\ud800", "n": 1}, "c", "the text is not valid Unicode ('\\ud800')"),
    (
        {"c": "x", "n": 1, "hour": "14139900"},
        "hour",
        "expected an hour as YYMMDDHH, got '14139900'",
    ),
]


@pytest.fixture(scope="module")
def transformer(tmp_path_factory: pytest.TempPathFactory) -> RowTransformer:
    steps = [StepSpec("time_features", "time_features", {}), HASH]
    spec = job(steps=steps, numeric=("n",), label="label", on_bad_rows="skip")
    content = "label,hour,name,c,n\n1,14102100,a,b,2\n"
    return loaded(tmp_path_factory.mktemp("online"), content, spec)[1]


@pytest.mark.parametrize(("row", "column", "what"), FAULTS)
def test_a_row_that_cannot_be_used_is_named(
    transformer: RowTransformer, row: dict[str, Any], column: str, what: str
) -> None:
    """Even if the job left such rows out: nobody would know which."""
    good = {"hour": None, "name": "a", "c": "x", "n": None}
    bad = {"hour": None, "name": "a", **row}
    with pytest.raises(RowError) as alone:
        transformer(bad)
    assert str(alone.value) == f"the row, column {column!r}: {what}"
    with pytest.raises(RowError) as among:
        transformer.rows([good, good, bad, bad])
    assert str(among.value) == f"rows[2], column {column!r}: {what}"
    assert (among.value.row, among.value.column, among.value.what) == (2, column, what)


def test_a_broken_text_that_no_step_keeps(tmp_path: Path) -> None:
    steps = [StepSpec("cross", "cross", {"columns": ["a", "b"], "keep": False}), HASH]
    _, transformer = loaded(tmp_path, "a,b\nx,y\n", job(steps=steps))
    with pytest.raises(RowError) as caught:
        transformer({"a": "\ud800", "b": None})
    what = "the text is not valid Unicode ('\\ud800')"
    assert str(caught.value) == f"the row, column 'a': {what}"


def test_what_is_no_row(transformer: RowTransformer) -> None:
    with pytest.raises(TypeError) as caught:
        transformer(["x"])  # type: ignore[arg-type]
    assert str(caught.value) == "a row should be a dict, column → value (got list)"


# -- where a model is served

SERVER = """
import sys


class Missing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in %r:
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, Missing())
import json
import headrace

transformer = headrace.load(sys.argv[1])
indices, values = transformer(json.loads(sys.argv[2]))
print(json.dumps([indices.tolist(), values.tolist()]))
"""
CLIENT = (
    "boto3", "botocore", "docker", "hydra", "omegaconf", "pandas", "pydantic", "requests", "rich",
    "sagemaker", "scipy", "sklearn", "yaml",
)  # fmt: skip


def test_numpy_and_pyarrow_are_enough(headrace: Any, tmp_path: Path) -> None:
    """From a run of the command line, with the entry script as it is."""
    ran: Completed = headrace("output.path=out", "transform=time_hashing")
    assert ran.returncode == 0, ran.stderr
    with (PROJECT / "data/avazu_sample.csv").open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    part = tmp_path / "out/train/part-00000.npz"
    matrix, ids = sp.load_npz(part), np.load(part)["id"]
    served = children.run(
        [sys.executable, "-c", SERVER % (CLIENT,), "out", json.dumps(rows[ids[5].decode()])],
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join([str(PROJECT / "framework"), str(PROJECT)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert served.stderr == ""
    assert json.loads(served.stdout) == [matrix[5].indices.tolist(), matrix[5].data.tolist()]


@pytest.mark.parametrize("steps", ["feature_hasher", "shared", "per_column"])
def test_kernels_change_nothing(tmp_path: Path, steps: str, request: pytest.FixtureRequest) -> None:
    """Neither the rows nor what is said of rows that cannot be used."""
    _, transformer = loaded(tmp_path, as_csv(table(20)), job(steps=STEPS[steps], id="id"))
    rows: list[dict[str, Any]] = [*table(40, seed=1), *table(1)]
    rows[3] = dict.fromkeys(transformer.columns, 7)
    wrong: list[Any] = [{**rows[0], "age": 0.5}, {**rows[0], "new": 1}, {"age": "1"}]
    wrong += [{**rows[0], "place": "\ud800"}]

    def outcome() -> list[Any]:
        made: list[Any] = [[each.tolist() for each in vars(transformer.rows(rows)).values()]]
        for row in wrong:
            with pytest.raises(RowError) as caught:
                transformer.rows([rows[0], row])
            made.append(str(caught.value))
        return made

    compiled = outcome()
    request.getfixturevalue("numpy_alone")
    assert compiled == outcome()
