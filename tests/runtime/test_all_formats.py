"""All formats have the same rows: in one file or thousands, and by whatever name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from headrace.runtime.errors import DataError
from headrace.runtime.sources.files import format_of
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import HASH, clicks, gzipped, job, parquet_bytes, run

BY_TIME = StepSpec("split", "split", {"method": "time", "column": "t", "before": "5"})


def converted(text: str) -> dict[str, bytes]:
    """The same rows in every format."""
    lines = [line.split(",") for line in text.splitlines()]
    names, rows = lines[0], lines[1:]
    table = pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})
    return {
        "data.csv": text.encode(),
        "data.tsv": text.replace(",", "\t").encode(),
        "data.csv.gz": gzipped(text),
        "data.tsv.zst": pa.Codec("zstd").compress(text.replace(",", "\t").encode(), asbytes=True),
        "data.parquet": parquet_bytes(table),
        "data.jsonl": "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode(),
        "data.json.gz": gzipped("".join(json.dumps(row) + "\n" for row in table.to_pylist())),
    }


@pytest.mark.parametrize("name", converted("a\n1\n"))
def test_every_format_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    text = clicks(400)
    spec = job(id="id", label="click", block_bytes=2000)
    expected = run(tmp_path, text, spec).bytes()
    assert run(tmp_path, {name: converted(text)[name]}, spec).bytes() == expected


@pytest.mark.parametrize("threads", [1, 3])
def test_hundreds_of_small_files(tmp_path: Path, threads: int) -> None:
    header, *rows = clicks(600).splitlines(keepends=True)
    files = {f"{i // 100}/{i:04}.csv": header + row for i, row in enumerate(rows)}
    spec = job(id="id", label="click", threads=threads)
    assert run(tmp_path, files, spec).bytes() == run(tmp_path, header + "".join(rows), spec).bytes()


def test_files_of_several_formats_beside_each_other(tmp_path: Path) -> None:
    text = clicks(50)
    files = {f"{i}{name}": content for i, (name, content) in enumerate(converted(text).items())}
    spec = job(id="id", label="click")
    result = run(tmp_path, files, spec)
    once = run(tmp_path, text, spec).matrix()
    assert result.matrix().shape == (50 * len(files), 64)
    assert (result.matrix()[-50:] != once).nnz == 0


def test_columns_in_another_order(tmp_path: Path) -> None:
    spec = job(label="y", numeric=("n",))
    together = run(tmp_path, "y,n,c\n1,2,a\n0,3,b\n", spec)
    apart = run(tmp_path, {"1.csv": "y,n,c\n1,2,a\n", "2.csv": "c,y,n\nb,0,3\n"}, spec)
    assert apart.bytes() == together.bytes()


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("y,c\n1,a\n", "2.csv: there is no column 'n', unlike in the first file"),
        ("y,n,c,x\n1,2,a,b\n", "2.csv: column 'x' does not stand in the first file"),
        (
            "y,n,c,c\n1,2,a,b\n",
            "2.csv: the column name 'c' stands twice in the header; name all columns in "
            "dataset.columns, with dataset.header=true",
        ),
    ],
)
def test_a_file_that_is_unlike_the_first(tmp_path: Path, second: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        run(tmp_path, {"1.csv": "y,n,c\n1,2,a\n", "2.csv": second}, job(label="y"))
    assert str(caught.value) == message


def test_a_file_among_many_may_have_no_rows(tmp_path: Path) -> None:
    result = run(tmp_path, {"1.csv": "c\n", "2.csv": "c\nx\n", "3.csv": "c"}, job())
    assert result.manifest["rows"]["written"] == 1


NAMES: Sequence[tuple[str, str]] = [
    ("a.csv", "csv"), ("a.CSV", "csv"), ("a.csv.gz", "csv"), ("a.2014.tsv.zst", "tsv"),
    ("a.tab", "tsv"), ("a.parquet", "parquet"), ("a.snappy.parquet", "parquet"),
    ("a.json", "jsonl"), ("a.ndjson.gz", "jsonl"), ("a.jsonl.zstd", "jsonl"),
    ("train.gz", "csv"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), NAMES)
def test_format_by_name(name: str, kind: str) -> None:
    assert format_of(Path(name), "auto") == kind
    assert format_of(Path(name), "tsv") == "tsv"


@pytest.mark.parametrize("name", ["train", "train.log.gz", "data.txt", "csv"])
def test_a_name_that_does_not_tell(name: str) -> None:
    with pytest.raises(DataError) as caught:
        format_of(Path(name), "auto")
    assert str(caught.value) == (
        f"{name}: cannot tell the format from the name; set dataset.format to one of "
        "csv, tsv, parquet, jsonl"
    )


def test_a_format_that_is_declared(tmp_path: Path) -> None:
    """Avazu's own file is called ``train.gz``."""
    spec = job(steps=[BY_TIME, HASH])
    declared = replace(spec, dataset=replace(spec.dataset, format="csv"))
    result = run(tmp_path, {"train.gz": gzipped("t,c\n1,x\n9,y\n")}, declared)
    assert result.manifest["channels"]["validation"]["rows"] == 1
