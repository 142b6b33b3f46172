"""Formats of the input and of the parts, by the names that a configuration uses: the registries.

Nothing else knows a name, but for the format's own module. The client half reads the tables at its
start, so nothing that takes time to import is imported here.
"""

from __future__ import annotations

from headrace.runtime.plugins.registry import Registry

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
WRITERS = Registry(
    "output format",
    "headrace.writers",
    {
        "npz": "headrace.runtime.output.writers.npz:NpzWriter",
        "parquet": "headrace.runtime.output.writers.parquet:ParquetWriter",
        "libsvm": "headrace.runtime.output.writers.libsvm:LibsvmWriter",
        "recordio": "headrace.runtime.output.writers.recordio:RecordioWriter",
        "csv": "headrace.runtime.output.writers.csv_rows:CsvWriter",
        "libffm": "headrace.runtime.output.writers.libffm:LibffmWriter",
        "npy": "headrace.runtime.output.writers.npy:NpyWriter",
    },
    travels_in="writers",
)
AUTO = "auto"
"""Stands for an input format: by the file's name."""
FURTHER_SUFFIXES = {"tab": "tsv", "ndjson": "jsonl", "json": "jsonl", "pq": "parquet"}
"""The ends of files' names, beside the names of the formats themselves."""
UNNAMED = "csv"
"""Format of a compressed file without another ending: Kaggle calls Avazu's log train.gz."""


def format_by_suffix(suffix: str) -> str | None:
    """Return the format of files whose names end so, as in ``.csv``; None if there is none.

    A format of an installed package is chosen by ``dataset.format`` alone.
    """
    name = suffix.removeprefix(".")
    name = FURTHER_SUFFIXES.get(name, name)
    return name if name in READERS.shipped else None
