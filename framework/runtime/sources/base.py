"""What every kind of input gives: blocks that workers parse on their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa


@dataclass(frozen=True)
class BadRow:
    """A row that could not be read: where it stands and why."""

    place: str
    reason: str


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

    @abstractmethod
    def parse(self) -> Parsed:
        """Read the rows; called once, in any thread."""

    @abstractmethod
    def place(self, row: int) -> str:
        """Where a row of the block stands, for a person; only asked where no row was bad."""
