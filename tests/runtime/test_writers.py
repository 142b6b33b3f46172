"""The parts: what SciPy, NumPy and Parquet readers find in them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.chain.preflight import preflight
from headrace.runtime.output.writers import npz, writer_of
from headrace.runtime.output.writers.arrays import Pieces
from headrace.runtime.output.writers.npz import write_arrays
from headrace.runtime.plugins.formats import WRITERS
from headrace.runtime.spec import OutputSpec, StepSpec
from tests.runtime.jobs import FORMATS, HASH, SPARSE_FORMATS, SPLIT, Result, clicks, job, run

ALL_TRAIN = StepSpec("split", "split", {"method": "time", "column": "day", "before": "9"})


@pytest.mark.parametrize("rows_per_part", [1, 7, 100, 101])
def test_npz(tmp_path: Path, rows_per_part: int) -> None:
    spec = job(id="id", label="click", rows_per_part=rows_per_part, block_bytes=999)
    result = run(tmp_path, clicks(100), spec)
    parts = result.parts("train")
    assert [part.name for part in parts] == [
        f"part-{number:05}.npz" for number in range(-(-100 // rows_per_part))
    ]
    for number, part in enumerate(parts):
        rows = min(rows_per_part, 100 - number * rows_per_part)
        matrix = sp.load_npz(part)
        matrix.check_format(full_check=True)
        assert (matrix.format, matrix.shape, matrix.dtype) == ("csr", (rows, 64), np.float32)
        assert matrix.has_canonical_format
        with np.load(part, allow_pickle=False) as arrays:
            assert {name: arrays[name].dtype.str for name in arrays.files} == {
                "indices": "<i4", "indptr": "<i4", "format": "|S3", "shape": "<i8",
                "data": "<f4", "label": "<f8", "id": "|S20",
            }  # fmt: skip
            assert len(arrays["label"]) == len(arrays["id"]) == rows


def test_npz_is_what_zipfile_writes(request: pytest.FixtureRequest) -> None:
    arrays = {
        "indices": Pieces.of(
            [np.arange(70, dtype=np.int32), np.arange(0, dtype=np.int32)], np.int32
        ),
        "format": Pieces.whole(np.array(b"csr")),
        "x": Pieces.of([np.ones((3, 2))], np.float64, 2),
    }
    expected = io.BytesIO()
    with zipfile.ZipFile(expected, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            with archive.open(member, "w") as stream:
                array.write(stream)
    for _ in range(2):
        made = io.BytesIO()
        write_arrays(arrays, made)
        assert made.getvalue() == expected.getvalue()
        request.getfixturevalue("numpy_alone")


def test_npz_of_two_gigabytes_is_left_to_zipfile(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays, made = {"x": Pieces.whole(np.arange(9))}, [io.BytesIO(), io.BytesIO()]
    write_arrays(arrays, made[0])
    monkeypatch.setattr(npz, "_MOST", 9)
    write_arrays(arrays, made[1])
    assert made[0].getvalue() == made[1].getvalue()


def test_files_that_are_not_written_from_front_to_end_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = job(id="id", label="click", steps=[HASH])
    hashed = run(tmp_path, clicks(20), spec).manifest["channels"]
    monkeypatch.setattr(npz, "_MOST", 0)
    again = run(tmp_path, clicks(20), spec)
    assert again.manifest["channels"] == hashed
    (part,) = hashed["train"]["parts"]
    content = (again.output / part["file"]).read_bytes()
    assert part["sha256"] == hashlib.sha256(content).hexdigest()


def test_npz_with_numbers(tmp_path: Path) -> None:
    result = run(tmp_path, "n,c\n0.1,x\n,y\n1e300,x\n", job(numeric=("n",)))
    assert result.matrix().dtype == np.float64
    assert sorted(np.abs(result.matrix().data)) == [0.1, 1.0, 1.0, 1.0, 1e300]
    with np.load(result.parts("train")[0]) as arrays:
        assert not {"label", "id"} & set(arrays.files)


def test_ids_keep_every_byte(tmp_path: Path) -> None:
    ids = ["7", "0007", "é" * 9, "x" * 300, "14489770110436898243", " "]
    content = "id,c\n" + "".join(f"{each},x\n" for each in ids)
    result = run(tmp_path, content, job(id="id", rows_per_part=4, block_bytes=3))
    assert [each.decode() for each in result.array("id").tolist()] == ids


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_manifest_has_the_digest_of_each_file(tmp_path: Path, format_name: str) -> None:
    spec = job(id="id", label="click", steps=[HASH], format=format_name)
    result = run(tmp_path, clicks(20), spec)
    for part in result.manifest["channels"]["train"]["parts"]:
        for file in (part, *part.get("beside", ())):
            content = (result.output / file["file"]).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (
                file["bytes"],
                file["sha256"],
            )


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_channel_without_rows_has_one_part_without_rows(tmp_path: Path, format_name: str) -> None:
    spec = job(id="id", label="click", steps=[ALL_TRAIN, HASH], format=format_name)
    content = "id,click,day\n1,0,3\n2,1,4\n"
    result = run(tmp_path, content, spec)
    (part,) = result.parts("validation")
    assert result.manifest["channels"]["validation"]["parts"][0]["rows"] == 0
    assert result.metrics["channels"]["validation"]["label_mean"] is None
    if format_name == "npz":
        assert sp.load_npz(part).shape == (0, 64)
        with np.load(part) as arrays:
            assert (len(arrays["label"]), len(arrays["id"])) == (0, 0)
            assert arrays["id"].dtype.kind == "S"
    elif format_name != "parquet":
        assert part.read_bytes() == b""
    else:
        assert pq.read_schema(part).equals(pq.read_schema(result.parts("train")[0]))


def _hashed_parquet(tmp_path: Path, numeric: tuple[str, ...]) -> Result:
    content = clicks(50).replace("c3\n", "n\n", 1).replace(",v", ",")
    steps = [SPLIT, HASH]
    spec = job(id="id", label="click", numeric=numeric, steps=steps, format="parquet")
    return run(tmp_path, content, spec)


@pytest.mark.parametrize("format_name", SPARSE_FORMATS)
def test_blocks_do_not_change_a_byte_of_a_part(tmp_path: Path, format_name: str) -> None:
    # So many that a Parquet writer gives up its dictionary on the way.
    log = clicks(20_000, 20, distinct=10**6)
    wide = StepSpec("feature_hasher", "feature_hasher", {"n_features": 1 << 24})
    one, other = (
        run(
            tmp_path,
            log,
            job(id="id", steps=[wide], format=format_name, label="click", block_bytes=size),
        )
        for size in (8 << 20, 300_000)
    )
    assert one.bytes() == other.bytes()


@pytest.mark.parametrize("numeric", [(), ("n",)])
def test_parquet_of_hashed_rows(tmp_path: Path, numeric: tuple[str, ...]) -> None:
    result = _hashed_parquet(tmp_path, numeric)
    table = result.table()
    assert [(field.name, str(field.type)) for field in table.schema] == [
        ("indices", "list<element: int32>"),
        ("values", "list<element: float>"),
        ("label", "double"),
        ("id", "string"),
    ]
    assert result.manifest["n_features"] == 64
    assert table.schema.metadata is None


def test_both_formats_hold_the_same_rows(tmp_path: Path) -> None:
    steps = [SPLIT, HASH]
    made = run(tmp_path, clicks(200), job(id="id", label="click", steps=steps))
    spec = job(id="id", label="click", steps=steps, format="parquet", rows_per_part=30)
    table = run(tmp_path, clicks(200), spec).table()
    matrix = made.matrix()
    assert np.concatenate(table["indices"].to_numpy()).tolist() == matrix.indices.tolist()
    assert np.concatenate(table["values"].to_numpy()).tolist() == matrix.data.tolist()
    assert table["label"].to_pylist() == made.array("label").tolist()
    assert [each.encode() for each in table["id"].to_pylist()] == made.array("id").tolist()


def test_parquet_of_rows_that_are_not_hashed(tmp_path: Path) -> None:
    spec = job(label="y", numeric=("n",), steps=[SPLIT], format="parquet")
    result = run(tmp_path, "y,n,c\n1,2.5,007\n0,,\n", spec)
    rows = [row for channel in ("train", "validation") for row in result.table(channel).to_pylist()]
    assert sorted(rows, key=str) == [
        {"y": 0.0, "n": None, "c": None},
        {"y": 1.0, "n": 2.5, "c": "007"},
    ]
    assert [str(each.type) for each in result.table().schema] == ["double", "double", "string"]


def test_npz_without_a_hasher(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("c\nx\n")
    with pytest.raises(ChainError) as caught:
        preflight(job(steps=[SPLIT]), [tmp_path / "data.csv"])
    assert str(caught.value) == (
        "output.format: npz holds numbers, but column 'c' holds text; add a step that makes "
        "numbers of it (vocabulary, one_hot, feature_hasher), or use output.format=parquet"
    )


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_feature_after_the_hasher_would_be_lost(tmp_path: Path, format_name: str) -> None:
    (tmp_path / "data.csv").write_text("hour,c\n14102100,x\n")
    late = StepSpec("late", "time_features", {})
    with pytest.raises(ChainError) as caught:
        preflight(job(steps=[HASH, late], format=format_name), [tmp_path / "data.csv"])
    assert str(caught.value) == (
        "transform.steps.late: there is no column 'hour' at this point of the chain; it stands "
        "behind 'feature_hasher', which hashes all features: put it before that "
        "(before: feature_hasher)"
    )


def test_every_format_of_the_configuration_has_a_writer() -> None:
    assert set(WRITERS.shipped) == {*FORMATS, "npy"}
    for name in WRITERS.shipped:
        writer = writer_of(OutputSpec(name))
        assert getattr(writer, "suffix", None) == (None if name == "npy" else f".{name}")


def test_a_format_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="no writer is called 'tsv'") as caught:
        writer_of(OutputSpec("tsv"))
    assert str(caught.value) == (
        "no writer is called 'tsv'; there are: npz, parquet, libsvm, recordio, csv, libffm, npy"
    )
