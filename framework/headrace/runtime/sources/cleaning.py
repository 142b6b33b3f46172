"""The settings for cells of any format: nulls, blanks, and columns of the path.

In a path as Hive and Spark write it, ``day=2014-10-21/part-0.csv``, the folders name columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from headrace.runtime.chain.columns import BESIDE
from headrace.runtime.errors import DataError
from headrace.runtime.shown import plain
from headrace.runtime.sources.base import Block, Parsed
from headrace.runtime.spec import DatasetSpec

BLANKS = " \t"
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


def partition_of(below: str, dataset: DatasetSpec) -> dict[str, str | None]:
    """Return the columns that the folders of a file name, and their cells.

    Args:
        below: The file's path below ``dataset.path``.
        dataset: Whether folders name columns, and which texts are nulls.

    Raises:
        DataError: A name or a cell is not UTF-8.
    """
    if not dataset.partitions:
        return {}
    pairs = (folder.partition("=") for folder in below.split("/")[:-1])
    found: dict[str, str | None] = {}
    for name, equals, cell in pairs:
        if name and equals:
            try:
                column, text = (unquote(each, errors="strict") for each in (name, cell))
            except UnicodeDecodeError as error:
                what = "the name of a folder holds percent signs that stand for no UTF-8"
                raise DataError(f"{plain(below)}: {what}") from error
            is_null = text == HIVE_NULL or text in ("", *dataset.nulls)
            found[column] = None if is_null else text
    return found


@dataclass(frozen=True)
class Cleaning:
    """Changes the cells of a file.

    Attributes:
        nulls: Texts that mean null, beside the empty one.
        trim: Whether blanks around a text do not count.
        added: Columns that the path names, and their cells.
    """

    nulls: tuple[str, ...]
    trim: bool
    added: dict[str, str | None]

    @classmethod
    def of(cls, dataset: DatasetSpec, added: dict[str, str | None]) -> Cleaning:
        """Return what a dataset asks for."""
        return cls(tuple(text for text in dataset.nulls if text), dataset.trim, added)

    @property
    def is_needed(self) -> bool:
        """Return whether it changes anything."""
        return bool(self.nulls or self.trim or self.added)

    def cleaned(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch of texts with everything done."""
        names = list(batch.schema.names)
        columns = [
            column if name == BESIDE else self.column(column)
            for name, column in zip(names, batch.columns, strict=True)
        ]
        rows = batch.num_rows
        for name, cell in self.added.items():
            names.append(name)
            columns.append(pa.repeat(pa.scalar(cell, pa.string()), rows))
        if not columns:
            return batch
        return pa.RecordBatch.from_arrays(columns, names)

    def text(self, cell: str) -> str:
        """Return a single cell; here the empty text is a null."""
        cell = cell.strip(BLANKS) if self.trim else cell
        return "" if cell in self.nulls else cell

    def column(self, cells: pa.StringArray) -> pa.StringArray:
        """Return the cells of one column, without blanks and texts that mean null."""
        if self.trim:
            cells = pc.utf8_trim(cells, BLANKS)
        texts = ("", *self.nulls) if self.trim else self.nulls
        if not texts:
            return cells
        is_null = pc.is_in(cells, value_set=pa.array(texts, pa.string()))
        return pc.if_else(is_null, None, cells) if pc.any(is_null).as_py() else cells


@dataclass(frozen=True)
class CleanedBlock(Block):
    """A block whose cells are cleaned."""

    block: Block
    cleaning: Cleaning

    @property
    def path(self) -> Path:
        """Return the file."""
        return self.block.path

    @property
    def consumed(self) -> int:
        """Return bytes of the file on disk read so far."""
        return self.block.consumed

    @property
    def size(self) -> int:
        """Return bytes that it takes in memory."""
        return self.block.size

    @property
    def base(self) -> int:
        """Return position in the content of the file from which lines are counted."""
        return self.block.base

    def parse(self) -> Parsed:
        """Return the rows, cleaned."""
        parsed = self.block.parse()
        bad = tuple(replace(each, block=self) for each in parsed.bad)
        return Parsed(self.cleaning.cleaned(parsed.batch), bad)

    def lines_of(self, rows: Sequence[int]) -> list[int]:
        """Return the lines on which some good rows begin."""
        return self.block.lines_of(rows)

    def named(self, line: int) -> str:
        """Return how messages name a line."""
        return self.block.named(line)
