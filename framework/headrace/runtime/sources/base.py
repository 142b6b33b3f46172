"""What every kind of input gives: blocks that workers parse on their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa


@dataclass(frozen=True)
class Portion:
    """A file, or a piece of one at whose edges rows begin and end.

    Attributes:
        path: The file.
        start: Where the piece begins: a byte of a file of lines, a row group of a Parquet file.
        end: Where it ends, the byte or row group after the last; None for the end of the file.
    """

    path: Path
    start: int = 0
    end: int | None = None


@dataclass(frozen=True)
class BadRow:
    """A row that could not be read: where it stands and why."""

    where: Callable[[], str]
    reason: str

    @property
    def place(self) -> str:
        """Where, for a person; found out on request, as it means reading the file again."""
        return self.where()


@dataclass(frozen=True)
class Parsed:
    """The rows of a block as text columns, without the bad ones."""

    batch: pa.RecordBatch
    bad: tuple[BadRow, ...]


class Block(ABC):
    """A piece of one file."""

    @property
    @abstractmethod
    def path(self) -> Path:
        """The file."""

    @property
    @abstractmethod
    def consumed(self) -> int:
        """Bytes of the file on disk read so far, this block included."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes that it takes in memory."""

    @abstractmethod
    def parse(self) -> Parsed:
        """Read the rows, in any thread."""

    @abstractmethod
    def place(self, row: int) -> str:
        """Where a row of the block stands, for a person; only asked where no row was bad."""
