"""Inputs: one file or thousands, or pieces of files, as a stream of blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from framework.runtime.columns import Columns
from framework.runtime.sources.base import BadRow, Block, Parsed, Portion
from framework.runtime.sources.files import format_of, total_bytes
from framework.runtime.sources.groups import Group, grouped
from framework.runtime.spec import DatasetSpec

__all__ = [
    "BadRow",
    "Block",
    "Group",
    "Parsed",
    "Portion",
    "columns_of",
    "groups_of",
    "total_bytes",
]

DELIMITERS = {"csv": ",", "tsv": "\t"}


def columns_of(path: Path, dataset: DatasetSpec) -> Columns:
    """The columns of a file and their roles, from its first bytes.

    Raises:
        DataError: The file has none, or not those that the configuration names.
    """
    return Columns.of(_names(path, dataset), dataset, path.name)


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


def _names(path: Path, dataset: DatasetSpec) -> tuple[str, ...]:
    match format_of(path, dataset.format):
        case "parquet":
            from framework.runtime.sources import parquet

            return parquet.read_names(path, dataset)
        case "jsonl":
            from framework.runtime.sources import jsonl

            return jsonl.read_names(path, dataset)
        case kind:
            from framework.runtime.sources import delimited

            return delimited.read_header(path, DELIMITERS[kind], dataset.columns).names


def _blocks(portion: Portion, dataset: DatasetSpec, columns: Columns, size: int) -> Iterator[Block]:
    path = portion.path
    match format_of(path, dataset.format):
        case "parquet":
            from framework.runtime.sources import parquet

            columns.refuse_other(parquet.read_names(path, dataset), path.name)
            yield from parquet.parquet_blocks(portion, columns.read, size)
        case "jsonl":
            from framework.runtime.sources import jsonl

            yield from jsonl.json_blocks(portion, columns, size)
        case kind:
            from framework.runtime.sources import delimited

            header = delimited.read_header(path, DELIMITERS[kind], dataset.columns)
            columns.refuse_other(header.names, path.name)
            yield from delimited.delimited_blocks(
                portion, header, columns.read, DELIMITERS[kind], size
            )
