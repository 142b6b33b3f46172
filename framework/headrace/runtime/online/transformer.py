"""The transformers: rows in, the very same sparse rows or columns out that the job wrote.

A hashing step works on a few rows with the job's own hashes, without its preparations: looking for
the distinct values of every column pays for a block of a job, and would take longer than everything
else for a single row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.chain.chain import Link
from headrace.runtime.errors import BadRows, RowError
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.hashing.sparse import SparseRows, Values
from headrace.runtime.hashing.tokens import ColumnTokens, RowTokens, cell_tokens, in_type
from headrace.runtime.online.cells import PIECE, Cells, Row, row_error
from headrace.runtime.online.few_rows import CellHasher
from headrace.runtime.online.row_steps import RowSteps
from headrace.runtime.transform import N_FEATURES, Role, features, positions, role_of

_FEW_ROWS = 16
"""Rows that are sooner done one by one than in a batch, if there are steps before the hasher."""
Step = Callable[[pa.RecordBatch], pa.RecordBatch]


class _Transformer:
    """Runs rows through the steps of a job.

    Args:
        cells: Reads rows.
        links: The steps.
    """

    def __init__(self, cells: Cells, links: Sequence[Link]) -> None:
        self._cells = cells
        self._steps = [_step(link) for link in links]
        hashes = bool(links) and bool(positions(links[-1].after, Role.INDICES))
        self._row_steps = RowSteps.of(cells.columns.roles, links[:-1] if hashes else links)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the keys that a row has to have, in the order of the input's columns."""
        return tuple(self._cells.columns.roles)

    def _few(self, rows: Sequence[Row]) -> list[dict[str, Any]] | None:
        """Return the cells of a few rows behind the steps before the hasher, if there is one.

        None if a batch has to be made of them, or should, since they are many.
        """
        if self._row_steps is None or not 0 < len(rows) <= _FEW_ROWS:
            return None
        texts = self._cells.texts(rows)
        return None if texts is None else self._row_steps(texts, len(rows))

    def _transformed(self, rows: Sequence[Row]) -> pa.RecordBatch:
        batch = self._cells.batch(rows)
        for step in self._steps:
            try:
                batch = step(batch)
            except BadRows as bad:
                raise row_error(bad, batch) from None
        return batch


class RowTransformer(_Transformer):
    """Hashes single rows as a job did; made by `headrace.load`.

    It keeps nothing between calls and may be called from any number of threads at once.

    Args:
        cells: Reads rows.
        links: The steps, at least one; indices and values come out of the last.
    """

    def __init__(self, cells: Cells, links: Sequence[Link]) -> None:
        super().__init__(cells, links)
        self._hasher = CellHasher.of(links[-1].transform, links[-1].before)
        self._takes_texts = len(links) == 1 and self._hasher is not None and self._hasher.has_texts
        after = links[-1].after
        (self._indices,) = positions(after, Role.INDICES)
        (self._values,) = positions(after, Role.VALUES)
        self.n_features = int(after.field(self._indices).metadata[N_FEATURES])
        """Width of the matrix."""

    def __call__(self, row: Row) -> tuple[npt.NDArray[np.int32], Values]:
        """Transform one row.

        Args:
            row: Column → value; docs/python.md says what stands for what.

        Returns:
            The indices, ascending, and the values at them: the row of the job's matrix.

        Raises:
            RowError: The row cannot be used; it says which column and why.
        """
        try:
            sparse = self.rows([row])
        except RowError as error:
            raise RowError(None, error.column, error.what) from None
        return sparse.indices, sparse.values

    def rows(self, rows: Sequence[Row]) -> SparseRows:
        """Transform several rows at once, which is many times quicker for each.

        Returns:
            The pieces of a CSR matrix:
            ``scipy.sparse.csr_matrix((sparse.values, sparse.indices, sparse.offsets), shape)``.

        Raises:
            RowError: A row cannot be used; it says which, from 0, which column and why.
        """
        made = self._hashed(rows)
        return self._sparse(self._transformed(rows)) if made is None else made

    def _hashed(self, rows: Sequence[Row]) -> SparseRows | None:
        """Return the rows without making a batch of them; None if that cannot be."""
        if self._hasher is None:
            return None
        if self._takes_texts:
            return self._hashed_texts(self._hasher, rows)
        few = self._few(rows)
        return None if few is None else self._hasher.few(few)

    def _hashed_texts(self, hasher: CellHasher, rows: Sequence[Row]) -> SparseRows | None:
        pieces = []
        for start in range(0, len(rows), PIECE):
            texts = self._cells.joined(rows[start : start + PIECE])
            made = None if texts is None else hasher.rows(texts)
            if made is None:
                return None
            pieces.append(made)
        return _concatenated(pieces) if pieces else None

    def _sparse(self, batch: pa.RecordBatch) -> SparseRows:
        indices, values = batch.column(self._indices), batch.column(self._values)
        offsets = indices.offsets.to_numpy()
        # Copies: what Arrow gives must not be written to, which SciPy and scikit-learn at times do.
        return SparseRows(
            offsets - offsets[0],
            indices.flatten().to_numpy().copy(),
            values.flatten().to_numpy().copy(),
        )


class ColumnTransformer(_Transformer):
    """Makes the columns of single rows as a job did that hashes nothing; made by `headrace.load`.

    It keeps nothing between calls and may be called from any number of threads at once.

    Args:
        cells: Reads rows.
        links: The steps; there may be none.
    """

    def __init__(self, cells: Cells, links: Sequence[Link]) -> None:
        super().__init__(cells, links)
        after = links[-1].after if links else cells.columns.schema
        self._features = {after.names[place]: place for place in features(after)}

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the columns that come out, in the order of the job's files."""
        return tuple(self._features)

    @property
    def n_features(self) -> int:
        """Return the number of columns that come out."""
        return len(self._features)

    def __call__(self, row: Row) -> dict[str, Any]:
        """Transform one row.

        Args:
            row: Column → value; docs/python.md says what stands for what.

        Returns:
            Feature → a float, an int (an id), a text, or None for null.

        Raises:
            RowError: The row cannot be used; it says which column and why.
        """
        if (few := self._few([row])) is not None:
            return {name: few[0][name] for name in self._features}
        try:
            batch = self._transformed([row])
        except RowError as error:
            raise RowError(None, error.column, error.what) from None
        return {name: batch.column(place)[0].as_py() for name, place in self._features.items()}

    def rows(self, rows: Sequence[Row]) -> dict[str, npt.NDArray[Any]]:
        """Transform several rows at once, which is many times quicker for each.

        Returns:
            Feature → its cells, shape (rows,): numbers with NaN for null, ids as int32 (as numbers
            if a null is among them), texts as objects with None for null.

        Raises:
            RowError: A row cannot be used; it says which, from 0, which column and why.
        """
        batch = self._transformed(rows)
        return {
            name: batch.column(place).to_numpy(zero_copy_only=False).copy()
            for name, place in self._features.items()
        }


def _concatenated(pieces: Sequence[SparseRows]) -> SparseRows:
    if len(pieces) == 1:
        return pieces[0]
    counts = np.concatenate([np.diff(each.offsets) for each in pieces])
    offsets = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    indices = np.concatenate([each.indices for each in pieces])
    return SparseRows(offsets, indices, np.concatenate([each.values for each in pieces]))


def _step(link: Link) -> Step:
    hasher = link.transform
    return FewRows(link, hasher) if isinstance(hasher, Hasher) else link.apply


class FewRows:
    """Does what `headrace.runtime.chain.pipeline` does with the step.

    Args:
        link: The step, whose transform is a hasher.
        hasher: The same.
    """

    def __init__(self, link: Link, hasher: Hasher) -> None:
        self._hasher = hasher
        self._texts = CellHasher.of(hasher, link.before)
        self._after = link.after
        fields = [(place, link.before.field(place)) for place in features(link.before)]
        self._features = [(place, field.name, role_of(field)) for place, field in fields]
        chosen = {place for place, _ in fields}
        self._kept = [place for place in range(len(link.before)) if place not in chosen]

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Hash the features of every row."""
        kept = [batch.column(place) for place in self._kept]
        columns = [*kept, *self._entries(batch)]
        return pa.RecordBatch.from_arrays(columns, schema=self._after)

    def _entries(self, batch: pa.RecordBatch) -> list[pa.ListArray]:
        if self._texts is not None and self._texts.has_texts:
            made = self._texts.rows_of([batch.column(place) for place, *_ in self._features])
            if made is not None:
                return made.lists()
        return self._hasher.entries(RowTokens(self._tokens(batch)))

    def _tokens(self, batch: pa.RecordBatch) -> list[ColumnTokens]:
        if type(self._hasher).tokens is not Hasher.tokens:
            return self._hasher.tokens(batch)
        columns = [
            (name, in_type(batch.column(place), role)) for place, name, role in self._features
        ]
        return cell_tokens(columns, *self._hasher.hash_function())
