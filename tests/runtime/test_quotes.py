"""Quotes that are left open, and lines that are too long: the same in blocks of any size."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from framework.runtime.errors import DataError
from framework.runtime.sources import Portion, columns_of, groups_of
from framework.runtime.spark.scan import cut, look_at, windows
from framework.runtime.spec import DatasetSpec

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
