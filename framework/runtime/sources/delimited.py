"""CSV and TSV (RFC 4180): parsed by Arrow a block at a time, every cell as the text it is.

A block that Arrow refuses is read once more, row by row, to tell good rows from bad ones and to
name the line.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from framework.runtime.errors import DataError
from framework.runtime.sources.base import BadRow, Parsed, Portion
from framework.runtime.sources.blocks import LinesBlock, blocks
from framework.runtime.sources.files import opened

_HEADER = 1 << 16
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Header:
    """Names of a file's columns, and how many bytes come before the first row."""

    names: tuple[str, ...]
    size: int


def read_header(path: Path, delimiter: str, declared: Sequence[str] | None) -> Header:
    """The columns of a file.

    Args:
        path: The file.
        delimiter: What stands between cells.
        declared: The names, if the file has no header.

    Raises:
        DataError: The file is empty, or its first line is no header.
    """
    with opened(path) as (reader, _):
        start = reader.read(_HEADER)
        while start and b"\n" not in start and (more := reader.read(_HEADER)):
            start += more
    if not start:
        raise DataError(f"{path.name}: the file is empty")
    skip = len(_BOM) if start.startswith(_BOM) else 0
    if declared is not None:
        return Header(tuple(declared), skip)
    try:
        lines = io.StringIO(start[skip:].decode("latin-1"), newline="")
        cells = next(csv.reader(lines, delimiter=delimiter))
        names = tuple(cell.encode("latin-1").decode() for cell in cells)
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name}, line 1: the header is not UTF-8") from error
    except (StopIteration, csv.Error) as error:
        raise DataError(f"{path.name}, line 1: there is no header") from error
    if not names:
        raise DataError(f"{path.name}, line 1: there is no header")
    if not all(names):
        raise DataError(f"{path.name}, line 1: a column in the header has no name")
    return Header(names, skip + lines.tell())


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
        return Parsed(batches[0] if batches else self._batch([]), ())

    def place(self, row: int) -> str:
        """Name of the file and number of the line in which a row begins."""
        for number, (line, _) in enumerate(self._rows()):
            if number == row:
                return self.line(line)
        raise IndexError(row)

    def _parse_at_once(self) -> pa.Table:
        data = self.bytes.data
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
            try:
                good.append(self._decoded(cells))
            except ValueError as error:
                bad.append(BadRow(partial(self.line, line), str(error)))
        return Parsed(self._batch(good), tuple(bad))

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row's first line in the block, and its cells: characters that stand for bytes."""
        csv.field_size_limit(sys.maxsize)
        lines = io.StringIO(self.bytes.data.decode("latin-1"), newline="")
        reader = csv.reader(lines, delimiter=self.delimiter)
        line = 0
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num

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
                raise ValueError(
                    f"column {name!r}: the bytes {cell.encode('latin-1')[:40]!r} are not UTF-8"
                ) from None
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
) -> Iterator[DelimitedBlock]:
    """Cut a portion of a file into blocks that can be parsed on their own."""
    rows = replace(portion, start=max(portion.start, header.size))
    for data in blocks(rows, size, delimiter):
        yield DelimitedBlock(data, header.names, wanted, delimiter)
