"""Dialects of text: the rows are those of csv, pandas and pyarrow, in blocks of any size."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv

from headrace.runtime.errors import DataError
from headrace.runtime.sources import Portion, columns_of, groups_of
from headrace.runtime.spark.scan import cut, look_at, windows
from headrace.runtime.spec import DatasetSpec

Cells = list[str | None]
SIZES = st.one_of(st.integers(1, 40), st.just(1 << 20))
DELIMITERS = st.sampled_from(list(",;|\t\x01\0^:§¦"))
QUOTES = st.sampled_from(['"', "'", "`", "«", None])
ESCAPES = st.sampled_from([None, "\\", "~"])
TEXTS = st.text("ab1é \"'\\~;,|§#\n\r\u2028\x85\x1c\0", max_size=6)
ROWS = st.lists(st.tuples(TEXTS, TEXTS), max_size=6)


def read(
    content: bytes, size: int = 1 << 20, split: int | None = None, name: str = "d.csv", **keys: Any
) -> list[Cells]:
    """The rows of a file, cut as Spark does or not; a bad one as the line where it stands."""
    dataset = DatasetSpec(**keys)
    found: list[Cells] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        columns, pieces = columns_of(path, dataset), [Portion(path)]
        if split:
            seen = windows(path, dataset, split)
            longest = dataset.max_line_bytes
            pieces = cut(seen, [look_at(each, dataset) for each in seen], longest)
        for group in groups_of(pieces, dataset, columns, size):
            parsed = group.parse()
            found += (list(row.values()) for row in parsed.batch.to_pylist())
            found += ([f"bad: {bad.place.rpartition(' ')[2]}"] for bad in parsed.bad)
    return found


def written(rows: Sequence[tuple[str, ...]], **dialect: Any) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n", **dialect)
    writer.writerows([("x", "y"), *rows])
    return file.getvalue()


def nulled(rows: Sequence[Sequence[str]]) -> list[Cells]:
    return [[cell or None for cell in row] for row in rows]


@given(ROWS, DELIMITERS, QUOTES, ESCAPES, st.booleans(), SIZES, st.integers(5, 30))
def test_what_the_csv_module_writes_is_read(
    rows: list[tuple[str, ...]],
    delimiter: str,
    quote: str | None,
    escape: str | None,
    doubled: bool,
    size: int,
    split: int,
) -> None:
    if quote is None:
        assume(all(mark not in cell for row in rows for cell in row for mark in ("\n", "\r")))
        assume(all("".join(row) for row in rows))
        quoting, escape = csv.QUOTE_NONE, escape or "\\"
    else:
        quoting = csv.QUOTE_ALL
        doubled = doubled or escape is None
    text = written(
        rows,
        delimiter=delimiter,
        quotechar=quote or '"',
        quoting=quoting,
        escapechar=escape,
        doublequote=doubled,
    )
    if quote is None:  # the csv module escapes quotes as well, which then mean nothing
        text = text.replace(f'{escape}"', '"')
    keys: dict[str, Any] = {"delimiter": delimiter, "quote": quote, "escape": escape}
    assert read(text.encode(), size, **keys) == nulled(rows)
    assert read(text.encode(), split=split, **keys) == nulled(rows)


@given(
    st.text("ab,;\"'\\\n\r", max_size=40), st.sampled_from([(",", '"'), (";", "'")]), ESCAPES, SIZES
)
def test_any_text_as_the_csv_module_reads_it(
    text: str, marks: tuple[str, str], escape: str | None, size: int
) -> None:
    delimiter, quote = marks
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote, escapechar=escape,
        strict=True,
    )  # fmt: skip
    try:
        rows = [row for row in reader if row]
    except csv.Error:
        assume(False)
    assume(all(len(row) == 2 for row in rows) and not (escape and f"{escape}\n" in f"{text}\n"))
    assume(not (escape and f"{escape}\r" in text))
    content = f"x{delimiter}y\n{text}".encode()
    keys: dict[str, Any] = {"delimiter": delimiter, "quote": quote, "escape": escape}
    assert read(content, size, **keys) == nulled(rows)


@given(
    st.lists(st.tuples(*[st.text("ab# \"'1", max_size=4)] * 2), max_size=5),
    st.lists(st.sampled_from(["#", "# a", '#"', '#,,,"', "#'x"]), min_size=6, max_size=6),
    SIZES,
)
def test_comments_are_no_rows(rows: list[tuple[str, ...]], comments: list[str], size: int) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row, comment in zip([("x", "y"), *rows], comments, strict=False):
        file.write(f"{comment}\n")
        writer.writerow(row)
    assert read(file.getvalue().encode(), size, comment="#") == nulled(rows)


@given(
    ROWS,
    SIZES,
    st.sampled_from(["", " ", "  ", "\t", " \t "]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_trim_is_strip_on_every_cell(
    rows: list[tuple[str, ...]], size: int, blanks: str, quoting: int
) -> None:
    assume(all(cell[:1] not in ('"',) and "\r" not in cell for row in rows for cell in row))
    lines = written(rows, quoting=quoting)
    expected = [
        [cell.strip(" \t") for cell in row]
        for row in csv.reader(io.StringIO(lines, newline=""), skipinitialspace=True)
    ]
    assume(all(len(row) == 2 for row in expected))
    if quoting == csv.QUOTE_ALL:
        between = f"{blanks},{blanks}"
        quoted = [[cell.replace('"', '""') for cell in row] for row in [("x", "y"), *rows]]
        lines = "".join(between.join(f'"{cell}"' for cell in row) + "\n" for row in quoted)
    assert read(lines.encode(), size, trim=True) == nulled(expected[1:])


@given(st.lists(st.tuples(*[st.sampled_from(["", "NA", "?", "na", "x", " "])] * 2), max_size=5))
def test_nulls_are_those_of_pyarrow(rows: list[tuple[str, ...]]) -> None:
    content = written(rows).encode()
    table = arrow_csv.read_csv(
        io.BytesIO(content),
        convert_options=arrow_csv.ConvertOptions(
            null_values=["", "NA", "?"],
            strings_can_be_null=True,
            column_types={"x": pa.string(), "y": pa.string()},
        ),
    )
    expected = [list(row.values()) for row in table.to_pylist()]
    assert read(content, nulls=("NA", "?")) == expected


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "latin-1",
             "shift_jis", "gb18030", "cp037", "utf-7", "iso2022_jp", "big5")  # fmt: skip


@given(st.data(), st.sampled_from(ENCODINGS), SIZES)
def test_encodings_are_those_of_python(data: st.DataObject, encoding: str, size: int) -> None:
    letters = st.sampled_from([c for c in 'aé日本€ж\u2028,"\n' if _has(c, encoding)])
    rows = data.draw(st.lists(st.tuples(*[st.text(letters, max_size=5)] * 2), max_size=5))
    text = written(rows, quoting=csv.QUOTE_ALL)
    content = text.encode(encoding)
    assert content.decode(encoding) == text
    assert read(content, size, encoding=encoding) == nulled(rows)


def _has(character: str, encoding: str) -> bool:
    try:
        return character.encode(encoding).decode(encoding) == character
    except UnicodeError:
        return False


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"x,y\n1,\x81\n2,b\n", "cp1252"),
        (b"x,y\n1,\x81 \n2,b\n", "shift_jis"),
        ("x,y\n1,a\n2,b\n".encode("utf-16-le").replace(b"a\0", b"\x00\xd8"), "utf-16-le"),
    ],
)
def test_bytes_that_cannot_be_decoded_make_their_row_bad(content: bytes, encoding: str) -> None:
    assert read(content, encoding=encoding) == [["2", "b"], ["bad: 2"]]


@pytest.mark.parametrize("skip", [0, 1, 3])
def test_lines_before_the_header_as_pandas_skips_them(skip: int) -> None:
    content = "".join(f"a title, or two\n\n{'-' * 9}\n".splitlines(True)[:skip]) + "x,y\n1,2\n"
    frame = pd.read_csv(io.StringIO(content), skiprows=skip, dtype=str)
    assert read(content.encode(), skip_lines=skip) == frame.values.tolist()


def test_more_lines_to_skip_than_there_are() -> None:
    with pytest.raises(DataError) as caught:
        read(b"x,y\n1,2\n", skip_lines=9)
    what = "the file has no more than the 9 lines that dataset.skip_lines leaves out"
    assert str(caught.value) == f"d.csv: {what}"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"header": False}, [["1", "2"], ["3", "4"]]),
        ({"columns": ("x", "y")}, [["1", "2"], ["3", "4"]]),
        ({"header": True, "columns": ("x", "y")}, [["3", "4"]]),
        ({"header": True}, [["3", "4"]]),
    ],
)
def test_files_with_and_without_a_header(keys: dict[str, Any], expected: list[Cells]) -> None:
    assert read(b"\n\n1,2\n3,4\n", **keys) == expected
