"""Parquet: columns of any flat type, turned into text; an empty text is a null, as in a CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from framework.runtime.errors import DataError
from framework.runtime.sources.base import Block, Parsed, Portion

_ROWS_PER_BYTE = 1 / 128
"""Rows of a block for each byte that a block of text would have."""


@dataclass(frozen=True)
class ParquetBlock(Block):
    """Some rows of a Parquet file."""

    file: Path
    first_row: int
    batch: pa.RecordBatch
    read: int

    @property
    def path(self) -> Path:
        """The file."""
        return self.file

    @property
    def consumed(self) -> int:
        """Bytes of the file on disk read so far, in proportion to its rows."""
        return self.read

    @property
    def size(self) -> int:
        """Bytes of the columns."""
        return int(self.batch.nbytes)

    def parse(self) -> Parsed:
        """Every column as text."""
        names = self.batch.schema.names
        columns = [self._text(name, self.batch.column(name)) for name in names]
        return Parsed(pa.RecordBatch.from_arrays(columns, names), ())

    def place(self, row: int) -> str:
        """Name of the file and number of the row, from 1."""
        return f"{self.path.name}, row {self.first_row + row + 1}"

    def _text(self, name: str, column: pa.Array) -> pa.StringArray:
        if pa.types.is_boolean(column.type):
            column = pc.if_else(column, "true", "false")
        try:
            text = column.cast(pa.string())
        except pa.ArrowInvalid as error:
            first = f"rows {self.first_row + 1} to {self.first_row + len(column)}"
            raise DataError(f"{self.path.name}, {first}, column {name!r}: {error}") from error
        empty = pc.equal(text, "")
        return pc.if_else(empty, None, text) if pc.any(empty).as_py() else text


def read_names(path: Path) -> tuple[str, ...]:
    """Names of the file's columns.

    Raises:
        DataError: The file is not Parquet, or has a column that is no plain value.
    """
    schema = _open(path).schema_arrow
    for field in schema:
        if pa.types.is_nested(field.type):
            raise DataError(f"{path.name}: column {field.name!r} is no plain value ({field.type})")
    return tuple(schema.names)


def parquet_blocks(portion: Portion, wanted: tuple[str, ...], size: int) -> Iterator[ParquetBlock]:
    """Read some row groups of a file, some rows at a time."""
    path = portion.path
    file = _open(path)
    rows, disk = file.metadata.num_rows, path.stat().st_size
    first = sum(file.metadata.row_group(group).num_rows for group in range(portion.start))
    groups = list(range(file.num_row_groups))[portion.start : portion.end]
    rows_at_once = max(1, int(size * _ROWS_PER_BYTE))
    try:
        for batch in file.iter_batches(rows_at_once, groups, list(wanted)):
            end = first + batch.num_rows
            yield ParquetBlock(path, first, batch.select(list(wanted)), disk * end // rows)
            first = end
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path.name}: the Parquet data is broken ({error})") from error


def bytes_of_groups(path: Path) -> list[int]:
    """Bytes of each row group, uncompressed.

    Raises:
        DataError: The file is not Parquet.
    """
    about = _open(path).metadata
    return [about.row_group(group).total_byte_size for group in range(about.num_row_groups)]


def _open(path: Path) -> pq.ParquetFile:
    if not path.stat().st_size:
        raise DataError(f"{path.name}: the file is empty")
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path.name}: is no Parquet file, or is cut short ({error})") from error
