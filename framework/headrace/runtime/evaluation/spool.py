"""Rows that are needed again, on the disk until then: memory stays flat."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from headrace.runtime.errors import DataError


class Spool:
    """Rows in a file without a name, which is gone with the process, however that ends.

    The file is read, not mapped: mapped pages would count as this process's memory.

    Args:
        folder: Where the file lies.
        schema: Of the rows.

    Raises:
        DataError: The disk said no; so do the methods.
    """

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder = folder
        self._schema = schema
        self._writer: Any = None
        self._complete = False
        self.rows = 0
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by `close`)
        except OSError as error:
            raise self._explained(error) from error

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep some rows."""
        try:
            self._opened().write_batch(batch)
        except OSError as error:
            raise self._explained(error) from error
        self.rows += batch.num_rows

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, as they were added; as often as one likes, but nothing can be added then."""
        try:
            self._finish()
            self._file.seek(0)
            with pa.ipc.open_stream(self._file) as stream:
                yield from stream
        except OSError as error:
            raise self._explained(error) from error

    def close(self) -> None:
        """Give the space back."""
        with suppress(OSError):  # of what nobody reads any more
            self._file.close()

    def _opened(self) -> Any:
        self._writer = self._writer or pa.ipc.new_stream(self._file, self._schema)
        return self._writer

    def _finish(self) -> None:
        if not self._complete:
            self._opened().close()
            self._file.flush()
            self._complete = True

    def _explained(self, error: OSError) -> DataError:
        what = "cannot keep the rows that evaluation needs again"
        return DataError(f"{self._folder}: {what} ({error.strerror or error})")
