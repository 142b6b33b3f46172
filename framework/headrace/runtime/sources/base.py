"""The base of every kind of input: blocks that workers parse on their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

import pyarrow as pa

from headrace.runtime.sources.files import name_of

if TYPE_CHECKING:
    from headrace.runtime.chain.columns import Columns
    from headrace.runtime.spec import DatasetSpec


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
    """A row that could not be read: where it stands and why.

    Attributes:
        block: It stands there.
        line: Finds out on which line, counted as `Block.lines_of` does.
        reason: Why it is bad.
    """

    block: Block
    line: Callable[[], int]
    reason: str

    @property
    def place(self) -> str:
        """Return where, for a person; it may mean reading the file again."""
        return self.block.named(self.line())


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
        """Return the file."""

    @property
    @abstractmethod
    def consumed(self) -> int:
        """Return bytes of the file on disk read so far, this block included."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Return bytes that it takes in memory."""

    @abstractmethod
    def parse(self) -> Parsed:
        """Read the rows, in any thread."""

    @property
    def base(self) -> int:
        """Return position in the content of the file from which `lines_of` counts."""
        return 0

    @abstractmethod
    def lines_of(self, rows: Sequence[int]) -> list[int]:
        """Return the lines, from 1, on which some good rows of the block begin.

        Args:
            rows: Positions among the rows that `parse` gives, in ascending order.
        """

    def named(self, line: int) -> str:
        """Return how messages name a line that `lines_of` gave."""
        return f"{name_of(self.path)}, line {line}"

    def place(self, row: int) -> str:
        """Return how messages name the place of a good row."""
        return self.named(self.lines_of([row])[0])


class Reader(Protocol):
    """One format of the input; inherit from it.

    Attributes:
        delimiter: What stands between the cells of a format of delimited text, whose names of
            columns are a header or ``dataset.columns``; None for a format that names its own.
        has_lines: Whether a row ends where a line ends, at the latest, so that Spark may cut files
            between lines, and an empty file is one without text.
        has_all_names: Whether `names` gives all columns, so that one which is not there is none.
    """

    delimiter: ClassVar[str | None] = None
    has_lines: ClassVar[bool] = False
    has_all_names: ClassVar[bool] = True

    def names(self, path: Path, dataset: DatasetSpec) -> tuple[str, ...]:
        """Return the names of a file's columns.

        Raises:
            DataError: The file is not of this format.
        """

    def index_names(self, path: Path, dataset: DatasetSpec) -> tuple[str, ...]:
        """Return the names of columns that hold the index of a pandas table and are left out."""
        return ()

    def unread_names(self, path: Path, dataset: DatasetSpec) -> tuple[str, ...]:
        """Return the names of further columns, which are there but cannot be read."""
        return ()

    def blocks(
        self, portion: Portion, dataset: DatasetSpec, columns: Columns, size: int
    ) -> Iterator[Block]:
        """Yield the rows of a portion in blocks of about `size` bytes.

        Raises:
            DataError: The file cannot be read, or its columns are not `columns`.
        """

    def cut(self, path: Path, size: int) -> list[tuple[Portion, int]] | None:
        """Return portions of about `size` bytes, each with its bytes, for Spark's tasks.

        None leaves it to the lines; a file of a format without lines is then read as a whole.
        """
        return None

    def totals(self, path: Path) -> tuple[int, int] | None:
        """Return the rows of a file and the bytes of their text, if it says so itself."""
        return None
