"""Parquet and JSON lines, and what all formats have in common: one file or thousands."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.runtime.errors import DataError
from framework.runtime.sources import Portion, columns_of, groups_of
from framework.runtime.sources.files import format_of
from framework.runtime.spec import DatasetSpec, StepSpec
from tests.runtime.jobs import HASH, clicks, gzipped, job, run

BY_TIME = StepSpec("split", "split", {"method": "time", "column": "t", "before": "5"})


def parquet_bytes(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def read(
    folder: Path, content: bytes | str, name: str, size: int = 1 << 20, **dataset: Any
) -> list[dict[str, str | None]]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    spec = DatasetSpec(**dataset)
    rows: list[dict[str, str | None]] = []
    for group in groups_of([Portion(path)], spec, columns_of(path, spec), size):
        parsed = group.parse()
        assert not parsed.bad
        rows += parsed.batch.to_pylist()
    return rows


def fails(folder: Path, content: bytes | str, name: str, **dataset: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, content, name, **dataset)
    return str(caught.value)


PLAIN = [
    (pa.array(["a", "", None]), ["a", None, None]),
    (pa.array(["a", None], pa.large_string()), ["a", None]),
    (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
    (pa.array([b"a", None], pa.binary()), ["a", None]),
    (pa.array([1, -5, None], pa.int8()), ["1", "-5", None]),
    (pa.array([14489770110436898243], pa.uint64()), ["14489770110436898243"]),
    (pa.array([True, False, None]), ["true", "false", None]),
    (pa.array([0.5, None]), ["0.5", None]),
    (pa.array([Decimal("1.50")]), ["1.50"]),
    (pa.array([date(2014, 10, 21)]), ["2014-10-21"]),
    (pa.nulls(2), [None, None]),
]


@pytest.mark.parametrize(
    ("column", "texts"), PLAIN, ids=lambda each: str(getattr(each, "type", ""))
)
def test_parquet_columns_become_text(
    tmp_path: Path, column: pa.Array, texts: list[str | None]
) -> None:
    content = parquet_bytes(pa.table({"c": column, "d": column}))
    for size in (1, 300, 1 << 20):
        rows = read(tmp_path, content, "data.parquet", size)
        assert rows == [{"c": text, "d": text} for text in texts]


def test_parquet_in_many_row_groups(tmp_path: Path) -> None:
    table = pa.table({"a": [str(i) for i in range(1000)], "b": ["x"] * 1000})
    content = parquet_bytes(table, row_group_size=37)
    for size in (1, 5000, 1 << 20):
        assert read(tmp_path, content, "data.pq", size) == table.to_pylist()


def test_parquet_reads_only_what_is_used(tmp_path: Path) -> None:
    table = pa.table({"a": ["1"], "b": ["2"], "c": ["3"]})
    rows = read(tmp_path, parquet_bytes(table), "data.parquet", categorical=("c", "a"))
    assert rows == [{"a": "1", "c": "3"}]


def test_parquet_that_is_broken(tmp_path: Path) -> None:
    whole = parquet_bytes(pa.table({"a": ["1"] * 100}))
    assert fails(tmp_path, b"", "data.parquet") == "data.parquet: the file is empty"
    for content in (whole[:-20], b"a,b\n1,2\n", whole[:4]):
        message = fails(tmp_path, content, "data.parquet")
        assert message.startswith("data.parquet: is no Parquet file, or is cut short (")
    inside = whole[:4] + b"\xff" * 20 + whole[24:]
    message = fails(tmp_path, inside, "data.parquet")
    assert message.startswith("data.parquet: the Parquet data is broken (")


def test_parquet_with_a_nested_column(tmp_path: Path) -> None:
    content = parquet_bytes(pa.table({"a": [["x"]]}))
    message = fails(tmp_path, content, "data.parquet")
    assert message.startswith("data.parquet: column 'a' is no plain value (list<")


def test_parquet_with_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    content = parquet_bytes(pa.table({"a": [b"x", b"\xff"]}))
    message = fails(tmp_path, content, "data.parquet")
    assert message.startswith("data.parquet, rows 1 to 2, column 'a': ")


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(st.characters(exclude_categories=["Cs"]))
)


def as_text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), SCALARS, min_size=1), min_size=1),
    st.one_of(st.integers(1, 50), st.just(1 << 20)),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    st.booleans(),
)
def test_json_lines(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, Any]],
    size: int,
    line_end: str,
    ascii_only: bool,
) -> None:
    content = line_end.join(json.dumps(row, ensure_ascii=ascii_only) for row in rows)
    names = {name: None for row in rows for name in row}
    read_rows = read(tmp_path_factory.mktemp("json"), content, "data.jsonl", size)
    assert read_rows == [{name: as_text(row.get(name)) for name in names} for row in rows]


@pytest.mark.parametrize("number", ["14489770110436898243", "1005.0", "1e5", "-0", "1" * 5000])
def test_json_numbers_are_the_text_that_stands_there(tmp_path: Path, number: str) -> None:
    rows = read(tmp_path, f'{{"a": {number}}}\n', "data.ndjson")
    assert rows == [{"a": number}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[1]", "the line is not a JSON object"),
        ("nonsense", "the line is not JSON (Expecting value: line 1 column 1 (char 0))"),
        ('{"a": 1', "the line is not JSON (Expecting ',' delimiter: line 1 column 8 (char 7))"),
        (b'{"a": "\xff"}', "the line is not UTF-8"),
    ],
)
def test_json_lines_that_are_none(tmp_path: Path, line: str | bytes, reason: str) -> None:
    content = b'{"a": 1}\n\n' + (line.encode() if isinstance(line, str) else line) + b"\n"
    assert fails(tmp_path, content, "data.jsonl") == f"data.jsonl, line 3: {reason}"


@pytest.mark.parametrize("value", ["[1]", "{}", '{"b": 1}', r'"\ud800"'])
@pytest.mark.parametrize("place", [1, 1500])
def test_json_values_that_are_no_cells(tmp_path: Path, value: str, place: int) -> None:
    lines = ['{"a": 1}'] * 2000
    lines[place] = f'{{"a": {value}}}'
    with pytest.raises(DataError) as caught:
        run(tmp_path, {"data.jsonl": "\n".join(lines)}, job())
    what = "the text is not valid Unicode" if "ud800" in value else "a list or an object is no cell"
    assert str(caught.value) == f"data.jsonl, line {place + 1}: key 'a': {what}"


def test_a_json_key_that_comes_late(tmp_path: Path) -> None:
    lines = ['{"a": 1}'] * 1200 + ['{"a": 1, "b": 2}']
    message = (
        "data.jsonl, line 1201: key 'b' does not stand in the first 1000 rows; "
        "name the columns in dataset.categorical"
    )
    with pytest.raises(DataError) as caught:
        run(tmp_path, {"data.jsonl": "\n".join(lines)}, job())
    assert str(caught.value) == message
    result = run(tmp_path, {"data.jsonl": "\n".join(lines)}, job(categorical=("a",)))
    assert result.manifest["rows"]["written"] == 1201


@pytest.mark.parametrize("place", [0, 1, 1500])
def test_bad_json_lines_can_be_skipped(tmp_path: Path, place: int) -> None:
    lines = ['{"a": 1}'] * 2000
    lines[place] = "nonsense"
    result = run(tmp_path, {"data.jsonl": "\n".join(lines)}, job(on_bad_rows="skip"))
    assert result.manifest["rows"] == {"read": 2000, "written": 1999, "rejected": 1}


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
        ("y,n,c,c\n1,2,a,b\n", "2.csv: the column name 'c' stands twice in the header"),
        ("", "2.csv: the file is empty"),
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


@pytest.mark.parametrize("name", ["train", "train.log.gz", "data.txt", "csv", "a.csv.bz2"])
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
