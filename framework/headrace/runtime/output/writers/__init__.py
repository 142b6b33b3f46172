"""File formats of the parts, by the name that the configuration uses; nothing else knows a name."""

from __future__ import annotations

from headrace.runtime.output.writers.base import Writer
from headrace.runtime.registry import Registry

WRITERS = Registry(
    "output format",
    "headrace.writers",
    {
        "npz": "headrace.runtime.output.writers.npz:NpzWriter",
        "parquet": "headrace.runtime.output.writers.parquet:ParquetWriter",
        "libsvm": "headrace.runtime.output.writers.libsvm:LibsvmWriter",
        "recordio": "headrace.runtime.output.writers.recordio:RecordioWriter",
    },
    travels_in="writers",
)


def writer_of(format_name: str) -> Writer:
    """The writer of a format; only that one is imported.

    Raises:
        ValueError: There is no such format.
    """
    try:
        writer: Writer = WRITERS.load(format_name)()
    except LookupError:
        names = ", ".join(WRITERS.names())
        raise ValueError(f"no writer is called {format_name!r}; there are: {names}") from None
    return writer
