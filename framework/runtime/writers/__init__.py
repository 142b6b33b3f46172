"""File formats of the parts, by the name that the configuration uses."""

from __future__ import annotations

from framework.runtime.writers.base import Writer


def writer_of(format_name: str) -> Writer:
    """The writer of a format; only that one is imported.

    Raises:
        ValueError: There is no such format.
    """
    match format_name:
        case "npz":
            from framework.runtime.writers.npz import NpzWriter

            return NpzWriter()
        case "parquet":
            from framework.runtime.writers.parquet import ParquetWriter

            return ParquetWriter()
        case "libsvm":
            from framework.runtime.writers.libsvm import LibsvmWriter

            return LibsvmWriter()
        case "recordio":
            from framework.runtime.writers.recordio import RecordioWriter

            return RecordioWriter()
        case _:
            raise ValueError(
                f"no writer is called {format_name!r}; there are: npz, parquet, libsvm, recordio"
            )
