"""A few rows from their texts to entries, all cells at once, without a step for each column.

For chains that do nothing but hash texts no Arrow column is made on the way, which takes most of
the time of a single row. What is not as usual is left to the way of all chains, which also knows
what to say about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import CDLL
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.hashing.functions import number_of
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.hashing.sparse import MISSING, SparseRows
from headrace.runtime.hashing.words import Cells
from headrace.runtime.kernels import calls
from headrace.runtime.kernels.library import library


@dataclass(frozen=True)
class TextHasher:
    """Hashes the cells of text columns, column by column.

    Attributes:
        hasher: The chain's.
        prefixes: What stands before the cells of each column, one behind the other.
        bounds: Where each prefix begins and the last ends, shape (columns + 1,).
        function: Number of the hash function in the library of kernels.
        seed: Its seed.
    """

    hasher: Hasher
    prefixes: bytes
    bounds: calls.I32
    function: int
    seed: int

    @classmethod
    def of(cls, hasher: Hasher, names: Sequence[str]) -> TextHasher | None:
        """Return what hashes these columns; None if it has to be done in another way."""
        kind = type(hasher)
        inherited = (kind.tokens, kind.keys, kind.entries)
        if inherited != (Hasher.tokens, Hasher.keys, Hasher.entries):
            return None
        function, seed = hasher.hash_function()
        number = number_of(function)
        if number is None or len(names) > calls.MOST_COLUMNS:
            return None
        prefixes = [f"{name}=".encode() for name in names]
        bounds = np.array([*accumulate(map(len, prefixes), initial=0)], np.int32)
        return cls(hasher, b"".join(prefixes), bounds, number, seed)

    def rows(self, texts: Sequence[str], count: int) -> SparseRows | None:
        """Return the rows of some cells.

        Args:
            texts: The cells, column by column; an empty one is a null.
            count: Number of rows, at least one.

        Returns:
            None if there are no kernels, or a text is not UTF-8.
        """
        kernels, joined = library(), "".join(texts)
        if kernels is None or not count:
            return None
        try:
            data = joined.encode()
        except UnicodeEncodeError:
            return None
        if len(data) > calls.MOST_BYTES:
            return None
        is_ascii = len(data) == len(joined)
        lengths = map(len, texts) if is_ascii else map(len, [text.encode() for text in texts])
        ends = np.zeros(len(texts) + 1, np.int32)
        np.cumsum(np.fromiter(lengths, np.int32, len(texts)), out=ends[1:])
        nulls: list[int] = (
            [] if all(texts) else [place for place, text in enumerate(texts) if not text]
        )
        return self._rows(kernels, ends, data, nulls)

    def rows_of(self, columns: Sequence[pa.StringArray]) -> SparseRows | None:
        """Return the rows of some columns; None if there are no kernels, or no rows."""
        kernels = library()
        if kernels is None or not len(columns[0]):
            return None
        cells = pa.concat_arrays(columns)
        ends, data = Cells.offsets(cells), cells.buffers()[2]
        nulls = np.flatnonzero(cells.is_null()) if cells.null_count else np.empty(0, np.int64)
        return self._rows(kernels, ends, data.address if data else b"", nulls)

    def _rows(
        self,
        kernels: CDLL,
        ends: calls.I32,
        data: bytes | int,
        nulls: Sequence[int] | npt.NDArray[np.int64],
    ) -> SparseRows | None:
        hashes = calls.hash_cells(
            kernels, ends, data, self.bounds, self.prefixes, self.function, self.seed
        )
        columns = len(self.bounds) - 1
        keys = self._keys(hashes, columns)
        if len(nulls):
            keys[nulls] = MISSING
        made = calls.sparse_keys(kernels, keys, columns, len(hashes) // columns)
        return None if made is None else SparseRows(*made)

    def _keys(self, hashes: calls.U32, columns: int) -> calls.U32:
        if not self.hasher.has_own_ranges:
            return self.hasher.fold(hashes, 0, columns)
        return np.concatenate(self.hasher.keys(np.split(hashes, columns)))
