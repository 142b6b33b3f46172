"""The base of hashing transforms: tokens from features, sparse rows from tokens.

The client checks a hasher's parameters with this class. NumPy, pyarrow and what is made of them are
imported where they are used, for they would be a fifth of the client's start.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from headrace.runtime.transform import (
    N_FEATURES,
    Role,
    features,
    free_name,
    role_of,
    with_role,
    without_features,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from headrace.runtime.hashing.functions import HashFunction
    from headrace.runtime.hashing.tokens import U32, ColumnTokens, RowTokens

INDICES = "indices"
VALUES = "values"


class Hasher(ABC):
    """Base of the transforms that turn all feature columns into one sparse row.

    A subclass says how wide the matrix is (`n_features`), how tokens are hashed, and how a hash
    becomes an index. Two columns come out in place of the features: ``indices: list<int32>`` and
    ``values: list<float>`` (``list<double>`` where a feature is numeric).
    """

    n_features: int

    @property
    def takes_dictionaries(self) -> bool:
        """Return whether `tokens` is the one that is defined here."""
        return type(self).tokens is Hasher.tokens

    @property
    def has_own_ranges(self) -> bool:
        """Return whether each column is hashed into a range of indices of its own."""
        return False

    @abstractmethod
    def hash_function(self) -> tuple[HashFunction, int]:
        """Return what hashes the tokens, and its seed."""

    @abstractmethod
    def fold(self, hashes: U32, place: int, columns: int) -> U32:
        """Return the keys, ``index << 1 | negative``, of one column's hashes.

        Args:
            hashes: Unsigned, shape (tokens,).
            place: Position of the column among the feature columns; where no column has a range
                of its own, the hashes are those of all columns.
            columns: Number of feature columns.
        """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return label, id and channel as they were, then the sparse row."""
        import pyarrow as pa

        chosen = frozenset(features(schema))
        if not chosen:
            raise ValueError("there is no feature column left to hash")
        numeric = any(role_of(schema.field(place)) is Role.NUMERIC for place in chosen)
        kept = [field for place, field in enumerate(schema) if place not in chosen]
        names = [field.name for field in kept]  # of the label and the id, which may be any
        width = {N_FEATURES: str(self.n_features).encode()}
        indices = pa.field(free_name(INDICES, names), pa.list_(pa.int32()), metadata=width)
        kind = pa.list_(pa.float64() if numeric else pa.float32())
        values = pa.field(free_name(VALUES, names), kind)
        made = [with_role(indices, Role.INDICES), with_role(values, Role.VALUES)]
        return pa.schema([*kept, *made])

    def tokens(self, batch: pa.RecordBatch) -> list[ColumnTokens]:
        """Return the tokens of each feature column, in the schema's order."""
        from headrace.runtime.hashing.tokens import column_tokens

        return column_tokens(batch, *self.hash_function())

    def keys(self, hashes: Sequence[U32]) -> list[U32]:
        """Return the keys of the hashes of every feature column, in the columns' order."""
        import numpy as np

        if self.has_own_ranges:
            return [self.fold(each, place, len(hashes)) for place, each in enumerate(hashes)]
        folded = self.fold(np.concatenate(hashes), 0, len(hashes))
        ends = accumulate(map(len, hashes))
        return [folded[end - len(each) : end] for end, each in zip(ends, hashes, strict=True)]

    def entries(self, tokens: RowTokens) -> list[pa.ListArray]:
        """Return the sparse rows of what `tokens` made: the columns of indices and of values."""
        from headrace.runtime.hashing.sparse import sparse_rows

        keys = self.keys([column.hashes for column in tokens.given])
        return sparse_rows(tokens, keys).lists()

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Hash the features of every row."""
        import pyarrow as pa

        from headrace.runtime.hashing.tokens import RowTokens

        kept = without_features(batch).columns
        columns = [*kept, *self.entries(RowTokens(self.tokens(batch)))]
        return pa.RecordBatch.from_arrays(columns, schema=self.output_schema(batch.schema))
