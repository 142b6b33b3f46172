"""CSV and TSV (RFC 4180): parsed by Arrow a block at a time, every cell as the text it is.

A block that Arrow refuses is read once more, row by row, to tell good rows from bad ones and to
name the line.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from pyarrow import csv as arrow_csv

from headrace.runtime.chain.columns import Columns
from headrace.runtime.errors import DataError
from headrace.runtime.shown import quoted
from headrace.runtime.sources.base import BadRow, Block, Parsed, Portion, Reader
from headrace.runtime.sources.blocks import LinesBlock, blocks, line_number, too_long
from headrace.runtime.sources.files import BOM, name_of, opened
from headrace.runtime.sources.quotes import OpenQuote, rows_in
from headrace.runtime.spec import DatasetSpec

_HEADER = 1 << 16
_LINE_ENDS = re.compile(rb"\r\n|\n|\r")
_LEFT_OPEN = (
    "a quote opens a cell here and none closes it (a closing quote stands before a delimiter or a "
    "line end)"
)


@dataclass(frozen=True)
class Header:
    """Names of a file's columns, and how many bytes come before the first row."""

    names: tuple[str, ...]
    size: int


def read_header(path: Path, delimiter: str, dataset: DatasetSpec) -> Header:
    """Return the columns of a file.

    Args:
        path: The file.
        delimiter: What stands between cells.
        dataset: Holds the names, if the file has no header.

    Raises:
        DataError: The first row is no header.
    """
    start, skip = _first_row(path, delimiter, dataset.max_line_bytes)
    if dataset.columns is not None:
        return Header(tuple(dataset.columns), skip)
    try:
        lines = io.StringIO(start.decode("latin-1"), newline="")
        cells = next(csv.reader(lines, delimiter=delimiter))
        names = tuple(cell.encode("latin-1").decode() for cell in cells)
    except UnicodeDecodeError as error:
        raise DataError(f"{name_of(path)}, line 1: the header is not UTF-8") from error
    except (StopIteration, csv.Error) as error:
        raise DataError(f"{name_of(path)}, line 1: there is no header") from error
    if not names:
        raise DataError(f"{name_of(path)}, line 1: there is no header")
    if not all(names):
        raise DataError(f"{name_of(path)}, line 1: a column in the header has no name")
    return Header(names, skip + lines.tell())


def _first_row(path: Path, delimiter: str, longest: int) -> tuple[bytes, int]:
    """The beginning of a file up to where a row ends, and the size of its byte order mark."""
    with opened(path) as (reader, _):
        content, is_last = b"", False
        while not is_last:
            data = reader.read(max(_HEADER, len(content)))
            content, is_last = content + data, not data
            skip = len(BOM) if content.startswith(BOM) else 0
            rows = rows_in(content[skip:], delimiter, longest, is_last=is_last)
            if rows.end or rows.too_long is not None:
                break
    if rows.open_quotes and not rows.open_quotes[0].start:
        line = line_number(path, skip + rows.open_quotes[0].quote)
        raise DataError(f"{name_of(path)}, line {line}: {_LEFT_OPEN}")
    if rows.too_long == 0:
        raise too_long(path, 1, longest)
    return content[skip : skip + rows.end], skip


@dataclass(frozen=True)
class DelimitedBlock(LinesBlock):
    """Some lines of a CSV or TSV file."""

    delimiter: str

    def parse(self) -> Parsed:
        """The block's rows; row by row if Arrow finds something wrong."""
        try:
            table = self._parse_at_once()
        except pa.ArrowInvalid:
            return self._parse_by_row()
        batches = table.combine_chunks().to_batches()
        bad = tuple(self._left_open(each) for each in self.bytes.open_quotes)
        return Parsed(batches[0] if batches else self._batch([]), bad)

    def place(self, row: int) -> str:
        """Name of the file and number of the line in which a row begins."""
        rows = (line for line, cells in self._rows() if isinstance(cells, list))
        return self.line(next(islice(rows, row, None)))

    def _parse_at_once(self) -> pa.Table:
        data = b"".join(data for data, _ in self._stretches())
        if data.startswith(BOM):  # Arrow would take it away, but the file does not begin here
            data = b"\n" + data
        return arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(data)),
            arrow_csv.ReadOptions(
                use_threads=False, block_size=len(data) + 1, column_names=self.names
            ),
            arrow_csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
            arrow_csv.ConvertOptions(
                include_columns=self.wanted,
                column_types=dict.fromkeys(self.wanted, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=not data.isascii(),
            ),
        )

    def _parse_by_row(self) -> Parsed:
        good: list[list[str]] = []
        bad: list[BadRow] = []
        for line, cells in self._rows():
            if isinstance(cells, OpenQuote):
                bad.append(self._left_open(cells))
                continue
            try:
                good.append(self._decoded(cells))
            except ValueError as error:
                bad.append(BadRow(partial(self.line, line), str(error)))
        return Parsed(self._batch(good), tuple(bad))

    def _left_open(self, bad: OpenQuote) -> BadRow:
        def place() -> str:
            return f"{name_of(self.path)}, line {self.bytes.line_of(bad.quote)}"

        return BadRow(place, _LEFT_OPEN)

    def _stretches(self) -> Iterator[tuple[bytes, OpenQuote | None]]:
        """The data without rows that have an open quote, and what comes behind each piece."""
        start = 0
        for bad in self.bytes.open_quotes:
            yield self.bytes.data[start : bad.start], bad
            start = bad.end
        yield self.bytes.data[start:], None

    def _rows(self) -> Iterator[tuple[int, list[str] | OpenQuote]]:
        """Each row's first line in the block, and its cells: characters that stand for bytes."""
        csv.field_size_limit(sys.maxsize)
        first = 0
        for data, bad in self._stretches():
            lines = io.StringIO(data.decode("latin-1"), newline="")
            reader = csv.reader(lines, delimiter=self.delimiter)
            line = 0
            for cells in reader:
                if cells:
                    yield first + line, cells
                line = reader.line_num
            first += line
            if bad:
                yield first, bad
                skipped = self.bytes.data[bad.start : bad.end]
                first += len(_LINE_ENDS.findall(skipped))

    def _decoded(self, cells: list[str]) -> list[str]:
        """The wanted cells; the others may hold anything, as when Arrow parses the block."""
        if len(cells) != len(self.names):
            hint = "; is a quote left open?" if "\n" in cells[-1] else ""
            what = f"{len(cells)} cells, but the header names {len(self.names)} columns"
            raise ValueError(what + hint)
        row, texts = dict(zip(self.names, cells, strict=True)), []
        for name in self.wanted:
            cell = row[name]
            try:
                texts.append(cell if cell.isascii() else cell.encode("latin-1").decode())
            except UnicodeDecodeError:
                content = cell.encode("latin-1")[:40]
                what = f"column {quoted(name)}: the bytes {content!r} are not UTF-8"
                raise ValueError(what) from None
        return texts

    def _batch(self, rows: list[list[str]]) -> pa.RecordBatch:
        columns = [
            pa.array([row[place] or None for row in rows], pa.string())
            for place in range(len(self.wanted))
        ]
        return pa.RecordBatch.from_arrays(columns, list(self.wanted))


def delimited_blocks(
    portion: Portion,
    header: Header,
    wanted: tuple[str, ...],
    delimiter: str,
    size: int,
    longest: int,
) -> Iterator[DelimitedBlock]:
    """Cut a portion of a file into blocks that can be parsed on their own."""
    rows = replace(portion, start=max(portion.start, header.size))
    for data in blocks(rows, size, longest, delimiter):
        yield DelimitedBlock(data, header.names, wanted, delimiter)


class CsvReader(Reader):
    """Cells between commas."""

    delimiter: ClassVar[str] = ","
    has_lines = True

    def names(self, path: Path, dataset: DatasetSpec) -> tuple[str, ...]:
        """Return the header, or the names that the configuration gives."""
        return read_header(path, self.delimiter, dataset).names

    def blocks(
        self, portion: Portion, dataset: DatasetSpec, columns: Columns, size: int
    ) -> Iterator[Block]:
        """Yield whole rows."""
        header = read_header(portion.path, self.delimiter, dataset)
        columns.refuse_other(header.names, name_of(portion.path))
        longest = dataset.max_line_bytes
        yield from delimited_blocks(portion, header, columns.read, self.delimiter, size, longest)


class TsvReader(CsvReader):
    """Cells between tabs."""

    delimiter: ClassVar[str] = "\t"
