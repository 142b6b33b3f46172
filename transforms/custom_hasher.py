"""The project's own hasher: unsigned counts, a choice of hash function, ranges for each column.

    before  site_id   C1       after (n_features=10, index_ranges=per_column)
            1fbe01fe  1005            indices [3, 8]  values [1.0, 1.0]
            (null)    1002            indices [6]     values [1.0]

With ``index_ranges=shared`` a token's index is ``h % n_features``. With ``per_column`` each of the
k feature columns owns ``n_features // k`` indices of its own, in the columns' order, which is what
embedding tables want. The hash depends on nothing but the token and the seed: it is the same in
every process, on every machine, in every version of Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import pyarrow as pa
from annotated_types import Ge, Le

from headrace.runtime.hashing.functions import HASH_FUNCTIONS, HashFunction
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.hashing.keys import unsigned_keys
from headrace.runtime.hashing.words import U32
from headrace.runtime.transform import features


@dataclass(frozen=True)
class CustomHasher(Hasher):
    """Count the features of a row at hashed indices.

    Attributes:
        n_features: Width of the matrix.
        hash: The hash function: MurmurHash3 x86 32-bit or xxHash 32-bit.
        seed: Its seed.
        index_ranges: One range of indices for all columns, or one for each.
    """

    n_features: Annotated[int, Ge(1), Le(2**31 - 1)] = 2**20
    hash: Literal["xxh32", "murmur3_32"] = "xxh32"
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0
    index_ranges: Literal["shared", "per_column"] = "shared"

    @property
    def has_own_ranges(self) -> bool:
        """As configured."""
        return self.index_ranges == "per_column"

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Label, id and channel as they were, then the sparse row."""
        columns = len(features(schema))
        if self.has_own_ranges and self.n_features < columns:
            raise ValueError(
                f"{columns} columns need at least {columns} features for ranges of their own "
                f"(n_features={self.n_features})"
            )
        return super().output_schema(schema)

    def hash_function(self) -> tuple[HashFunction, int]:
        """As configured."""
        return HASH_FUNCTIONS[self.hash], self.seed

    def fold(self, hashes: U32, place: int, columns: int) -> U32:
        """Index ``h % n_features``, or within the column's own range."""
        if not self.has_own_ranges:
            return unsigned_keys(hashes, self.n_features)
        size = self.n_features // columns
        return unsigned_keys(hashes, size, first=place * size)
