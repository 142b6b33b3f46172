"""Hashed rows that remember which column each entry comes from, for formats that ask for it.

Beside the sparse row, where equal indices are summed whatever column they come from, stands a list
of entries: column after column, indices ascending within each. Two columns' tokens on one index
are two of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.transform import Role, positions, with_role

if TYPE_CHECKING:
    import pyarrow as pa

    from headrace.runtime.hashing.functions import HashFunction
    from headrace.runtime.hashing.tokens import U32, ColumnTokens, RowTokens

COLUMN, INDEX, VALUE = "column", "index", "value"


@dataclass(frozen=True)
class ByColumn(Hasher):
    """Does what another hasher does, and adds the entries by their columns.

    Attributes:
        hasher: The other one.
    """

    hasher: Hasher

    @property
    def n_features(self) -> int:  # type: ignore[override]  # of the parameters of a plugin
        """Return the width of the matrix."""
        return self.hasher.n_features

    @property
    def takes_dictionaries(self) -> bool:
        """Return what the other one says."""
        return self.hasher.takes_dictionaries

    @property
    def has_own_ranges(self) -> bool:
        """Return what the other one says."""
        return self.hasher.has_own_ranges

    def hash_function(self) -> tuple[HashFunction, int]:
        """Return the other one's."""
        return self.hasher.hash_function()

    def fold(self, hashes: U32, place: int, columns: int) -> U32:
        """Return the other one's keys."""
        return self.hasher.fold(hashes, place, columns)

    def tokens(self, batch: pa.RecordBatch) -> list[ColumnTokens]:
        """Return the other one's tokens."""
        return self.hasher.tokens(batch)

    def keys(self, hashes: Sequence[U32]) -> list[U32]:
        """Return the other one's keys."""
        return self.hasher.keys(hashes)

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return what the other one gives, then the entries by their columns."""
        import pyarrow as pa

        made = self.hasher.output_schema(schema)
        (values,) = positions(made, Role.VALUES)
        value = made.field(values).type.value_type
        entry = pa.struct([(COLUMN, pa.int32()), (INDEX, pa.int32()), (VALUE, value)])
        return made.append(with_role(pa.field("by_column", pa.list_(entry)), Role.BY_COLUMN))

    def entries(self, tokens: RowTokens) -> list[pa.ListArray]:
        """Return what the other one gives, then the entries by their columns."""
        keys = self.keys([column.hashes for column in tokens.columns])
        return [*self.hasher.entries(tokens), by_column(tokens, keys)]


def by_column(tokens: RowTokens, keys: Sequence[U32]) -> pa.ListArray:
    """Return for each row the entries of its first column, of its second, and so on.

    Args:
        tokens: Of each row.
        keys: Of the hashes of each column; see `Hasher.keys`.
    """
    import numpy as np
    import pyarrow as pa

    from headrace.runtime.hashing.sparse import sparse_rows
    from headrace.runtime.hashing.tokens import RowTokens

    columns = [
        sparse_rows(RowTokens([column]), [each])
        for column, each in zip(tokens.columns, keys, strict=True)
    ]
    counts = np.stack([np.diff(column.offsets) for column in columns], axis=1)
    ends = np.cumsum(counts.ravel(), dtype=np.int32).reshape(counts.shape)
    starts, total = ends - counts, int(counts.sum())
    column_of, index = np.empty(total, np.int32), np.empty(total, np.int32)
    value = np.empty(total, np.result_type(*(column.values for column in columns)))
    for place, column in enumerate(columns):
        shifts = np.repeat(starts[:, place] - column.offsets[:-1], counts[:, place])
        targets = shifts + np.arange(len(column.indices), dtype=np.int32)
        column_of[targets] = place
        index[targets] = column.indices
        value[targets] = column.values
    entries = pa.StructArray.from_arrays(
        [pa.array(column_of), pa.array(index), pa.array(value)], [COLUMN, INDEX, VALUE]
    )
    offsets = np.append(starts[:, 0], np.int32(total)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), entries)
