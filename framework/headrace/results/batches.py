"""The rows of a channel in batches, one part in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.results.part_rows import Read, rows_of
from headrace.runtime.hashing.sparse import SparseRows
from headrace.runtime.output.parts import Waiting
from headrace.runtime.output.writers.arrays import fixed_width
from headrace.runtime.output.writers.base import Entries, Layout
from headrace.runtime.output.writers.fields import numbers_of
from headrace.runtime.shown import quoted
from headrace.runtime.transform import features

if TYPE_CHECKING:
    import scipy.sparse as sp

Parts = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Batch:
    """Some rows: sparse if the chain hashed them, else an array for each column.

    Attributes:
        rows: Their number.
        labels: float64, shape (rows,); None if the files hold no label.
        ids: Bytes of one width, shape (rows,); None if the files hold no id.
        sparse: The pieces of a CSR matrix; None if the rows are not hashed.
        n_features: Width of this matrix, or number of columns.
        columns: Feature → its cells, shape (rows,): numbers with NaN for null, ids as int32 (as
            numbers if one of these rows has a null, for which only npy has an id), texts as objects
            with None for null.
    """

    rows: int
    labels: npt.NDArray[np.float64] | None
    ids: npt.NDArray[np.bytes_] | None
    sparse: SparseRows | None
    n_features: int
    columns: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    @property
    def csr(self) -> sp.csr_matrix:
        """Return the sparse rows as a matrix of SciPy's."""
        import scipy.sparse as sp  # the rest does without

        if self.sparse is None:
            raise ValueError("these rows are not hashed; `columns` and `matrix` hold them")
        pieces = (self.sparse.values, self.sparse.indices, self.sparse.offsets)
        return sp.csr_matrix(pieces, shape=(self.rows, self.n_features))

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """Return the rows as a dense matrix, shape (rows, n_features).

        Raises:
            ValueError: A column holds text.
        """
        dense = np.zeros((self.rows, self.n_features))
        if self.sparse is not None:
            row_of = np.repeat(np.arange(self.rows), np.diff(self.sparse.offsets))
            dense[row_of, self.sparse.indices] = self.sparse.values
        for position, (name, column) in enumerate(self.columns.items()):
            if column.dtype == object:
                raise ValueError(f"column {quoted(name)} holds text; a batch has it in `columns`")
            dense[:, position] = column
        return dense


def batches(
    manifest: Mapping[str, Any],
    parts: Parts,
    read: Read,
    size: int,
    seed: int | None = None,
) -> Iterator[Batch]:
    """Yield the rows of parts, the same number in each batch but the last.

    Args:
        manifest: Of the result.
        parts: As it lists them.
        read: Returns a file.
        size: Rows of a batch.
        seed: Shuffles the parts, and the rows within each; None for the order of the files.

    Raises:
        ValueError: A part cannot be read.
    """
    waiting = Waiting()
    for position in _shuffled(len(parts), seed, 0):
        rows = rows_of(manifest, parts[position], read)
        if seed is not None:
            rows = rows.take(pa.array(_shuffled(rows.num_rows, seed, position + 1)))
        waiting.add(rows)
        while waiting.rows >= size:
            yield batch_of(waiting.take(size))
    if waiting.rows:
        yield batch_of(waiting.take(waiting.rows))


def batch_of(pieces: Sequence[pa.RecordBatch]) -> Batch:
    """Return rows, given in at least one piece."""
    table = pa.Table.from_batches(pieces).combine_chunks()
    rows = table.to_batches()[0] if table.num_rows else pieces[0].slice(0, 0)
    layout = Layout.of(rows.schema)
    labels = None if layout.label is None else numbers_of(rows.column(layout.label)).copy()
    ids = None if layout.id is None else _bytes(rows.column(layout.id))
    if layout.n_features is None:
        places = features(rows.schema)
        columns = {rows.schema.field(place).name: _cells(rows.column(place)) for place in places}
        return Batch(rows.num_rows, labels, ids, None, len(columns), columns)
    entries = Entries.of(rows, layout)
    # Copies: what Arrow gives must not be written to, which SciPy and scikit-learn at times do.
    values: Any = entries.values.copy()
    sparse = SparseRows(entries.offsets.astype(np.int32), entries.indices.astype(np.int32), values)
    return Batch(rows.num_rows, labels, ids, sparse, layout.n_features)


def _shuffled(count: int, seed: int | None, turn: int) -> npt.NDArray[np.int64]:
    if seed is None:
        return np.arange(count)
    return np.random.default_rng([seed, turn]).permutation(count)


def _bytes(column: pa.Array) -> npt.NDArray[np.bytes_]:
    ids: npt.NDArray[np.bytes_] = fixed_width([column], "id", "a batch").pieces[0]
    return ids


def _cells(column: pa.Array) -> npt.NDArray[Any]:
    cells: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return cells.copy()
