"""CSV and TSV (RFC 4180): parsed by Arrow a block at a time, every cell as the text it is.

A block that Arrow refuses is read once more, row by row, to tell good rows from bad ones and to
name the line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from pyarrow import csv as arrow_csv

from headrace.runtime.chain.columns import Columns
from headrace.runtime.chain.names import NAME_THEM, refuse_twins
from headrace.runtime.errors import DataError
from headrace.runtime.kernels.csv_calls import csv_columns
from headrace.runtime.kernels.library import library
from headrace.runtime.shown import quoted
from headrace.runtime.sources.base import BadRow, Block, Parsed, Portion, Reader
from headrace.runtime.sources.blocks import LinesBlock, blocks, lines_in, too_long
from headrace.runtime.sources.dialect import Dialect, end_of_lines
from headrace.runtime.sources.files import (
    BOM,
    RIGHT_ENCODING,
    is_utf_8,
    name_of,
    opened,
    refuse_parquet,
    refuse_wide,
)
from headrace.runtime.sources.quotes import NoRow, OpenQuote, Rows, rows_in
from headrace.runtime.spec import DatasetSpec

_HEADER = 1 << 16
_LEFT_OPEN = (
    "a quote opens a cell here and none closes it (a closing quote stands before a delimiter or a "
    "line end)"
)
_BLANKS = " \t"


@dataclass(frozen=True)
class Header:
    """Names of a file's columns, and how many bytes come before the first row.

    Attributes:
        names: Of all cells of a row; that of the first is empty if it is the index of the rows.
        size: In UTF-8.
        is_in_file: Whether the file names the columns itself.
    """

    names: tuple[str, ...]
    size: int
    is_in_file: bool = True


def read_header(path: Path, dialect: Dialect, dataset: DatasetSpec) -> Header:
    """Return the columns of a file.

    Args:
        path: The file.
        dialect: How its cells are written.
        dataset: Holds the names, if the file has no header.

    Raises:
        DataError: There is no header, or it names not what it should.
    """
    if dataset.columns is not None and not dataset.has_header:
        return Header(tuple(dataset.columns), _Beginning(path, dialect, dataset).skip, False)
    start = _Beginning(path, dialect, dataset)
    line, end, cells = start.first_row()
    if not dataset.has_header:
        return Header(tuple(f"c{index}" for index in range(len(cells))), start.skip, False)
    place = f"{name_of(path)}, line {line}"
    names = tuple(cell.strip(_BLANKS) if dataset.trim else cell for cell in cells)
    if dataset.columns is not None:
        if len(names) != len(dataset.columns):
            what = f"the header has {len(names)} cells, but dataset.columns names "
            raise DataError(f"{place}: {what}{len(dataset.columns)} columns")
        return Header(tuple(dataset.columns), end)
    if not all(names[1:]) or names == ("",):
        raise DataError(f"{place}: a column in the header has no name; {NAME_THEM}")
    if not all(map(_is_text, names)):
        way = "set dataset.encoding to that of the file, such as utf-16 or cp1252"
        raise DataError(f"{place}: the header is not {encoding_name(dataset)}; {way}")
    refuse_twins(names, name_of(path), NAME_THEM)
    return Header(names, end)


def encoding_name(dataset: DatasetSpec) -> str:
    """Return how messages name the encoding of a dataset."""
    return "UTF-8" if is_utf_8(dataset.encoding) else dataset.encoding


def _is_text(cell: str) -> bool:
    try:
        return cell.isascii() or bool(cell.encode())
    except UnicodeEncodeError:
        return False


class _Beginning:
    """The first rows of a file, behind its byte order mark and the lines to skip.

    Attributes:
        skip: Bytes before them.
    """

    def __init__(self, path: Path, dialect: Dialect, dataset: DatasetSpec) -> None:
        self._path, self._dialect, self._dataset = path, dialect, dataset
        self._content, self._rows, self.skip = b"", Rows(0), 0
        self._first: tuple[int, int, list[str] | None] | None = None
        with opened(path, dataset.encoding) as (reader, file):
            refuse_parquet(path, file)
            is_last = False
            while not is_last:
                data = reader.read(max(_HEADER, len(self._content)))
                self._content, is_last = self._content + data, not data
                skip = self._skipped()
                if skip is None:
                    continue
                self.skip = skip
                self._rows = self._rows_in(self._content[skip:], is_last=is_last)
                self._first = self._found()
                if self._rows.too_long is not None or self._first is not None:
                    break
        if self._first is not None:
            cells = self._first[2]
            if cells is None or any("\0" in cell or not _is_text(cell) for cell in cells):
                refuse_wide(path, self._content)
        if self._skipped() is None:
            raise DataError(
                f"{name_of(path)}: the file has no more than the {dataset.skip_lines:,} lines "
                "that dataset.skip_lines leaves out"
            )

    def first_row(self) -> tuple[int, int, list[str]]:
        """Return the first row's line, where the next row begins, and its cells.

        Raises:
            DataError: There is none.
        """
        if self._first is None:
            if self._rows.too_long is not None:
                position = self.skip + self._rows.too_long
                raise too_long(self._path, self._line(position), self._dataset.max_line_bytes)
            what = "there is no header" if self._dataset.has_header else "there are no rows"
            raise DataError(f"{name_of(self._path)}, line 1: {what}")
        start, end, cells = self._first
        if cells is None:
            raise DataError(f"{name_of(self._path)}, line {self._line(start)}: {_LEFT_OPEN}")
        return self._line(start), end, cells

    def _found(self) -> tuple[int, int, list[str] | None] | None:
        """Return where the first row begins and ends, and its cells; no cells for an open quote."""
        whole = self._content[self.skip : self.skip + self._rows.end]
        for start, data, left_out in stretches(whole, self._rows.left_out):
            for first, behind, cells in self._dialect.rows(data):
                before, after = (end_of_lines(data, line) for line in (first, behind))
                begin = self.skip + start
                return begin + (before or 0), begin + (len(data) if after is None else after), cells
            if isinstance(left_out, OpenQuote):
                return self.skip + left_out.quote, self.skip + left_out.end, None
        return None

    def _skipped(self) -> int | None:
        bom = 0
        while self._content.startswith(BOM, bom):  # some tools put one before the one that is there
            bom += len(BOM)
        return end_of_lines(self._content, self._dataset.skip_lines, bom)

    def _rows_in(self, data: bytes, *, is_last: bool) -> Rows:
        return rows_in(data, self._dialect, self._dataset.max_line_bytes, is_last=is_last)

    def _line(self, position: int) -> int:
        return 1 + lines_in(self._content[:position])


def stretches(data: bytes, left_out: Sequence[NoRow]) -> Iterator[tuple[int, bytes, NoRow | None]]:
    """Yield the rows between stretches that hold none: where they begin, and what comes behind."""
    start = 0
    for each in left_out:
        yield start, data[start : each.start], each
        start = each.end
    yield start, data[start:], None


@dataclass(frozen=True)
class DelimitedBlock(LinesBlock):
    """Some lines of a CSV or TSV file."""

    dialect: Dialect
    encoding: str = "UTF-8"
    """As messages name it."""
    is_named: bool = True
    """True if the file names its columns."""

    def parse(self) -> Parsed:
        """Return the block's rows; row by row if Arrow finds something wrong."""
        if not self._is_for_arrow():
            return self._parse_by_row()
        try:
            table = self._parse_at_once()
        except pa.ArrowInvalid:
            return self._parse_by_row()
        batches = table.combine_chunks().to_batches()
        left_open = (each for each in self.bytes.left_out if isinstance(each, OpenQuote))
        bad = tuple(map(self._left_open, left_open))
        return Parsed(batches[0] if batches else self._batch([]), bad)

    def lines_of(self, rows: Sequence[int]) -> list[int]:
        """Return the lines, from 1, on which some good rows of the block begin."""
        wanted, first, found = iter(rows), self.bytes.first_line(), list[int]()
        row = next(wanted, None)
        for number, line in enumerate(self._good_lines()):
            while row == number:
                found.append(first + line)
                row = next(wanted, None)
            if row is None:
                break
        return found

    def _good_lines(self) -> Iterator[int]:
        for line, cells in self._rows():
            if isinstance(cells, list):
                with suppress(ValueError):
                    self._decoded(cells)
                    yield line

    def _is_for_arrow(self) -> bool:
        dialect = self.dialect
        if not dialect.is_known_to_arrow or "" in self.names[1:]:
            return False
        # Arrow knows no blanks before a quote, and that a line of blanks is no row.
        if not dialect.trim:
            return True
        return len(self.names) > 1 and not dialect.has_quotes(self.bytes.data)

    def _parse_at_once(self) -> pa.Table:
        data = self.bytes.data
        if self.bytes.left_out:
            data = b"".join(data for _, data, _ in stretches(data, self.bytes.left_out))
        if (compiled := self._by_kernel(data)) is not None:
            return compiled
        if data.startswith(BOM):  # Arrow would take it away, but the file does not begin here
            data = b"\n" + data
        dialect = self.dialect
        return arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(data)),
            arrow_csv.ReadOptions(
                use_threads=False, block_size=len(data) + 1, column_names=self.names
            ),
            arrow_csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote or False,
                escape_char=dialect.escape or False,
                newlines_in_values=True,
            ),
            arrow_csv.ConvertOptions(
                include_columns=self.wanted,
                column_types=dict.fromkeys(self.wanted, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=not data.isascii(),
            ),
        )

    def _by_kernel(self, data: bytes) -> pa.Table | None:
        """Return the block if the kernel can read it: no quotes, no escapes, nothing wrong."""
        kernels, dialect = library(), self.dialect
        if kernels is None:
            return None
        marks = dialect.delimiter, dialect.quote, dialect.escape
        places = {name: place for place, name in enumerate(self.names)}
        wanted = [places[name] for name in self.wanted]
        columns = csv_columns(kernels, data, marks, len(self.names), wanted)
        return None if columns is None else pa.table(columns, list(self.wanted))

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
                bad.append(BadRow(self, partial(self.line_number, line), str(error)))
        return Parsed(self._batch(good), tuple(bad))

    def _left_open(self, bad: OpenQuote) -> BadRow:
        return BadRow(self, partial(self.bytes.line_of, bad.quote), _LEFT_OPEN)

    def _rows(self) -> Iterator[tuple[int, list[str] | OpenQuote]]:
        """Yield each row's first line in the block, and its cells."""
        first = 0
        for _, data, left_out in stretches(self.bytes.data, self.bytes.left_out):
            for line, _, cells in self.dialect.rows(data):
                yield first + line, cells
            first += lines_in(data)
            if isinstance(left_out, OpenQuote):
                yield first, left_out
            if left_out is not None:
                first += lines_in(self.bytes.data[left_out.start : left_out.end])

    def _decoded(self, cells: list[str]) -> list[str]:
        """Return the wanted cells; the others may hold anything, as when Arrow parses the block."""
        if len(cells) != len(self.names):
            hint = "; is a quote left open?" if "\n" in cells[-1] else ""
            who = "the header names" if self.is_named else "there are"
            what = f"{len(cells)} cells, but {who} {len(self.names)} columns"
            raise ValueError(what + hint)
        row, texts = dict(zip(self.names, cells, strict=True)), []
        for name in self.wanted:
            cell = row[name]
            if not _is_text(cell):
                content = cell.encode("utf-8", "surrogateescape")[:40]
                bytes_are = (
                    f"the bytes {content!r} are" if self.encoding == "UTF-8" else "bytes are"
                )
                raise ValueError(
                    f"column {quoted(name)}: {bytes_are} not {self.encoding}; {RIGHT_ENCODING}"
                )
            texts.append(cell)
        return texts

    def _batch(self, rows: list[list[str]]) -> pa.RecordBatch:
        columns = [
            pa.array([row[place] or None for row in rows], pa.string())
            for place in range(len(self.wanted))
        ]
        return pa.RecordBatch.from_arrays(columns, list(self.wanted))


class CsvReader(Reader):
    """Cells between commas."""

    delimiter: ClassVar[str] = ","
    has_lines = True

    def names(self, path: Path, dataset: DatasetSpec) -> tuple[str, ...]:
        """Return the header, or the names that the configuration gives."""
        return tuple(name for name in self._header(path, dataset).names if name)

    def index_names(self, path: Path, dataset: DatasetSpec) -> tuple[str, ...]:
        """Return the empty name of the first column, if that is its name."""
        return tuple(name for name in self._header(path, dataset).names if not name)

    def blocks(
        self, portion: Portion, dataset: DatasetSpec, columns: Columns, size: int
    ) -> Iterator[Block]:
        """Yield whole rows."""
        header = self._header(portion.path, dataset)
        columns.refuse_other([name for name in header.names if name], name_of(portion.path))
        rows = replace(portion, start=max(portion.start, header.size))
        dialect, encoding = Dialect.of(self.delimiter, dataset), encoding_name(dataset)
        for data in blocks(
            rows,
            size,
            dataset.max_line_bytes,
            dialect,
            dataset.encoding,
            counted=dataset.skips_bad_rows,
        ):
            yield DelimitedBlock(
                data, header.names, columns.read, dialect, encoding, header.is_in_file
            )

    def _header(self, path: Path, dataset: DatasetSpec) -> Header:
        return read_header(path, Dialect.of(self.delimiter, dataset), dataset)


class TsvReader(CsvReader):
    """Cells between tabs."""

    delimiter: ClassVar[str] = "\t"
