"""Inputs: one file or thousands, or pieces of files, as a stream of blocks.

In: paths or pieces of files, and the dataset's settings. Out: column names from the first bytes,
and blocks of rows whose cells are the text in the file. One module for each input format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from headrace.runtime.chain.columns import Columns
from headrace.runtime.chain.names import refuse_absent_drops, refuse_unexpected
from headrace.runtime.errors import DataError
from headrace.runtime.sources.base import BadRow, Block, Parsed, Portion, Reader
from headrace.runtime.sources.cleaning import CleanedBlock, Cleaning, partition_of
from headrace.runtime.sources.files import (
    below_input,
    format_of,
    is_empty,
    name_of,
    total_bytes,
)
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
    "are_empty",
    "cells_of",
    "columns_of",
    "first_file",
    "groups_of",
    "total_bytes",
]


def columns_of(path: Path, dataset: DatasetSpec, below: str | None = None) -> Columns:
    """Return the columns of a file and their roles, from its first bytes and its path.

    Args:
        path: The file.
        dataset: What it looks like.
        below: Its path below ``dataset.path``; default: as the place where a job reads it tells.

    Raises:
        DataError: The file has none, or not those that the configuration names.
    """
    if _is_empty(path, dataset):
        raise DataError(f"{name_of(path)}: the file is empty")
    reader, origin = _reader(path, dataset), name_of(path)
    own = reader.names(path, dataset)
    refuse_unexpected((*own, *reader.unread_names(path, dataset)), dataset.columns_expected, origin)
    added = partition_of(below_input(path) if below is None else below, dataset)
    of_folders = tuple(name for name in added if name not in own)
    names = (*own, *of_folders)
    if reader.has_all_names:
        refuse_absent_drops(names, dataset, origin)
    columns = Columns.of(names, dataset, origin)
    index = reader.index_names(path, dataset)
    return replace(columns, index=index, folders=frozenset(of_folders))


def cells_of(path: Path, dataset: DatasetSpec) -> int | None:
    """Return the number of cells in the first row of a file that has no header.

    Returns:
        None for a file that has one, or whose format names its columns.

    Raises:
        DataError: The file cannot be read.
    """
    reader = _reader(path, dataset)
    if dataset.has_header or reader.delimiter is None or _is_empty(path, dataset):
        return None
    return len(reader.names(path, replace(dataset, columns=None, header=False)))


def first_file(files: Sequence[Path], dataset: DatasetSpec) -> Path:
    """Return the first file of an input that is not empty.

    Raises:
        DataError: All of them are, or one cannot be read.
    """
    for file in files:
        if not _is_empty(file, dataset):
            return file
    if len(files) == 1:
        raise DataError(f"{name_of(files[0])}: the file is empty")
    raise DataError(f"all {len(files)} files of the input are empty")


def are_empty(files: Sequence[Path], dataset: DatasetSpec) -> bool:
    """Return whether no file of an input holds anything.

    Raises:
        DataError: One cannot be read.
    """
    return all(_is_empty(file, dataset) for file in files)


def groups_of(
    portions: Sequence[Portion], dataset: DatasetSpec, columns: Columns, size: int
) -> Iterator[Group]:
    """Return all rows of all portions, in order, in groups of about `size` bytes.

    Raises:
        DataError: A file cannot be read, or its columns are not those of the first.
    """
    return grouped(_blocks_of_all(portions, dataset, columns, size), size)


def _blocks_of_all(
    portions: Sequence[Portion], dataset: DatasetSpec, columns: Columns, size: int
) -> Iterator[tuple[Block, int]]:
    before = 0
    if columns.cells is not None:
        dataset = replace(dataset, columns=columns.cells)
    for portion in portions:
        for block in _blocks(portion, dataset, columns, size):
            yield block, before + block.consumed
        before += portion.path.stat().st_size


def _reader(path: Path, dataset: DatasetSpec) -> Reader:
    return reader_of(format_of(path, dataset.format))


def _is_empty(path: Path, dataset: DatasetSpec) -> bool:
    """Return whether a file holds nothing, not even columns, as parts that nobody had rows for."""
    if not path.stat().st_size:
        return True
    return _reader(path, dataset).has_lines and is_empty(path, dataset.encoding)


def _blocks(portion: Portion, dataset: DatasetSpec, columns: Columns, size: int) -> Iterator[Block]:
    if _is_empty(portion.path, dataset):
        return
    added = partition_of(below_input(portion.path), dataset)
    columns.refuse_other_folders(added, name_of(portion.path))
    own = columns.without(frozenset(added)) if added else columns
    blocks = _reader(portion.path, dataset).blocks(portion, dataset, own, size)
    used = {name: cell for name, cell in added.items() if name in columns.read}
    cleaning = Cleaning.of(dataset, used)
    if not cleaning.is_needed:
        yield from blocks
    else:
        yield from (CleanedBlock(block, cleaning) for block in blocks)
