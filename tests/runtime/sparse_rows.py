"""Batches of sparse rows as a chain hands them to a writer, and a strategy that makes them up."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
from hypothesis import strategies as st

from headrace.runtime.output.writers.base import Writer
from headrace.runtime.transform import N_FEATURES, Role, with_role

Row = dict[int, float]
WIDTHS = [1, 10, 128, 129, 10_000, 2**20, 10**7, 10**7 + 1, 10**8 + 1, 2**28, 2**28 + 1, 2**31 - 1]


@dataclass(frozen=True)
class Made:
    """Rows of a sparse matrix, with what stands beside them; `size` is a value's, in bytes."""

    rows: Sequence[Row]
    n_features: int = 64
    size: int = 4
    labels: Sequence[float] | None = None
    ids: Sequence[str] | None = None

    @property
    def matrix(self) -> sp.csr_matrix:
        """What SciPy makes of them: the oracle."""
        counts = [len(row) for row in self.rows]
        indices = [index for row in self.rows for index in sorted(row)]
        values = [row[index] for row in self.rows for index in sorted(row)]
        offsets = np.cumsum([0, *counts])
        data = np.array(values, f"f{self.size}")
        shape = (len(self.rows), self.n_features)
        return sp.csr_matrix((data, np.array(indices, np.int32), offsets), shape)

    @property
    def batch(self) -> pa.RecordBatch:
        matrix = self.matrix
        offsets = pa.array(matrix.indptr.astype(np.int32))
        sparse = {Role.INDICES: matrix.indices.astype(np.int32), Role.VALUES: matrix.data}
        columns: dict[Role, pa.Array] = {
            role: pa.ListArray.from_arrays(offsets, pa.array(entries))
            for role, entries in sparse.items()
        }
        if self.labels is not None:
            columns[Role.LABEL] = pa.array(self.labels, pa.float64())
        if self.ids is not None:
            columns[Role.ID] = pa.array(self.ids, pa.string())
        width = {N_FEATURES: str(self.n_features).encode()}
        fields = [
            with_role(pa.field(role, column.type, metadata=width), role)
            for role, column in columns.items()
        ]
        return pa.RecordBatch.from_arrays(list(columns.values()), schema=pa.schema(fields))

    def written(self, writer: Writer, *cuts: int) -> bytes:
        """A part of these rows, which come in several batches, cut before these rows."""
        batch = self.batch
        edges = [0, *sorted(min(cut, len(self.rows)) for cut in cuts), len(self.rows)]
        pieces = [batch.slice(start, end - start) for start, end in pairwise(edges)]
        file = io.BytesIO()
        writer.write(pieces, batch.schema, file)
        return file.getvalue()

    def labelled(self) -> Made:
        """The same with labels, 0 and 1 in turn."""
        return replace(self, labels=[row % 2 for row in range(len(self.rows))])


WHOLE = st.integers(-300, 300).map(float)
TENTHS = st.integers(-(10**6), 10**6).map(lambda number: float(np.float32(number / 10)))
NUMBERS = {
    4: st.one_of(st.sampled_from([1.0, -1.0]), WHOLE, TENTHS, st.floats(width=32, allow_nan=False)),
    8: st.one_of(st.sampled_from([1.0, -1.0]), WHOLE, TENTHS, st.floats(allow_nan=False)),
}
"""Values as hashing makes them, and any other of that many bytes."""
IDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@st.composite
def made_up(draw: st.DrawFn) -> Made:
    """Any rows, empty ones among them, with labels and ids."""
    width, size = draw(st.sampled_from(WIDTHS)), draw(st.sampled_from(sorted(NUMBERS)))
    index = st.one_of(st.integers(0, width - 1), st.integers(max(0, width - 9), width - 1))
    row = st.dictionaries(index, NUMBERS[size], max_size=9)
    rows = draw(st.lists(st.tuples(row, NUMBERS[8], IDS), max_size=9))
    labels, ids = [label for _, label, _ in rows], [each for _, _, each in rows]
    return Made([entries for entries, _, _ in rows], width, size, labels, ids)


def bits(numbers: npt.ArrayLike) -> list[bytes]:
    """What tells 0.0 from -0.0."""
    return [each.tobytes() for each in np.asarray(numbers)]
