"""Quotes that are left open, and lines that are too long: the same in blocks of any size."""

from __future__ import annotations

import csv
import io
import re
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.runtime.errors import DataError
from headrace.runtime.sources import Portion, columns_of, groups_of
from headrace.runtime.spark.scan import cut, look_at, windows
from headrace.runtime.spec import DatasetSpec
from tests.runtime.jobs import gzipped, job, run

OPEN = (
    "a quote opens a cell here and none closes it (a closing quote stands before a delimiter or a "
    "line end)"
)
NO_LIMIT = 1 << 20
SIZES = st.one_of(st.integers(1, 40), st.just(1 << 20))


@dataclass
class Outcome:
    """Good rows, bad ones as their line and what is wrong, and the error that ended it."""

    rows: list[list[str | None]]
    bad: list[tuple[int, str]]
    error: str | None


def outcome(
    content: bytes, size: int, longest: int = NO_LIMIT, split: int | None = None
) -> Outcome:
    """What comes of a file with the columns ``a`` and ``b``, cut as Spark does or not."""
    dataset = DatasetSpec(max_line_bytes=longest)
    found = Outcome([], [], None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        path.write_bytes(content)
        try:
            columns = columns_of(path, dataset)
            pieces = [Portion(path)]
            if split:
                seen = windows(path, dataset, split)
                pieces = cut(seen, [look_at(each, dataset) for each in seen], longest)
            for group in groups_of(pieces, dataset, columns, size):
                parsed = group.parse()
                found.rows += map(list, zip(*parsed.batch.to_pydict().values(), strict=True))
                places = [(re.fullmatch(r"data\.csv, line (\d+)", b.place), b) for b in parsed.bad]
                found.bad += [(int(place[1]), b.reason) for place, b in places if place]
                assert len(places) == len(parsed.bad)
        except DataError as error:
            found.error = str(error)
    return found


def expected(content: bytes, longest: int = NO_LIMIT) -> Outcome:
    """The same by the rule of docs/files.md, a character at a time."""
    made = Outcome([], [], None)
    header = content.index(b"\n") + 1
    for start, end, quote in rows_by_the_rule(content, header, longest):
        if end is None:
            text = f"the line has more than {longest:,} bytes"
            advice = "if it has to, set dataset.max_line_bytes to more"
            made.error = f"data.csv, line {line_of(content, start)}: {text}; {advice}"
        elif quote is not None:
            made.bad.append((line_of(content, quote), OPEN))
        else:
            text = content[start:end].decode("latin-1")
            (cells,) = csv.reader(io.StringIO(text, newline="")) if text.strip("\r\n") else ([],)
            if len(cells) == 2:
                made.rows.append([cell.encode("latin-1").decode() or None for cell in cells])
            elif cells:
                hint = "; is a quote left open?" if "\n" in cells[-1] else ""
                what = f"{len(cells)} cells, but the header names 2 columns"
                made.bad.append((line_of(content, start), what + hint))
    return made


def rows_by_the_rule(
    data: bytes, start: int, longest: int
) -> Iterator[tuple[int, int | None, int | None]]:
    """Begin and end of each row, and its open quote; an end of None for a line too long."""
    while start < len(data):
        position, row = start, start
        while True:
            if position - row > longest:
                yield row, None, None
                return
            if position == len(data) or data[position] in b"\r\n":
                start = after_line_end(data, position)
                yield row, start, None
                break
            before = data[position - 1] if position > row else ord("\n")
            if data[position] != ord('"') or before not in b"\r\n,":
                position += 1
                continue
            closing = re.compile(rb'(?:[^"]|"")*"(?!")').match(data, position + 1)
            if closing and closing.end() - row <= longest:
                is_edge = data[closing.end() : closing.end() + 1] in (b"", b",", b"\r", b"\n")
                if is_edge or not re.search(rb"[\r\n]", closing[0]):
                    position = closing.end()
                    continue
            line_end = re.compile(rb"[\r\n]").search(data, position, row + longest)
            if line_end:
                start = after_line_end(data, line_end.start())
            elif len(data) - row <= longest:
                start = len(data)
            else:
                line = max(data.rfind(b"\n", row, position), data.rfind(b"\r", row, position)) + 1
                yield max(line, row), None, None
                return
            yield row, start, position
            break


def after_line_end(data: bytes, position: int) -> int:
    return min(position + 1 + (data[position : position + 2] == b"\r\n"), len(data))


def line_of(data: bytes, position: int) -> int:
    return 1 + len(re.findall(rb"\r\n|\r|\n", data[:position]))


TEXT = st.text(st.sampled_from('ab,,""\n\n\r'), max_size=60)
LIMITS = st.one_of(st.just(NO_LIMIT), st.integers(3, 30))


@example('"\n,\n', 1, NO_LIMIT)
@example('"', 1, NO_LIMIT)
@example('a,"b\r\n"c",d\n', 3, 8)
@given(TEXT, SIZES, LIMITS)
def test_any_text_in_blocks_of_any_size(text: str, size: int, longest: int) -> None:
    content = b"a,b\n" + text.encode()
    assert outcome(content, size, longest) == expected(content, longest)


CELLS = st.sampled_from(["", "1", "xy", '"x"', '"x,\ny"', '"\n"', '""""', '"x""\n"', 'x"y', '"x'])
LINES = st.lists(st.tuples(CELLS, CELLS), max_size=30)


@given(LINES, st.integers(1, 60), SIZES, LIMITS)
def test_lines_cut_as_spark_does(
    lines: list[tuple[str, str]], split: int, size: int, longest: int
) -> None:
    content = b"a,b\n" + "".join(f"{a},{b}\n" for a, b in lines).encode()
    assert outcome(content, size, longest, split) == expected(content, longest)


WELL_FORMED = st.lists(
    st.tuples(*[st.text(st.characters(codec="utf-8"), max_size=6)] * 2), min_size=1, max_size=12
)
DAMAGE = st.tuples(
    st.integers(0, 400),
    st.sampled_from(["cut", "flip", "put", "take"]),
    st.sampled_from([b'"', b'""', b"\r", b"\n", b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf", b","]),
)


@given(WELL_FORMED, st.lists(DAMAGE, max_size=4), st.integers(1, 40), LIMITS, st.integers(1, 90))
def test_damaged_files(
    rows: list[tuple[str, str]],
    damage: list[tuple[int, str, bytes]],
    size: int,
    longest: int,
    split: int,
) -> None:
    """Whatever the bytes: rows, bad rows or an error of ours, and the same ones in any blocks."""
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    content = file.getvalue().encode()
    whole = outcome(content, 1 << 20)
    assert whole == Outcome([[a or None, b or None] for a, b in rows], [], None)
    for position, how, what in damage:
        content = damaged(content, position % max(1, len(content)), how, what)
    at_once = outcome(content, 1 << 20, longest)
    assert outcome(content, size, longest) == at_once
    assert outcome(content, size, longest, split) == at_once


def damaged(content: bytes, position: int, how: str, what: bytes) -> bytes:
    before, after = content[:position], content[position:]
    if how == "cut":
        return before
    if how == "flip":
        return before + bytes([after[0] ^ what[0]] if after else []) + after[1:]
    return before + (what if how == "put" else b"") + after[how == "take" :]


@pytest.mark.parametrize("block_bytes", [1, 16, 1 << 20])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    "others", ["1,v,w\n", '1,v,"w"\n', '"1","v","w"\n', '1,"v\nv",""\n', '1,"v ""x"" v",w\n']
)
def test_one_open_quote_costs_one_line(
    tmp_path: Path, others: str, block_bytes: int, threads: int
) -> None:
    """Whether other cells are quoted or not; a run names the line, and goes on where it is to."""
    content = "y,a,b\n" + others * 40 + '0,"open,w\n' + others * 40
    line = 2 + 40 * others.count("\n")
    settings: dict[str, Any] = {"label": "y", "block_bytes": block_bytes, "threads": threads}
    result = run(tmp_path, content, job(on_bad_rows="skip", **settings))
    assert result.manifest["rows"] == {"read": 81, "written": 80, "rejected": 1}
    with pytest.raises(DataError) as caught:
        run(tmp_path, content, job(**settings))
    assert str(caught.value) == f"data.csv, line {line}: {OPEN}"


def test_the_line_of_the_quote_is_named_where_the_row_begins_before_it() -> None:
    found = outcome(b'a,b\n"1\n2","3\n4,5\n', 3)
    assert found == Outcome([["4", "5"]], [(3, OPEN)], None)


def test_a_quote_in_the_header_that_is_left_open(tmp_path: Path) -> None:
    for header, line in (('y,"a\n', 1), ('"y\n","a\n', 2)):
        with pytest.raises(DataError) as caught:
            run(tmp_path, header + "1,x\n" * 1000, job(label="y", on_bad_rows="skip"))
        assert str(caught.value) == f"data.csv, line {line}: {OPEN}"


@pytest.mark.parametrize("block_bytes", [1, 100, 1 << 20])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz", "data.tsv", "data.jsonl"])
def test_a_line_beyond_the_limit(tmp_path: Path, name: str, skip: bool, block_bytes: int) -> None:
    delimiter = "\t" if "tsv" in name else ","
    lines = [f"a{delimiter}b", f"1{delimiter}2", f"1{delimiter}{'x' * 98}", "1" + "x" * 100, "1"]
    if "jsonl" in name:
        lines = ['{"a": 1}', '{"a": 1}', f'{{"a": "{"x" * 91}"}}', f'{{"a": "{"x" * 92}"}}']
    content = "\n".join(lines) + "\n"
    spec = job(max_line_bytes=100, on_bad_rows="skip" if skip else "error", block_bytes=block_bytes)
    with pytest.raises(DataError) as caught:
        run(tmp_path, {name: gzipped(content) if "gz" in name else content}, spec)
    assert str(caught.value) == (
        f"{name}, line 4: the line has more than 100 bytes; "
        "if it has to, set dataset.max_line_bytes to more"
    )


def test_a_header_beyond_the_limit(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        run(tmp_path, "a" * 101 + "\n1\n", job(max_line_bytes=100))
    assert str(caught.value) == (
        "data.csv, line 1: the line has more than 100 bytes; "
        "if it has to, set dataset.max_line_bytes to more"
    )


def test_one_endless_line_takes_little_memory(tmp_path: Path) -> None:
    """As 1 MB of gzip can hold 1 GB."""
    content = gzipped("a,b\n1," + "x" * (64 << 20))
    path = tmp_path / "data.csv.gz"
    path.write_bytes(content)
    dataset = DatasetSpec(max_line_bytes=1 << 20)
    tracemalloc.start()
    with pytest.raises(DataError, match="more than 1,048,576 bytes"):
        list(groups_of([Portion(path)], dataset, columns_of(path, dataset), 1 << 16))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


HARD = {
    "a quote left open on every line": '1,"x\n',
    "one that looks for its end as far as it may": '1,"x\n' + "1,x\n" * 200,
    "quotes in pairs behind one left open": '1,"x\n' + '1,""\n' * 200,
    "quotes where none belongs": '1,5" x\n',
    "text behind closing quotes": '1,"x"y\n',
}


@pytest.mark.parametrize("lines", HARD.values(), ids=HARD)
@pytest.mark.parametrize("size", [1 << 10, pytest.param(1 << 16, marks=pytest.mark.long)])
def test_time_grows_no_faster_than_the_file(lines: str, size: int, tmp_path: Path) -> None:
    def seconds(count: int) -> float:
        path = tmp_path / f"{count}.csv"
        path.write_text("a,b\n" + lines * (count // len(lines)))
        columns = columns_of(path, DatasetSpec())
        start = time.process_time()
        for group in groups_of([Portion(path)], DatasetSpec(), columns, size):
            group.parse()
        return time.process_time() - start

    seconds(20_000)
    assert seconds(400_000) < 24 * max(min(seconds(50_000) for _ in range(3)), 0.01)


def test_a_row_of_many_blocks_takes_no_longer_in_small_ones(tmp_path: Path) -> None:
    """Looked at once for each block it would be 4,000 times 16 MB."""
    path = tmp_path / "a.csv"
    path.write_text('a,b\n1,"' + "x\n" * (8 << 20) + '"\n2,' + "x" * (16 << 20) + "\n")
    columns = columns_of(path, DatasetSpec())

    def seconds(size: int) -> float:
        start = time.process_time()
        groups = list(groups_of([Portion(path)], DatasetSpec(), columns, size))
        assert sum(group.parse().batch.num_rows for group in groups) == 2
        return time.process_time() - start

    assert seconds(1 << 12) < 100 * seconds(8 << 20)
