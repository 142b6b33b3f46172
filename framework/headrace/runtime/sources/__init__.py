"""Inputs: one file or thousands, or pieces of files, as a stream of blocks.

In: paths or pieces of files, and the dataset's settings. Out: column names from the first bytes,
and blocks of rows whose cells are the text in the file. One module for each input format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from headrace.runtime.chain.columns import Columns
from headrace.runtime.errors import DataError
from headrace.runtime.sources.base import BadRow, Block, Parsed, Portion, Reader
from headrace.runtime.sources.files import format_of, is_empty, name_of, total_bytes
from headrace.runtime.sources.groups import Group, grouped
from headrace.runtime.sources.readers import reader_of
from headrace.runtime.spec import DatasetSpec

__all__ = [
    "BadRow",
    "Block",
    "Group",
    "Parsed",
    "Portion",
    "Reader",
    "columns_of",
    "first_file",
    "groups_of",
    "total_bytes",
]


def columns_of(path: Path, dataset: DatasetSpec) -> Columns:
    """The columns of a file and their roles, from its first bytes.

    Raises:
        DataError: The file has none, or not those that the configuration names.
    """
    if _is_empty(path, dataset):
        raise DataError(f"{name_of(path)}: the file is empty")
    return Columns.of(_reader(path, dataset).names(path, dataset), dataset, name_of(path))


def first_file(files: Sequence[Path], dataset: DatasetSpec) -> Path:
    """The first file of an input that is not empty.

    Raises:
        DataError: All of them are, or one cannot be read.
    """
    for file in files:
        if not _is_empty(file, dataset):
            return file
    if len(files) == 1:
        raise DataError(f"{name_of(files[0])}: the file is empty")
    raise DataError(f"all {len(files)} files of the input are empty")


def groups_of(
    portions: Sequence[Portion], dataset: DatasetSpec, columns: Columns, size: int
) -> Iterator[Group]:
    """All rows of all portions, in order, in groups of about `size` bytes.

    Raises:
        DataError: A file cannot be read, or its columns are not those of the first.
    """
    return grouped(_blocks_of_all(portions, dataset, columns, size), size)


def _blocks_of_all(
    portions: Sequence[Portion], dataset: DatasetSpec, columns: Columns, size: int
) -> Iterator[tuple[Block, int]]:
    before = 0
    for portion in portions:
        for block in _blocks(portion, dataset, columns, size):
            yield block, before + block.consumed
        before += portion.path.stat().st_size


def _reader(path: Path, dataset: DatasetSpec) -> Reader:
    return reader_of(format_of(path, dataset.format))


def _is_empty(path: Path, dataset: DatasetSpec) -> bool:
    """Whether a file holds nothing, as parts do that nobody had rows for: it has no columns."""
    if not path.stat().st_size:
        return True
    return _reader(path, dataset).has_lines and is_empty(path)


def _blocks(portion: Portion, dataset: DatasetSpec, columns: Columns, size: int) -> Iterator[Block]:
    if not _is_empty(portion.path, dataset):
        yield from _reader(portion.path, dataset).blocks(portion, dataset, columns, size)
