"""File formats of the parts, by the name that the configuration uses.

In: batches from the end of the chain. Out: the bytes of a part. One module for each format.
"""

from __future__ import annotations

from headrace.runtime.output.writers.base import Writer


def writer_of(format_name: str) -> Writer:
    """The writer of a format; only that one is imported.

    Raises:
        ValueError: There is no such format.
    """
    match format_name:
        case "npz":
            from headrace.runtime.output.writers.npz import NpzWriter

            return NpzWriter()
        case "parquet":
            from headrace.runtime.output.writers.parquet import ParquetWriter

            return ParquetWriter()
        case "libsvm":
            from headrace.runtime.output.writers.libsvm import LibsvmWriter

            return LibsvmWriter()
        case "recordio":
            from headrace.runtime.output.writers.recordio import RecordioWriter

            return RecordioWriter()
        case _:
            raise ValueError(
                f"no writer is called {format_name!r}; there are: npz, parquet, libsvm, recordio"
            )
