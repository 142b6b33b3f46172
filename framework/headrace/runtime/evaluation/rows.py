"""Rows and their labels: as a model takes them, and on the disk until they are needed again.

The disk keeps memory flat.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.errors import DataError
from headrace.runtime.output.parts import Waiting
from headrace.runtime.output.writers.base import Entries, Layout
from headrace.runtime.shown import quoted
from headrace.runtime.transform import FEATURES, Role, positions

BATCH_ROWS = 65_536
"""Rows that a model takes at a time. A fixed number, or the result would depend on the blocks.

Each batch costs a few passes over the whole model: 50 ms at 2**24 features, half of it for the rows
themselves. Batches of 16,384 rows take nearly three times as long there, larger ones no less.
"""

DECIMALS = 6
"""Of every figure that is told. The last bits depend on how a processor computes a logarithm."""

FARTHEST = 1e100
"""Standard deviations from the mean, beyond which products with weights might be no numbers."""

_NEEDED = (Role.LABEL, Role.INDICES, Role.VALUES)
_OTHER_LABELS = "use evaluation=linear or none for others"
_SHOWN = 5

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows in compressed sparse row form.

    Attributes:
        offsets: Where each row starts in the next two, shape (rows + 1,).
        indices: Column of each entry.
        values: The entries.
        n_features: Width of the matrix.
        labels: 0 or 1, shape (rows,).
    """

    offsets: npt.NDArray[np.int32]
    indices: npt.NDArray[np.int32]
    values: Floats
    n_features: int
    labels: Floats

    @classmethod
    def of(cls, batches: Sequence[pa.RecordBatch], layout: Layout) -> Rows:
        """Return the rows of at least one batch, joined."""
        entries = [Entries.of(batch, layout) for batch in batches]
        lengths = [np.diff(each.offsets) for each in entries]
        offsets = np.concatenate([np.zeros(1, np.int64), *lengths]).cumsum()
        values = np.concatenate([each.values for each in entries])
        return cls(
            offsets.astype(np.int32),
            np.concatenate([each.indices for each in entries]).view(np.int32),
            tamed(values) if values.dtype == np.float64 else values.astype(np.float64),
            entries[0].n_features,
            np.concatenate([batch.column(layout.label).to_numpy() for batch in batches]),
        )


def needed(schema: pa.Schema) -> list[int]:
    """Return where the columns stand that a model needs."""
    is_hashed = bool(positions(schema, Role.INDICES))
    return positions(schema, *(_NEEDED if is_hashed else (Role.LABEL, *FEATURES)))


def tamed(values: Floats) -> Floats:
    """Replace numbers beyond ±1 by ``sign(v) * (1 + log10|v| / 4)``; leave others as they are.

    Hashed texts are ±1, and so 10,000 counts as 2. As it is, it would throw the model about by
    itself, and stochastic gradient descent would not recover from that; to scale each column would
    take a pass over the data.
    """
    sizes = np.maximum(np.abs(values), 1.0)
    return np.asarray(np.where(sizes > 1.0, np.sign(values) * (1.0 + np.log10(sizes) / 4), values))


def refuse_infinite(rows: Rows) -> None:
    """Raise `DataError` for values that a step made infinite or NaN: no model can learn of them."""
    if not np.isfinite(rows.values.sum()) and not np.isfinite(rows.values).all():
        what = "a step gives a number that is infinite or NaN, of which no model can learn"
        raise DataError(f"evaluation: {what}; it should make it null, or use evaluation=none")


def refuse_other_labels(batch: pa.RecordBatch, place: int) -> None:
    """Raise `DataError` for labels that are neither 0 nor 1."""
    labels = batch.column(place).to_numpy()
    wrong = labels[(labels != 0) & (labels != 1)]
    if len(wrong):
        found = np.unique(wrong)[:_SHOWN].tolist()
        shown = ", ".join(f"{label:g}" for label in found)
        way = "dataset.label_values={-1:0,1:1} makes them so" if found == [-1] else _OTHER_LABELS
        raise DataError(
            f"column {quoted(batch.schema.field(place).name)}: a logistic regression needs labels "
            f"that are 0 or 1, got {shown}; {way}"
        )


def cut(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Yield the same rows, `BATCH_ROWS` at a time, the last time fewer."""
    waiting = Waiting()
    for batch in batches:
        waiting.add(batch)
        while waiting.rows >= BATCH_ROWS:
            yield waiting.take(BATCH_ROWS)
    if waiting.rows:
        yield waiting.take(waiting.rows)


class Spool:
    """Rows in a file without a name, which is gone with the process, however that ends.

    The file is read, not mapped: mapped pages would count as this process's memory.

    Args:
        folder: Where the file lies.
        schema: Of the rows.

    Raises:
        DataError: The file cannot be written or read; the methods raise it, too.
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
        """Yield all rows, as they were added, as often as asked; nothing can be added then."""
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
