"""Rows that are not hashed, in the formats that hold them: CSV, NumPy's arrays, libffm."""

from __future__ import annotations

import csv
import io
import json
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
from sklearn.feature_extraction import FeatureHasher

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.chain.preflight import preflight, refuse_unwritable
from headrace.runtime.errors import DataError
from headrace.runtime.output.writers import writer_of
from headrace.runtime.output.writers.base import files_of
from headrace.runtime.output.writers.csv_rows import CsvWriter
from headrace.runtime.output.writers.decimals import NotFiniteError, decimals
from headrace.runtime.output.writers.reading import Known
from headrace.runtime.spec import OutputSpec, StepSpec
from headrace.runtime.transform import Role, encoded, with_role
from tests.runtime.jobs import HASH, SPLIT, Result, clicks, job, run

LABEL = with_role(pa.field("y", pa.float64()), Role.LABEL)
ID = with_role(pa.field("id", pa.string()), Role.ID)
SCHEMA = pa.schema(
    [
        ID,
        pa.field("n", pa.float64()),
        encoded(pa.field("v", pa.int32()), 5, null=0, unknown=1),
        LABEL,
        encoded(pa.field("b", pa.int32()), 3),
        pa.field("m", pa.float64()),
    ]
)
ROWS = pa.record_batch(
    [
        ["a", "bb", "c"],
        [0.5, None, 0.0],
        pa.array([4, 0, 1], pa.int32()),
        [1.0, 0.0, 1.0],
        pa.array([2, None, 0], pa.int32()),
        [1e22, 3.0, -1e-7],
    ],
    schema=SCHEMA,
)


def written(rows: pa.RecordBatch = ROWS, pieces: int = 1, **output: Any) -> dict[str, bytes]:
    """The files of one part, by the end of their names."""
    spec = OutputSpec(**output)
    refuse_unwritable(spec, rows.schema)
    size = -(-rows.num_rows // pieces) or 1
    batches = [rows.slice(start, size) for start in range(0, rows.num_rows, size)]
    files = {}
    for suffix, write in files_of(writer_of(spec), rows.schema).items():
        file = io.BytesIO()
        write(batches, file)
        files[suffix] = file.getvalue()
    return files


def text_of(rows: pa.RecordBatch = ROWS, **output: Any) -> str:
    (content,) = written(rows, **output).values()
    return content.decode()


def refused(rows: pa.RecordBatch, **output: Any) -> str:
    with pytest.raises(ChainError) as caught:
        written(rows, **output)
    return str(caught.value)


# CSV


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


# NumPy


def test_npy() -> None:
    files = {suffix: np.load(io.BytesIO(each)) for suffix, each in written(format="npy").items()}
    assert {suffix: each.dtype.str for suffix, each in files.items()} == {
        ".categorical.npy": "<i4", ".numeric.npy": "<f4", ".label.npy": "<f4", ".id.npy": "|S2",
    }  # fmt: skip
    assert files[".categorical.npy"].tolist() == [[4, 2], [0, 3], [1, 0]]  # no null: the last id
    numbers = files[".numeric.npy"]
    assert np.isnan(numbers[1, 0])
    assert np.nan_to_num(numbers).tolist() == (
        np.array([[0.5, 1e22], [0, 3], [0, -1e-7]], np.float32).tolist()
    )
    assert files[".label.npy"].tolist() == [1, 0, 1]
    assert files[".id.npy"].tolist() == [b"a", b"bb", b"c"]
    assert written(format="npy") == written(pieces=3, format="npy")


def test_npy_without_columns_of_one_kind() -> None:
    assert list(written(ROWS.select(["n"]), format="npy")) == [".numeric.npy"]
    assert list(written(ROWS.select(["v", "y"]), format="npy")) == [
        ".categorical.npy",
        ".label.npy",
    ]


def test_dense_npz() -> None:
    with np.load(io.BytesIO(written(format="npz")[".npz"]), allow_pickle=False) as arrays:
        assert arrays.files == ["x", "columns", "label", "id"]
        assert arrays["columns"].tolist() == ["n", "v", "b", "m"]
        assert arrays["x"].dtype == np.float64
        assert str(arrays["x"].tolist()) == (
            "[[0.5, 4.0, 2.0, 1e+22], [nan, 0.0, nan, 3.0], [0.0, 1.0, 0.0, -1e-07]]"
        )


@pytest.mark.parametrize("format_name", ["npz", "npy", "libffm"])
def test_text_has_no_place_in_an_array(format_name: str) -> None:
    rows = pa.record_batch(
        [[1.0], [2.0], ["x"]], schema=pa.schema([LABEL, ("n", "double"), ("t", "string")])
    )
    assert refused(rows, format=format_name) == (
        f"output.format: {format_name} holds numbers, but column 't' holds text; add a step that "
        "makes numbers of it (vocabulary, one_hot, feature_hasher), or use output.format=parquet"
    )
    assert refused(rows.select(["y"]), format=format_name) == (
        f"output.format: there is no feature column left for {format_name} to hold"
    )


def test_npy_of_hashed_rows(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("c\nx\n")
    with pytest.raises(ChainError) as caught:
        preflight(job(format="npy"), [tmp_path / "data.csv"])
    assert str(caught.value) == (
        "output.format: npy has a column for each field, but the chain hashes all of them into one "
        "sparse row; use the step vocabulary in place of the hasher, or output.format=npz"
    )


# libffm


def parsed(line: str) -> tuple[float, list[tuple[int, int, float]]]:
    """As libffm's own reader does it: strtok on blanks and colons."""
    label, *entries = line.split()
    cells = [entry.split(":") for entry in entries]
    return float(label), [(int(field), int(index), float(value)) for field, index, value in cells]


def test_libffm() -> None:
    lines = text_of(format="libffm").splitlines()
    # n: 0; v: 1 to 5; b: 6 to 8; m: 9
    assert [parsed(line) for line in lines] == [
        (1, [(0, 0, 0.5), (1, 5, 1), (2, 8, 1), (3, 9, 1e22)]),
        (0, [(1, 1, 1), (3, 9, 3)]),
        (1, [(1, 2, 1), (2, 6, 1), (3, 9, -1e-7)]),
    ]


def test_libffm_without_a_label() -> None:
    assert refused(ROWS.select(["n"]), format="libffm") == (
        "output.format: libffm begins each line with the label, but there is none; "
        "set dataset.label or use output.format=npz"
    )


@pytest.mark.parametrize("width", [7, 1 << 24])
def test_libffm_of_hashed_rows(tmp_path: Path, width: int) -> None:
    steps = [SPLIT, StepSpec("feature_hasher", "feature_hasher", {"n_features": width})]
    content = clicks(200).replace(",v", ",")
    made, npz = (
        run(
            tmp_path,
            content,
            job(id="id", label="click", steps=steps, numeric=("c2",), format=name),
        )
        for name in ("libffm", "npz")
    )
    assert made.manifest["fields"] == {"c0": 0, "c1": 1, "c2": 2, "c3": 3}
    digests = {each.manifest["channels"]["train"]["digest"] for each in (made, npz)}
    assert len(digests) == 1
    (part,) = made.parts("train")
    trained = set(npz.array("id").tolist())
    rows = [row for row in csv.DictReader(io.StringIO(content)) if row["id"].encode() in trained]
    oracle = FeatureHasher(width)
    columns = []
    for name in made.manifest["fields"]:
        cells = [row[name] for row in rows]
        tokens = [
            {} if not cell else {name: float(cell) if name == "c2" else cell} for cell in cells
        ]
        columns.append(oracle.transform(tokens))
    for row, line in enumerate(part.read_text().splitlines()):
        label, entries = parsed(line)
        assert label == float(rows[row]["click"])
        assert entries == [
            (field, int(index), value)
            for field, column in enumerate(columns)
            for index, value in zip(column[row].indices, column[row].data, strict=True)
        ]


def feature_map(result: Result) -> dict[str, Any]:
    path = result.output / "report/feature_map.json"
    assert "report/feature_map.json" in result.manifest["files"]
    return dict(json.loads(path.read_text()))


def test_the_feature_map_of_hashed_rows(tmp_path: Path) -> None:
    made = run(tmp_path, "y,a,n\n1,x,2\n", job(label="y", numeric=("n",), format="libffm"))
    same = {"size": 64, "null": None, "unknown": None, "offset": 0}
    assert feature_map(made) == {
        "a": {"kind": "categorical", **same, "index": 0, "field": 0},
        "n": {"kind": "numeric", **same, "index": 1, "field": 1},
    }
    plain = run(tmp_path, "y,a,n\n1,x,2\n", job(label="y", numeric=("n",)))
    assert not {"report/feature_map.json", "fields"} & {*plain.manifest["files"], *plain.manifest}


# Whole jobs

KIT = [
    SPLIT,
    StepSpec("vocabulary", "vocabulary", {"columns": ["c0", "c2"], "min_count": 2}),
    StepSpec("bucketize", "bucketize", {"columns": ["c1"], "edges": [10, 20, 30]}),
    StepSpec("count_encode", "count_encode", {"columns": ["c3"]}),
]
KIT_JOB: dict[str, Any] = {"id": "id", "label": "click", "numeric": ("c1",), "steps": KIT}


@pytest.mark.parametrize("format_name", ["csv", "npy", "npz", "libffm"])
def test_blocks_and_threads_do_not_change_a_byte(tmp_path: Path, format_name: str) -> None:
    content = clicks(300).replace(",v", ",")
    one, other = (
        run(
            tmp_path,
            content,
            job(format=format_name, rows_per_part=40, block_bytes=size, threads=threads, **KIT_JOB),
        )
        for size, threads in ((1 << 20, 1), (700, 3))
    )
    assert one.bytes() == other.bytes()
    parquet = run(tmp_path, content, job(format="parquet", **KIT_JOB))
    digests = {each.manifest["channels"]["train"]["digest"] for each in (one, parquet)}
    assert len(digests) == 1


def test_the_feature_map_of_ids(tmp_path: Path) -> None:
    content = clicks(300).replace(",v", ",")
    npy = run(tmp_path, content, job(format="npy", **KIT_JOB))
    known = feature_map(npy)
    sizes = {name: each["size"] for name, each in known.items()}
    ids = np.concatenate(
        [np.load(part) for part in (npy.output / "train").glob("*.categorical.npy")]
    )
    assert known == npy.manifest["feature_map"]
    assert known == {
        "c0": {"kind": "categorical", "size": sizes["c0"], "null": 0, "unknown": 1, "index": 0},
        "c1": {"kind": "categorical", "size": 5, "null": 4, "unknown": None, "index": 1},
        "c2": {"kind": "categorical", "size": sizes["c2"], "null": 0, "unknown": 1, "index": 2},
        "c3": {"kind": "numeric", "size": 1, "null": None, "unknown": None, "index": 0},
    }
    assert (ids.min(axis=0) == 0).all()
    assert ids.max(axis=0).tolist() == [sizes["c0"] - 1, 4, sizes["c2"] - 1]
    csv_map = feature_map(run(tmp_path, content, job(format="csv", **KIT_JOB)))
    assert csv_map["c1"] == {
        "kind": "categorical", "size": 4, "null": None, "unknown": None, "index": 1
    }  # fmt: skip
    ffm = run(tmp_path, content, job(format="libffm", **KIT_JOB))
    assert [each["offset"] for each in feature_map(ffm).values()] == [
        0, sizes["c0"], sizes["c0"] + 4, sizes["c0"] + 4 + sizes["c2"],
    ]  # fmt: skip
    assert ffm.manifest["fields"] == {"c0": 0, "c1": 1, "c2": 2, "c3": 3}


def test_columns_that_a_step_has_yet_to_learn(tmp_path: Path) -> None:
    content = "y,a,n\n1,x,2\n0,y,\n1,x,1\n0,y,3\n"
    steps = [StepSpec("one_hot", "one_hot", {})]
    chosen = {"format": "csv", "header": True, "columns": ("a=y", "y")}
    made = run(tmp_path, content, job(label="y", numeric=("n",), steps=steps, output=chosen))
    assert made.parts("train")[0].read_text() == "a=y,y\n0,1\n1,0\n0,1\n1,0\n"
    wrong = {**chosen, "columns": ("a=z", "y")}
    with pytest.raises(ChainError) as caught:
        run(tmp_path, content, job(label="y", numeric=("n",), steps=steps, output=wrong))
    assert str(caught.value) == ("output.columns: there is no column 'a=z'; did you mean 'a=y'?")


def test_libffm_of_several_values_in_a_cell(tmp_path: Path) -> None:
    content = "y,t,c\n1,a|b|a,x\n0,,y\n1,b|c,\n"
    steps = [StepSpec("multi_value", "multi_value", {"columns": ["t"]}), HASH]
    made = run(tmp_path, content, job(label="y", steps=steps, format="libffm"))
    oracle = FeatureHasher(64, input_type="string")
    for line, row in zip(
        made.parts("train")[0].read_text().splitlines(),
        csv.DictReader(io.StringIO(content)),
        strict=True,
    ):
        expected = []
        for field, name in enumerate(("t", "c")):
            tokens = [f"{name}={value}" for value in row[name].split("|") if value]
            hashed = oracle.transform([tokens])
            hashed.sum_duplicates()
            pairs = zip(hashed.indices, hashed.data, strict=True)
            expected += [(field, int(index), value) for index, value in pairs]
        assert parsed(line) == (float(row["y"]), expected)
