"""A few rows from their texts to entries, all cells at once, without a step for each column.

No Arrow column is made on the way, which takes most of the time of a single row. What is not as
usual is left to the way of all chains, which also knows what to say about it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ctypes import CDLL
from dataclasses import dataclass
from itertools import accumulate
from math import inf, isfinite

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.hashing.functions import number_of
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.hashing.sparse import MISSING, SparseRows
from headrace.runtime.hashing.words import Cells
from headrace.runtime.kernels import calls
from headrace.runtime.kernels.arrays import I32, U32
from headrace.runtime.kernels.library import library

_NUMBER = re.compile("-?[0-9]{1,300}(?:\\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,3})?")
"""Texts that Python and Arrow read as the same number; others are left to Arrow."""


@dataclass(frozen=True)
class TextHasher:
    """Hashes the cells of text columns, column by column.

    Attributes:
        hasher: The chain's.
        prefixes: What stands before the cells of each column, one behind the other; of a numeric
            column, whose one token is its name, all of the token.
        bounds: Where each prefix begins and the last ends, shape (columns + 1,).
        function: Number of the hash function in the library of kernels.
        seed: Its seed.
        numeric: Which columns hold numbers.
    """

    hasher: Hasher
    prefixes: bytes
    bounds: I32
    function: int
    seed: int
    numeric: tuple[bool, ...]

    @classmethod
    def of(cls, hasher: Hasher, columns: Mapping[str, bool]) -> TextHasher | None:
        """Return what hashes some columns; None if it has to be done in another way.

        Args:
            hasher: The chain's.
            columns: Name → whether it holds numbers.
        """
        kind = type(hasher)
        inherited = (kind.tokens, kind.keys, kind.entries)
        if inherited != (Hasher.tokens, Hasher.keys, Hasher.entries):
            return None
        function, seed = hasher.hash_function()
        number = number_of(function)
        if number is None or len(columns) > calls.MOST_COLUMNS:
            return None
        prefixes = [
            (name if is_numeric else f"{name}=").encode() for name, is_numeric in columns.items()
        ]
        bounds = np.array([*accumulate(map(len, prefixes), initial=0)], np.int32)
        numeric = tuple(columns.values())
        return cls(hasher, b"".join(prefixes), bounds, number, seed, numeric)

    @property
    def has_numbers(self) -> bool:
        """Return whether a column holds numbers."""
        return True in self.numeric

    def rows(self, texts: Sequence[str], count: int) -> SparseRows | None:
        """Return the rows of some cells.

        Args:
            texts: The cells, column by column; an empty one is a null.
            count: Number of rows, at least one.

        Returns:
            None if there are no kernels, or a text is not UTF-8; or there are several rows with
            numbers, or a text is not plainly a number.
        """
        kernels = library()
        if kernels is None or not count:
            return None
        if self.has_numbers:
            return self._row_with_numbers(kernels, texts) if count == 1 else None
        joined = _joined(texts)
        if joined is None:
            return None
        nulls: list[int] = (
            [] if all(texts) else [place for place, text in enumerate(texts) if not text]
        )
        return self._rows(kernels, *joined, nulls)

    def rows_of(self, columns: Sequence[pa.StringArray]) -> SparseRows | None:
        """Return the rows of some columns of text; None if there are no kernels, or no rows."""
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
        ends: I32,
        data: bytes | int,
        nulls: Sequence[int] | npt.NDArray[np.int64],
    ) -> SparseRows | None:
        keys = self._keys(kernels, ends, data)
        if len(nulls):
            keys[nulls] = MISSING
        columns = len(self.numeric)
        made = calls.sparse_keys(kernels, keys, columns, len(keys) // columns)
        return None if made is None else SparseRows(*made)

    def _row_with_numbers(self, kernels: CDLL, texts: Sequence[str]) -> SparseRows | None:
        cells = list(zip(texts, self.numeric, strict=True))
        weights = [_number(text) if is_numeric else 1.0 for text, is_numeric in cells]
        joined = _joined(["" if is_numeric else text for text, is_numeric in cells])
        if joined is None:
            return None
        entries: dict[int, float] = {}
        keys = self._keys(kernels, *joined).tolist()
        for key, text, weight in zip(keys, texts, weights, strict=True):
            if weight is None:
                return None
            if text and weight:  # summed in the order of the columns, as in a job
                value = -weight if key & 1 else weight
                index = key >> 1
                entries[index] = entries[index] + value if index in entries else value
        indices = sorted(entries)
        values = np.array([entries[index] for index in indices], np.float64)
        offsets = np.array([0, len(indices)], np.int32)
        return SparseRows(offsets, np.array(indices, np.int32), values)

    def _keys(self, kernels: CDLL, ends: I32, data: bytes | int) -> U32:
        hashes = calls.hash_cells(
            kernels, ends, data, self.bounds, self.prefixes, self.function, self.seed
        )
        columns = len(self.numeric)
        if not self.hasher.has_own_ranges:
            return self.hasher.fold(hashes, 0, columns)
        return np.concatenate(self.hasher.keys(np.split(hashes, columns)))


def _joined(texts: Sequence[str]) -> tuple[I32, bytes] | None:
    """Return where each text begins and the last ends, and all of them; None if one is not UTF-8.

    Also None for more of them than the kernels take.
    """
    joined = "".join(texts)
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
    return ends, data


def _number(text: str) -> float | None:
    """Return the number of a cell, 0 for a null; None if Arrow has to read it."""
    if not text:
        return 0.0
    number = float(text) if _NUMBER.fullmatch(text) else inf
    return number if isfinite(number) else None
