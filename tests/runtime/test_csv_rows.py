"""CSV parts: each number and text as Python and pandas read it, of rows that are hashed or not."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.chain.preflight import preflight
from headrace.runtime.errors import DataError
from headrace.runtime.output.writers.csv_rows import CsvWriter
from headrace.runtime.output.writers.decimals import NotFiniteError, decimals
from headrace.runtime.output.writers.reading import Known
from headrace.runtime.spec import StepSpec
from tests.runtime.dense_rows import LABEL, ROWS, refused, text_of, written
from tests.runtime.jobs import clicks, job, run


def test_csv_has_the_label_first_and_no_id() -> None:
    assert text_of(format="csv") == (
        "1,0.5,4,2,10000000000000000000000\n0,,0,,3\n1,0,1,0,-0.0000001\n"
    )


def test_csv_with_a_header() -> None:
    assert text_of(format="csv", header=True).splitlines()[0] == "y,n,v,b,m"


def test_csv_with_chosen_columns() -> None:
    chosen = text_of(format="csv", header=True, columns=("m", "id", "y"))
    assert chosen == "m,id,y\n10000000000000000000000,a,1\n3,bb,0\n-0.0000001,c,1\n"


def test_csv_without_such_a_column() -> None:
    assert refused(ROWS, format="csv", columns=("y", "idd")) == (
        "output.columns: there is no column 'idd'; did you mean 'id'?"
    )
    assert refused(ROWS, format="csv", columns=("y", "n", "y")) == (
        "output.columns: 'y' stands twice"
    )


def test_csv_of_ids_alone() -> None:
    what = "output.format: there is no column left for csv to hold"
    assert refused(ROWS.select(["id"]), format="csv") == what
    assert text_of(ROWS.select(["id"]), format="csv", columns=("id",)) == "a\nbb\nc\n"


@pytest.mark.parametrize("setting", [{"header": True}, {"columns": ("y",)}])
def test_settings_of_csv_alone(setting: dict[str, Any]) -> None:
    (key,) = setting
    assert refused(ROWS, format="npy", **setting) == (
        f"output.{key}: means nothing with output.format=npy; leave it out, or use "
        "output.format=csv"
    )


TEXTS = ["plain", None, "", "a,b", 'say "x"', "line\nend", "cr\r", "007", " ", "é", "#", "NULL"]


def test_texts_of_csv_are_quoted_where_they_must() -> None:
    rows = pa.record_batch([[1.0] * len(TEXTS), TEXTS], schema=pa.schema([LABEL, ("t", "string")]))
    text = text_of(rows, format="csv")
    assert text.startswith('1,plain\n1,\n1,""\n1,"a,b"\n1,"say ""x"""\n1,"line\nend"\n1,"cr\r"\n')
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert [cell for _, cell in read] == [each or "" for each in TEXTS]
    table = pa_csv.read_csv(
        io.BytesIO(text.encode()),
        pa_csv.ReadOptions(column_names=["y", "t"]),
        pa_csv.ParseOptions(newlines_in_values=True),
        pa_csv.ConvertOptions(
            column_types={"t": pa.string()}, null_values=[""], strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )  # fmt: skip
    assert table["t"].to_pylist() == TEXTS


@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize(
    "cells",
    [
        pa.array([1.5, None, 3.25]),
        pa.array([None, None], pa.float64()),
        pa.array([1, None], pa.int32()),
        pa.array(["x", None, "y,z"]),
    ],
)
def test_a_null_alone_in_its_line_is_no_blank_line(cells: pa.Array, header: bool) -> None:
    text = text_of(pa.record_batch([cells], ["n"]), format="csv", header=header)
    wanted = [None if each is None else str(each) for each in cells.to_pylist()]
    lines = list(csv.reader(io.StringIO(text)))[header:]
    assert [line[0] or None for line in lines] == wanted
    frame = pd.read_csv(io.StringIO(text), header=0 if header else None)
    assert frame.iloc[:, 0].isna().tolist() == cells.is_null().to_pylist()
    kind = "text" if cells.type == pa.string() else "number"
    known = Known(None, None, None, True, {}, {"n": kind})
    (read,) = CsvWriter(header).read({".csv": text.encode()}, known).columns
    assert read.to_pylist() == cells.to_pylist()
    assert CsvWriter(header).is_exact(known) == (kind == "number")


@pytest.mark.parametrize("header", [True, False])
def test_a_first_text_that_begins_like_a_byte_order_mark(header: bool) -> None:
    name, text = "\ufeffn", "\ufeff\ufeffx"
    known = Known(None, None, None, True, {}, {name: "text", "m": "text"})
    rows = pa.record_batch([[text, "a"], ["b", text]], list(known.columns))
    written = text_of(rows, format="csv", header=header).encode()
    assert CsvWriter(header).read({".csv": written}, known).equals(rows)


@pytest.mark.parametrize("text", ["", '"', ",", "\n", "\r", "x"])
def test_one_text_that_needs_quotes_is_found(text: str) -> None:
    cells = pa.array(["null", text, "b"], mask=np.array([True, False, False]))
    rows = pa.record_batch([cells, ["a", "b", text]], ["t", "u"]).slice(1)
    quoted = text if text == "x" else f'"{text.replace(chr(34), chr(34) * 2)}"'
    assert text_of(rows, format="csv") == f"{quoted},b\nb,{quoted}\n"


def test_csv_of_numbers_that_have_no_text() -> None:
    rows = pa.record_batch([pa.array([1.0, math.inf])], ["n"])
    with pytest.raises(DataError) as caught:
        written(rows, format="csv")
    assert str(caught.value) == (
        "column 'n': a number is infinite or NaN, for which csv has no text; "
        "use output.format=parquet, or a step that makes it null"
    )


def test_csv_of_lists() -> None:
    rows = pa.record_batch([pa.array([["a"], ["b", "c"]])], ["t"])
    assert refused(rows, format="csv") == (
        "output.format: csv has no cell for column 't', which holds list<item: string>; "
        "use output.format=parquet, or a step that makes numbers or texts of it"
    )


def test_slices_and_batches_of_csv_do_not_matter() -> None:
    random = np.random.default_rng(0)
    numbers = [random.normal(size=20_000), np.floor(random.normal(size=20_000) * 9)]
    numbers[1][10_000:] = numbers[0][10_000:]
    rows = pa.record_batch([pa.array(each) for each in numbers], ["a", "b"])
    assert written(rows, format="csv") == written(rows, 7, format="csv")
    frame = pd.read_csv(io.StringIO(text_of(rows, format="csv")), header=None)
    assert (frame.to_numpy() == np.stack(numbers, axis=1)).all()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none()))
@example([1e-7, 1e22, 5e-324, 2.0**53, -0.0, 1e15, 1.2345678901234567e15])
def test_numbers_are_the_shortest_text_without_an_exponent(numbers: list[float | None]) -> None:
    for number, text in zip(
        numbers, decimals(pa.array(numbers, pa.float64())).to_pylist(), strict=True
    ):
        assert text == (None if number is None else np.format_float_positional(number, trim="-"))


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    st.integers(1, 3),
    st.integers(1, 4),
)
@example([0.5, 1e-9, 2.5, -0.0, 0.25, 3e300], 1, 2)
@example([0.5, 1e-9, 2.5, -0.0, 0.25, 3e300], 3, 1)
def test_lines_of_numbers(numbers: list[float], columns: int, pieces: int) -> None:
    lines = [numbers[start : start + columns] for start in range(0, len(numbers), columns)]
    lines[-1] += [1.0] * (columns - len(lines[-1]))
    arrays = [pa.array([line[place] for line in lines]) for place in range(columns)]
    rows = pa.record_batch(arrays, [f"n{place}" for place in range(columns)])
    assert written(rows, pieces, format="csv")[".csv"].decode().splitlines() == [
        ",".join(np.format_float_positional(each, trim="-") for each in line) for line in lines
    ]


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_float32_numbers_are_short_as_well(numbers: list[float]) -> None:
    array = np.array(numbers, np.float32)
    expected = [np.format_float_positional(number, trim="-") for number in array]
    assert decimals(pa.array(array)).to_pylist() == expected


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none(number: float) -> None:
    with pytest.raises(NotFiniteError):
        decimals(pa.array([None, 1.0, number]))


def test_csv_of_hashed_rows(tmp_path: Path) -> None:
    content = clicks(300).replace(",v", ",")
    npz = run(tmp_path, content, job(label="click", id="id", numeric=("c1",)))
    made = run(tmp_path, content, job(label="click", id="id", numeric=("c1",), format="csv"))
    (part,) = made.parts("train")
    read = pd.read_csv(part, header=None).to_numpy()
    assert (read[:, 0] == npz.array("label")).all()
    assert (read[:, 1:] == npz.matrix().toarray()).all()
    assert (
        made.manifest["channels"]["train"]["digest"]
        == (npz.manifest["channels"]["train"]["digest"])
    )


def test_csv_of_chosen_columns_of_a_matrix(tmp_path: Path) -> None:
    content = clicks(50)
    npz = run(tmp_path, content, job(label="click", id="id"))
    spec = job(label="click", id="id", output={
        "format": "csv", "header": True, "columns": ("id", "63", "0", "click")
    })  # fmt: skip
    frame = pd.read_csv(run(tmp_path, content, spec).parts("train")[0], dtype={"id": str})
    assert list(frame.columns) == ["id", "63", "0", "click"]
    assert (frame[["63", "0"]].to_numpy() == npz.matrix().toarray()[:, [63, 0]]).all()
    assert frame["id"].tolist() == [each.decode() for each in npz.array("id")]


def test_csv_of_a_matrix_that_is_too_wide(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("c\nx\n")
    wide = StepSpec("feature_hasher", "feature_hasher", {"n_features": 10_001})
    with pytest.raises(ChainError) as caught:
        preflight(job(steps=[wide], format="csv"), [tmp_path / "data.csv"])
    assert str(caught.value) == (
        "output.format: csv writes hashed rows with all their zeros, so transform.n_features may "
        "be at most 10,000 (got 10,001); make it smaller, or use output.format=npz, libsvm or "
        "recordio"
    )


def test_columns_that_a_step_has_yet_to_learn(tmp_path: Path) -> None:
    content = "y,a,n\n1,x,2\n0,y,\n1,x,1\n0,y,3\n"
    steps = [StepSpec("one_hot", "one_hot", {})]
    chosen = {"format": "csv", "header": True, "columns": ("a=y", "y")}
    made = run(tmp_path, content, job(label="y", numeric=("n",), steps=steps, output=chosen))
    assert made.parts("train")[0].read_text() == "a=y,y\n0,1\n1,0\n0,1\n1,0\n"
    alone = {**chosen, "columns": ("a=y",)}
    made = run(tmp_path, content, job(label="y", numeric=("n",), steps=steps, output=alone))
    assert made.parts("train")[0].read_text() == "a=y\n0\n1\n0\n1\n"
    wrong = {**chosen, "columns": ("a=z", "y")}
    with pytest.raises(ChainError) as caught:
        run(tmp_path, content, job(label="y", numeric=("n",), steps=steps, output=wrong))
    assert str(caught.value) == ("output.columns: there is no column 'a=z'; did you mean 'a=y'?")


@pytest.mark.parametrize(
    ("output", "key"), [({"header": True}, "header"), ({"columns": ("1", "2")}, "columns")]
)
def test_a_label_that_is_called_as_an_index(
    tmp_path: Path, output: dict[str, Any], key: str
) -> None:
    with pytest.raises(ChainError) as caught:
        run(tmp_path, "1,c\n0,x\n", job(label="1", format="csv", output=output))
    assert str(caught.value) == (
        f"output.{key}: '1' is a column of the hashed matrix, and the label or the id is called so "
        "as well; leave this setting out, or give that column another name"
    )
