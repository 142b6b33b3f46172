"""What hashing transforms share: tokens from features, sparse rows from tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from framework.runtime.hashing import HashFunction
    from framework.runtime.tokens import U32, ColumnTokens

INDICES = "indices"
VALUES = "values"


class Hasher(ABC):
    """Base of the transforms that turn all feature columns into one sparse row.

    A subclass says how wide the matrix is (`n_features`), how tokens are hashed, and how a hash
    becomes an index. Two columns come out in place of the features: ``indices: list<int32>`` and
    ``values: list<float>`` (``list<double>`` where a feature is numeric).
    """

    n_features: int

    @abstractmethod
    def hash_function(self) -> tuple[HashFunction, int]:
        """What hashes the tokens, and its seed."""

    @abstractmethod
    def fold(self, hashes: U32, place: int, columns: int) -> U32:
        """The keys (see `ColumnTokens`) of one column's hashes.

        Args:
            hashes: Unsigned, shape (tokens,).
            place: Position of the column among the feature columns.
            columns: Number of feature columns.
        """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Label, id and channel as they were, then the sparse row."""
        import pyarrow as pa

        from framework.runtime.transform import N_FEATURES, Role, features, role_of, with_role

        chosen = features(schema)
        if not chosen:
            raise ValueError("there is no feature column left to hash")
        numeric = any(role_of(schema.field(place)) is Role.NUMERIC for place in chosen)
        kept = [field for place, field in enumerate(schema) if place not in chosen]
        width = {N_FEATURES: str(self.n_features).encode()}
        indices = pa.field(INDICES, pa.list_(pa.int32()), metadata=width)
        values = pa.field(VALUES, pa.list_(pa.float64() if numeric else pa.float32()))
        made = [with_role(indices, Role.INDICES), with_role(values, Role.VALUES)]
        return pa.schema([*kept, *made])

    def tokens(self, batch: pa.RecordBatch) -> list[ColumnTokens]:
        """The tokens of each feature column, in the schema's order."""
        from framework.runtime.tokens import column_tokens

        return column_tokens(batch, *self.hash_function(), self.fold)

    def rows(
        self,
        batch: pa.RecordBatch,
        tokens: Sequence[ColumnTokens],
        order: npt.NDArray[np.int64] | None = None,
    ) -> pa.RecordBatch:
        """The batch with its features replaced by the sparse rows of their tokens.

        Args:
            batch: The rows.
            tokens: What `tokens` made of them.
            order: Where the rows of the result stand in `batch`; None for as they are. To move
                them here costs next to nothing, once they are sparse rows a lot.
        """
        import pyarrow as pa

        from framework.runtime.sparse import sparse_rows
        from framework.runtime.transform import features

        hashed = features(batch.schema)
        kept = [column for place, column in enumerate(batch.columns) if place not in hashed]
        if order is not None:
            kept = [column.take(pa.array(order)) for column in kept]
            tokens = [column.take(order) for column in tokens]
        sparse = sparse_rows(tokens)
        offsets = pa.array(sparse.offsets)
        entries = (pa.array(sparse.indices), pa.array(sparse.values))
        made = [pa.ListArray.from_arrays(offsets, flat) for flat in entries]
        return pa.RecordBatch.from_arrays([*kept, *made], schema=self.output_schema(batch.schema))

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Hash the features of every row."""
        return self.rows(batch, self.tokens(batch))
