"""CSV and TSV: the rows are those of Python's csv module, whatever the block size."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from headrace.runtime.errors import DataError
from headrace.runtime.sources import Portion, columns_of, groups_of
from headrace.runtime.spec import DatasetSpec
from tests.runtime.jobs import gzipped, job, run

Row = dict[str, str | None]
SIZES = st.one_of(st.integers(1, 40), st.just(1 << 20))


def read(
    content: bytes, size: int, name: str = "data.csv", dataset: DatasetSpec | None = None
) -> list[Row]:
    """The rows of a file; a bad one as what is wrong with it."""
    dataset = dataset or DatasetSpec()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        columns = columns_of(path, dataset)
        rows: list[Row] = []
        for group in groups_of([Portion(path)], dataset, columns, size):
            parsed = group.parse()
            rows += parsed.batch.to_pylist()
            rows += [{"place": bad.place, "reason": bad.reason} for bad in parsed.bad]
    return rows


def by_csv_module(text: str, delimiter: str = ",") -> list[Row]:
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    return [
        {name: cell or None for name, cell in zip(rows[0], row, strict=True)} for row in rows[1:]
    ]


CELLS = st.one_of(
    st.text("a1é\" ,\t\n\r'", max_size=8), st.text(st.characters(codec="utf-8"), max_size=8)
)
LINE_ENDS = st.sampled_from(["\n", "\r\n"])
QUOTING = st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8), SIZES, LINE_ENDS, QUOTING,
    st.sampled_from([("data.csv", ","), ("data.tsv", "\t")]), st.booleans(), st.booleans(),
)  # fmt: skip
def test_whatever_is_properly_quoted(
    rows: list[tuple[str, ...]],
    size: int,
    line_end: str,
    quoting: int,
    kind: tuple[str, str],
    bom: bool,
    last_line_end: bool,
) -> None:
    if any("\r" in cell for row in rows for cell in row):
        quoting = csv.QUOTE_ALL  # the csv module's writer leaves a bare CR unquoted
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=kind[1], lineterminator=line_end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([("a", "b", "é"), *rows])
    text = file.getvalue() if last_line_end else file.getvalue().removesuffix(line_end)
    written = [dict(zip("abé", (cell or None for cell in row), strict=True)) for row in rows]
    assert by_csv_module(text, kind[1]) == written
    content = (b"\xef\xbb\xbf" if bom else b"") + text.encode()
    assert read(content, size, kind[0]) == written


STRAY = st.text('ab"', max_size=5)


@example([('a"b', "c"), ('"x\ny"', "d")], 1)
@example([('a"b', "c"), ('"x\ny"', "d")], 4)
@given(st.lists(st.tuples(st.one_of(STRAY, st.just('"x\ny"'), st.just('""",\n"')), STRAY)), SIZES)
def test_stray_quotes(rows: list[tuple[str, ...]], size: int) -> None:
    """Not RFC 4180, but seen: the csv module's reading counts, or the row is called ragged."""
    lines = [",".join(row) + "\n" for row in rows]
    read_alone = [list(csv.reader(io.StringIO(line, newline=""))) for line in lines]
    assume(all(len(found) == 1 and "\n" not in found[0][-1] for found in read_alone))
    good = [
        {name: cell or None for name, cell in zip("ab", row, strict=True)}
        for (row,) in read_alone
        if len(row) == 2
    ]
    found = read(("a,b\n" + "".join(lines)).encode(), size)
    assert [row for row in found if "place" not in row] == good
    assert sum("place" in row for row in found) == sum(len(row) != 2 for (row,) in read_alone)


@given(st.text('ab,"\n\r', max_size=40), SIZES)
def test_anything_at_all_is_the_same_in_groups_of_any_size(text: str, size: int) -> None:
    content = b"a,b\n" + text.encode()
    once = read(content, 1 << 20)
    assert sorted(map(repr, read(content, size))) == sorted(map(repr, once))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("block_bytes", [1, 7, 64, 1 << 20])
def test_rows_keep_their_order(tmp_path: Path, threads: int, block_bytes: int) -> None:
    """The whole way, through the pool of threads."""
    cells = [f'"{i}, ""quoted""\n"' if i % 3 else str(i) for i in range(200)]
    text = "id,c\n" + "".join(f"{cell},x\n" for cell in cells)
    result = run(tmp_path, text, job(id="id", threads=threads, block_bytes=block_bytes))
    expected = [(row["id"] or "").encode() for row in by_csv_module(text)]
    assert result.array("id").tolist() == expected


EXACT = [
    *("14489770110436898243", "007", "1005.0", "1e5", "-0", "NaN", "None", "NULL", "true"),
    *(" x ", "é\u2028", "\0", "#"),
]


@pytest.mark.parametrize("cell", EXACT)
def test_a_cell_is_the_text_that_stands_there(cell: str) -> None:
    assert read(f"a,b\n{cell},{cell}\n".encode(), 100) == [{"a": cell, "b": cell}]


@pytest.mark.parametrize("cell", ["", '""'])
def test_an_empty_cell_is_a_null(cell: str) -> None:
    assert read(f"a,b\n{cell},x\n".encode(), 100) == [{"a": None, "b": "x"}]


@pytest.mark.parametrize(
    "text", ["a,b\n\n1,2\n\n\n3,4\n\n", "a,b\r\n\r\n1,2\r\n\r\n3,4", "a,b\r1,2\r3,4\r"]
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_blank_lines_and_line_ends(text: str, size: int) -> None:
    assert read(text.encode(), size) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


@pytest.mark.parametrize("size", [1, 5, 100])
def test_a_byte_order_mark_within_a_file_is_text(size: int) -> None:
    """As where files were put together, whichever line begins a block."""
    found = read(b'\xef\xbb\xbfa,b\n1,2\n\xef\xbb\xbf3,4\n\xef\xbb\xbf"5",6\n', size)
    assert found == [
        {"a": "1", "b": "2"},
        {"a": "\ufeff3", "b": "4"},
        {"a": '\ufeff"5"', "b": "6"},
    ]


def test_one_column() -> None:
    assert read(b'a\nx\n\n""\ny', 2) == [{"a": "x"}, {"a": None}, {"a": "y"}]


def test_a_quoted_header() -> None:
    header = b'"a, ""x""","b\n2"\n'
    assert read(header + b"1,2\n", 3) == [{'a, "x"': "1", "b\n2": "2"}]


def test_names_for_a_file_without_a_header() -> None:
    dataset = DatasetSpec(columns=("x", "y"))
    assert read(b"1,2\n3,\n", 2, dataset=dataset) == [{"x": "1", "y": "2"}, {"x": "3", "y": None}]


def test_a_cell_larger_than_many_blocks() -> None:
    cell = "line\n" * 5000
    assert read(f'a,b\n"{cell}",x\ny,z\n'.encode(), 10)[0] == {"a": cell, "b": "x"}


def test_only_what_is_used_is_read() -> None:
    dataset = DatasetSpec(categorical=("b",))
    assert read(b"a,b\n\xff,1\n", 100, dataset=dataset) == [{"b": "1"}]


@pytest.mark.parametrize("size", [1, 12, 100])
def test_a_bad_row_does_not_make_others_bad(size: int) -> None:
    """A column that nobody reads may hold anything, whether its neighbours are good or not."""
    rows = read(b"a,b\n\xff,1\n1,2,3\n\xfe,4\n", size, dataset=DatasetSpec(categorical=("b",)))
    ragged: Row = {
        "place": "data.csv, line 3",
        "reason": "3 cells, but the header names 2 columns",
    }
    assert sorted(rows, key=repr) == [{"b": "1"}, {"b": "4"}, ragged]


@pytest.mark.parametrize("size", [1, 5, 100])
def test_a_bad_row_is_named_by_the_line_where_it_begins(size: int) -> None:
    rows = read(b'a,b\n\n"1\n1",2\n\n"3\n3",4,5\n6,7\n', size)
    assert [row for row in rows if "place" in row] == [
        {"place": "data.csv, line 6", "reason": "3 cells, but the header names 2 columns"}
    ]


def test_a_quote_left_open() -> None:
    rows = read(b'a,b\n1,2\n"3,4\n5,6\n', 4)
    reason = (
        "a quote opens a cell here and none closes it (a closing quote stands before a delimiter "
        "or a line end)"
    )
    bad: Row = {"place": "data.csv, line 3", "reason": reason}
    assert sorted(rows, key=repr) == [{"a": "1", "b": "2"}, {"a": "5", "b": "6"}, bad]


@pytest.mark.parametrize("size", [1, 10, 1000])
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_compressed(compression: str, size: int) -> None:
    text = "a,b\n" + "".join(f"{i},é{i}\n" for i in range(50))
    if compression == "gzip":
        content, name = gzipped(text), "data.csv.gz"
    else:
        content, name = pa.Codec("zstd").compress(text.encode(), asbytes=True), "data.csv.zst"
    assert read(content, size, name) == by_csv_module(text)


def test_several_gzip_members_are_one_file() -> None:
    assert read(gzipped("a,b\n1,2\n") + gzipped("3,4\n"), 5, "data.csv.gz") == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": "4"},
    ]


def test_several_zstd_frames_are_one_file() -> None:
    frames = [pa.Codec("zstd").compress(text, asbytes=True) for text in (b"a,b\n1,2\n", b"3,4\n")]
    assert read(b"".join(frames), 5, "data.csv.zst") == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": "4"},
    ]


NAME_THEM = "name all columns in dataset.columns, with dataset.header=true"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "data.csv: the file is empty"),
        (b"\n\n", "data.csv, line 1: there is no header"),
        (b"\xef\xbb\xbf", "data.csv: the file is empty"),
        (b"\xef\xbb\xbf\n", "data.csv, line 1: there is no header"),
        (b"a,,b\n", f"data.csv, line 1: a column in the header has no name; {NAME_THEM}"),
        (b"a,b,\n", f"data.csv, line 1: a column in the header has no name; {NAME_THEM}"),
        (
            b"a,\xff\n",
            "data.csv, line 1: the header is not UTF-8; set dataset.encoding to that of the file, "
            "such as utf-16 or cp1252",
        ),
        (b"a,b,a\n", f"data.csv: the column name 'a' stands twice in the header; {NAME_THEM}"),
    ],
)
def test_headers_that_are_none(content: bytes, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(content, 100)
    assert str(caught.value) == message
