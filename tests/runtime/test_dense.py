"""Rows that are not hashed, in NumPy's arrays and libffm, and the map of their features."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.feature_extraction import FeatureHasher

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.chain.preflight import preflight
from headrace.runtime.spec import StepSpec
from tests.runtime.dense_rows import LABEL, ROWS, refused, text_of, written
from tests.runtime.jobs import HASH, SPLIT, Result, clicks, job, run

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
    steps = "vocabulary, one_hot" + (", feature_hasher" if format_name != "npy" else "")
    assert refused(rows, format=format_name) == (
        f"output.format: {format_name} holds numbers, but column 't' holds text; add a step that "
        f"makes numbers of it ({steps}), or use output.format=parquet"
    )
    lists = pa.record_batch(
        [[1.0], [["x"]]], schema=pa.schema([LABEL, ("t", pa.list_(pa.string()))])
    )
    way = "leave it out" if format_name == "npy" else "add the step feature_hasher"
    assert refused(lists, format=format_name) == (
        f"output.format: {format_name} holds numbers, but column 't' holds lists; {way}, or use "
        "output.format=parquet"
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
