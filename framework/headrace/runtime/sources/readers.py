"""Formats of the input, by the name that the configuration uses; nothing else knows a name."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from headrace.runtime.registry import Registry

if TYPE_CHECKING:
    from headrace.runtime.sources.base import Reader

AUTO = "auto"
"""Stands for: by the file's name."""
READERS = Registry(
    "input format",
    "headrace.readers",
    {
        "csv": "headrace.runtime.sources.delimited:CsvReader",
        "tsv": "headrace.runtime.sources.delimited:TsvReader",
        "parquet": "headrace.runtime.sources.parquet:ParquetReader",
        "jsonl": "headrace.runtime.sources.jsonl:JsonLinesReader",
    },
    travels_in="readers",
)
FURTHER_SUFFIXES = {"tab": "tsv", "ndjson": "jsonl", "json": "jsonl", "pq": "parquet"}
"""What names of files end in, beside the names of the formats themselves."""
UNNAMED = "csv"
"""Format of a compressed file without another ending: Kaggle calls Avazu's log train.gz."""


@cache
def reader_of(format_name: str) -> Reader:
    """Return the reader of a format; only that one is imported."""
    reader: Reader = READERS.load(format_name)()
    return reader


def format_by_suffix(suffix: str) -> str | None:
    """Return the format of files whose names end so, as in ``.csv``; None if there is none.

    A format of an installed package is chosen by ``dataset.format`` alone.
    """
    name = suffix.removeprefix(".")
    name = FURTHER_SUFFIXES.get(name, name)
    return name if name in READERS.shipped else None
