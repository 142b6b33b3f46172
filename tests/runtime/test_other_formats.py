"""Parquet and JSON lines, read as the text that a CSV would hold."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.chain.typed import typed
from headrace.runtime.errors import DataError
from headrace.runtime.sources import Portion, columns_of, groups_of
from headrace.runtime.spec import DatasetSpec, StepSpec
from headrace.runtime.transform import Role
from tests.runtime.jobs import HASH, SPLIT, gzipped, job, parquet_bytes, run


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


NESTED = pa.table({"a": ["x", "q"], "tags": [["p"], []], "n": [{"m": 1}, None]})


@pytest.mark.parametrize(
    ("dataset", "column", "way"),
    [
        ({}, "'tags'", "add it to dataset.drop to leave it out"),
        ({"categorical": ("a", "tags")}, "'tags'", "leave it out of dataset.categorical"),
        ({"categorical": ("a",), "numeric": ("tags",)}, "'tags'",
         "leave it out of dataset.numeric"),
        ({"numeric": ("tags",)}, "'tags'",
         "move it from dataset.numeric to dataset.drop to leave it out"),
        ({"categorical": ("a",), "label": "tags"}, "'tags'",
         "dataset.label should name a column of plain values"),
        ({"categorical": ("a",), "time": "tags"}, "'tags'",
         "dataset.time should name a column of plain values"),
    ],
)  # fmt: skip
def test_a_nested_column_that_is_asked_for(
    tmp_path: Path, dataset: dict[str, Any], column: str, way: str
) -> None:
    content = parquet_bytes(NESTED)
    message = fails(tmp_path, content, "data.parquet", **dataset)
    kind = pq.ParquetFile(io.BytesIO(content)).schema_arrow.field("tags").type
    assert message == f"data.parquet: column {column} is no plain value ({kind}); {way}"
    lines = "".join(json.dumps(row) + "\n" for row in NESTED.to_pylist())
    with pytest.raises(DataError) as caught:
        run(tmp_path, {"data.jsonl": lines}, job(**dataset))
    assert str(caught.value).startswith(
        f"data.jsonl, line 1: key {column}: a list or an object is no cell; {way}"
    )


@pytest.mark.parametrize("steps", [[HASH], [SPLIT, HASH]])
def test_a_nested_column_that_nobody_asks_for(tmp_path: Path, steps: list[StepSpec]) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in NESTED.to_pylist())
    for name, content in (("d.parquet", parquet_bytes(NESTED)), ("d.jsonl", lines.encode())):
        result = run(tmp_path, {name: content}, job(categorical=("a",), steps=steps))
        assert result.manifest["rows"]["written"] == 2


@pytest.mark.parametrize("kind", [pa.binary(), pa.dictionary(pa.int32(), pa.binary())])
@pytest.mark.parametrize("block_bytes", [1, 400, 1 << 20])
def test_parquet_with_bytes_that_are_not_utf8(
    tmp_path: Path, kind: pa.DataType, block_bytes: int
) -> None:
    column = pa.array([b"tea", b"caf\xe9", None, b"", b"caf\xe9", b"\xff"]).cast(kind)
    content = parquet_bytes(pa.table({"a": column, "b": ["x"] * 5 + ["y"]}))
    skipping = job(on_bad_rows="skip", block_bytes=block_bytes, format="npz")
    result = run(tmp_path, {"d.parquet": content}, skipping)
    assert result.manifest["rows"] == {"read": 6, "written": 3, "rejected": 3}
    good = parquet_bytes(pa.table({"a": ["tea", None, ""], "b": ["x"] * 3}))
    expected = run(tmp_path, {"d.parquet": good}, skipping)
    assert (result.matrix() != expected.matrix()).nnz == 0
    with pytest.raises(DataError) as caught:
        run(tmp_path, {"d.parquet": content}, job(block_bytes=block_bytes))
    message = str(caught.value).split(";")[0]
    assert message == "d.parquet, row 2: column 'a': the bytes b'caf\\xe9' are not UTF-8"


def test_parquet_texts_that_are_not_utf8(tmp_path: Path) -> None:
    """Arrow believes a writer who says that bytes are text."""
    offsets = pa.py_buffer(np.array([0, 1, 3], np.int32))
    texts = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"x\xed\xa0"))
    with pytest.raises(DataError) as caught:
        run(tmp_path, {"d.parquet": parquet_bytes(pa.table({"a": texts}))}, job())
    assert str(caught.value) == (
        "d.parquet, row 2: column 'a': the bytes b'\\xed\\xa0' are not UTF-8"
    )


def test_a_parquet_name_that_is_not_utf8(tmp_path: Path) -> None:
    content = parquet_bytes(pa.table({"abcd": ["1"]}), store_schema=False)
    message = fails(tmp_path, content.replace(b"abcd", b"a\xed\xa0\xbd"), "data.parquet")
    assert message == "data.parquet: the name of a column is not UTF-8"


def test_parquet_times_beyond_the_calendar_are_bad(tmp_path: Path) -> None:
    times = pa.array([5, 2**62], pa.int64()).cast(pa.timestamp("us"))
    content = parquet_bytes(pa.table({"t": times}))
    path = tmp_path / "d.parquet"
    path.write_bytes(content)
    spec = DatasetSpec()
    (group,) = groups_of([Portion(path)], spec, columns_of(path, spec), 1 << 20)
    parsed = group.parse()
    assert parsed.batch.num_rows + len(parsed.bad) == 2


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
        (
            "[",
            "the line is not JSON (Expecting value: line 1 column 2 (char 1)); if the file is one "
            "list of objects, jq -c '.[]' FILE writes each on a line of its own",
        ),
        ("nonsense", "the line is not JSON (Expecting value: line 1 column 1 (char 0))"),
        ('{"a": 1', "the line is not JSON (Expecting ',' delimiter: line 1 column 8 (char 7))"),
        (
            '{"a": 1}\r{"a": 2}',
            "the line is not JSON (Extra data: line 1 column 10 (char 9)); a CR alone is a blank "
            "in JSON, so end each line with LF",
        ),
        (b'{"a": "\xff"}', "the line is not UTF-8; dataset.encoding should be that of the file"),
    ],
)
def test_json_lines_that_are_none(tmp_path: Path, line: str | bytes, reason: str) -> None:
    content = b'{"a": 1}\n\n' + (line.encode() if isinstance(line, str) else line) + b"\n"
    assert fails(tmp_path, content, "data.jsonl") == f"data.jsonl, line 3: {reason}"


LINES = '{"x": "a", "y": 1}\n{"x": "é", "y": 0}\n'
CELLS = "x,y\na,1\né,0\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(
    ("name", "text", "dataset"),
    [
        ("d.jsonl", LINES, {}),
        ("d.csv", CELLS, {}),
        ("d.csv", CELLS.replace("x,y", '"x","y"'), {}),
        ("d.csv", CELLS[4:], {"columns": ("x", "y")}),
    ],
)
def test_an_encoding_that_nobody_named(
    tmp_path: Path, name: str, text: str, dataset: dict[str, Any], encoding: str
) -> None:
    reason = "every other byte is zero" if encoding.endswith("e") else "byte order mark"
    assert fails(tmp_path, text.encode(encoding), name, on_bad_rows="skip", **dataset) == (
        f"{name}: the text is {encoding} ({reason}); set dataset.encoding={encoding}"
    )
    rows = read(tmp_path, text.encode(encoding), name, encoding=encoding, **dataset)
    assert rows == [{"x": "a", "y": "1"}, {"x": "é", "y": "0"}]


@pytest.mark.parametrize("name", ["d.jsonl", "d.csv"])
def test_a_parquet_file_of_another_name(tmp_path: Path, name: str) -> None:
    content = parquet_bytes(pa.table({"x": ["a"]}))
    assert fails(tmp_path, content, name) == (
        f"{name}: is a Parquet file; set dataset.format=parquet"
    )


def test_cells_with_nul_are_cells(tmp_path: Path) -> None:
    rows = read(tmp_path, "x,y\na\0,1\n\0,0\n", "d.csv")
    assert rows == [{"x": "a\0", "y": "1"}, {"x": "\0", "y": "0"}]


@pytest.mark.parametrize("value", ["[1]", "{}", '{"b": 1}', r'"\ud800"'])
@pytest.mark.parametrize("place", [1, 1500])
def test_json_values_that_are_no_cells(tmp_path: Path, value: str, place: int) -> None:
    lines = ['{"a": 1}'] * 2000
    lines[place] = f'{{"a": {value}}}'
    with pytest.raises(DataError) as caught:
        run(tmp_path, {"data.jsonl": "\n".join(lines)}, job())
    what = "the text is not valid Unicode"
    if "ud800" not in value:
        what = "a list or an object is no cell; add it to dataset.drop to leave it out"
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


@pytest.mark.parametrize("role", ["categorical", "numeric"])
def test_a_late_key_that_is_named_is_a_column_of_nulls_before(tmp_path: Path, role: str) -> None:
    roles = {"categorical": ("a", "b")} if role == "categorical" else {"numeric": ("b",)}
    lines = ['{"a": "x"}'] * 1200 + ['{"a": "x", "b": 2}']
    for block_bytes in (40, 1 << 20):
        spec = job(steps=[SPLIT, HASH], block_bytes=block_bytes, **roles)
        result = run(tmp_path, {"data.jsonl": "\n".join(lines)}, spec)
        assert result.metrics["columns"]["b"]["nulls"] == 1200
        assert result.metrics["columns"]["b"]["distinct"] == 1
        assert result.manifest["input_columns"] == ["a", "b"]


def row_texts(folder: Path, content: str, size: int, **dataset: Any) -> list[str]:
    path = folder / "data.jsonl"
    path.write_text(content)
    spec = DatasetSpec(**dataset)
    columns = replace(columns_of(path, spec), wanted=(Role.ROW_TEXT,))
    groups = groups_of([Portion(path)], spec, columns, size)
    batches = [typed(group.parse().batch, columns) for group in groups]
    return [text for batch in batches for text in batch.column("__row_text__").to_pylist()]


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_what_nobody_reads_is_still_a_part_of_the_rows_text(tmp_path: Path, size: int) -> None:
    """So that a split by the whole row needs no `dataset.id`, whichever keys come late."""
    rows = [
        '{"a": "x", "c": [1]}', '{"c": [2], "a": "x"}', '{"a": "x"}', '{"a": "x", "c": "\\ud800"}',
        *['{"a": "y"}'] * 1000,
        '{"a": "x", "\\ud83d": 1, "b": {"d": 2, "e": null}}',
        '{"b": {"e": null, "d": 2}, "\\ud83d": 1, "a": "x"}',
    ]  # fmt: skip
    texts = row_texts(tmp_path, "\n".join(rows), size, categorical=("a",))
    late = '{"\\ud83d": "1", "b": {"d": "2", "e": null}}'
    expected = ['{"c": ["1"]}', '{"c": ["2"]}', None, '{"c": "\\ud800"}']
    whole = [f"x\x1f\x1f{rest}" if rest else "x\x1f" for rest in expected]
    assert texts[:4] == whole
    assert texts[-2] == texts[-1]
    assert json.loads(texts[-1].split("\x1f")[-1]) == json.loads(late)


@pytest.mark.parametrize("place", [0, 1500])
def test_a_json_key_that_stands_twice(tmp_path: Path, place: int) -> None:
    lines = ['{"a": 1}'] * 2000
    lines[place] = '{"b": {"c": 1, "c": 2}, "a": 1, "a": 2}'
    with pytest.raises(DataError) as caught:
        run(tmp_path, {"data.jsonl": "\n".join(lines)}, job(categorical=("a",)))
    assert str(caught.value) == f"data.jsonl, line {place + 1}: key 'a' stands twice"


@pytest.mark.parametrize("place", [0, 1500])
def test_a_json_key_that_is_not_unicode(tmp_path: Path, place: int) -> None:
    lines = ['{"a": 1}'] * 2000
    lines[place] = '{"a": 1, "a\\ud83d": 1}'
    files = {"data.jsonl": "\n".join(lines)}
    with pytest.raises(DataError) as caught:
        run(tmp_path, files, job())
    assert str(caught.value) == (
        f"data.jsonl, line {place + 1}: key 'a\\ud83d': the name is not valid Unicode"
    )
    assert run(tmp_path, files, job(on_bad_rows="skip")).manifest["rows"]["rejected"] == 1
    assert run(tmp_path, files, job(categorical=("a",))).manifest["rows"]["written"] == 2000


def test_json_lines_beside_a_csv_file_may_have_more_keys(tmp_path: Path) -> None:
    files = {"1.csv": "a\nx\n", "2.jsonl": '{"a": "y", "b": 1}\n{"a": "z"}\n', "3.csv": "a\nw\n"}
    result = run(tmp_path, files, job(categorical=("a",), steps=[SPLIT, HASH]))
    assert result.manifest["rows"]["written"] == 4


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"d.jsonl": '{"a": 1}'}, "d.jsonl is read as jsonl"),
        ({"1.csv": "x\n", "2.parquet": b""}, "2.parquet is read as parquet"),
        ({"1.csv.gz": gzipped("x\n"), "2.ndjson.gz": b""}, "2.ndjson.gz is read as jsonl"),
    ],
)
def test_columns_that_are_named_for_files_that_name_their_own(
    tmp_path: Path, files: dict[str, bytes | str], kind: str
) -> None:
    with pytest.raises(ChainError) as caught:
        run(tmp_path, files, job(columns=("a",)))
    assert caught.value.exit_status == 2
    assert str(caught.value) == (
        "dataset.columns: names the columns of CSV and TSV files without a header; "
        f"{kind}, which names its own: leave it out"
    )


@pytest.mark.parametrize("place", [0, 1, 1500])
def test_bad_json_lines_can_be_skipped(tmp_path: Path, place: int) -> None:
    lines = ['{"a": 1}'] * 2000
    lines[place] = "nonsense"
    result = run(tmp_path, {"data.jsonl": "\n".join(lines)}, job(on_bad_rows="skip"))
    assert result.manifest["rows"] == {"read": 2000, "written": 1999, "rejected": 1}
