"""A few rows from their cells to entries, all cells at once, without a step for each column.

No Arrow column is made on the way, which takes most of the time of a single row. What is not as
usual is left to the way of all chains, which also knows what to say about it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from ctypes import CDLL
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.hashing.functions import number_of
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.hashing.sparse import MISSING, SparseRows, Values
from headrace.runtime.hashing.words import Cells
from headrace.runtime.kernels import calls
from headrace.runtime.kernels.arrays import I32, U32
from headrace.runtime.kernels.library import library
from headrace.runtime.online.texts import Texts, bounds
from headrace.runtime.transform import Role, features, role_of

_TEXTS = (pa.string(), pa.int32(), pa.list_(pa.string()))
"""Types of features whose cells are hashed as text: an id by its digits, a list by its elements."""


@dataclass(frozen=True)
class CellHasher:
    """Hashes the cells of rows.

    Attributes:
        hasher: The chain's.
        names: Of the columns.
        prefixes: What stands before the cells of each column; of a numeric column, whose one token
            is its name, all of the token.
        bounds: Where each prefix begins and the last ends, shape (columns + 1,).
        function: Number of the hash function in the library of kernels.
        seed: Its seed.
        has_numbers: A column holds numbers.
        has_texts: All columns hold text, one in each cell.
    """

    hasher: Hasher
    names: tuple[str, ...]
    prefixes: tuple[bytes, ...]
    bounds: I32
    function: int
    seed: int
    has_numbers: bool
    has_texts: bool

    @cached_property
    def _every(self) -> list[int]:
        return [*range(len(self.names))]

    @cached_property
    def _together(self) -> bytes:
        return b"".join(self.prefixes)

    @classmethod
    def of(cls, hasher: object, before: pa.Schema) -> CellHasher | None:
        """Return what does the work of a hasher; None if it has to be done in another way.

        Args:
            hasher: The last step of a chain.
            before: The columns that reach it.
        """
        fields = [before.field(place) for place in features(before)]
        if not isinstance(hasher, Hasher) or not all(map(_is_usual, fields)):
            return None
        kind = type(hasher)
        inherited = (kind.tokens, kind.keys, kind.entries)
        if inherited != (Hasher.tokens, Hasher.keys, Hasher.entries):
            return None
        function, seed = hasher.hash_function()
        number = number_of(function)
        if number is None or len(fields) > calls.MOST_COLUMNS:
            return None
        numeric = [role_of(field) is Role.NUMERIC for field in fields]
        names = tuple(field.name for field in fields)
        prefixes = tuple(
            (name if is_numeric else f"{name}=").encode()
            for name, is_numeric in zip(names, numeric, strict=True)
        )
        has_texts = all(field.type == pa.string() for field in fields)
        return cls(hasher, names, prefixes, bounds(prefixes), number, seed, any(numeric), has_texts)

    def rows(self, texts: Texts) -> SparseRows | None:
        """Return the rows of some texts; None if there are no kernels.

        Args:
            texts: The cells of at least one row, column by column; an empty one is a null.
        """
        kernels = library()
        return None if kernels is None else self._rows(kernels, *texts, texts.empty)

    def rows_of(self, columns: Sequence[pa.StringArray]) -> SparseRows | None:
        """Return the rows of some columns of text; None if there are no kernels, or no rows."""
        kernels = library()
        if kernels is None or not len(columns[0]):
            return None
        cells = pa.concat_arrays(columns)
        ends, data = Cells.offsets(cells), cells.buffers()[2]
        nulls = np.flatnonzero(cells.is_null()) if cells.null_count else np.empty(0, np.int64)
        return self._rows(kernels, ends, data.address if data else b"", nulls)

    def few(self, rows: Sequence[Mapping[str, Any]]) -> SparseRows | None:
        """Return the rows of some cells, by their columns, as a chain's steps leave them.

        None if there are no kernels, or a text is not UTF-8; or there are several rows with
        something else than texts.
        """
        kernels = library()
        if kernels is None:
            return None
        if len(rows) == 1:
            return self._row(kernels, rows[0])
        cells = [row[name] for name in self.names for row in rows]
        if not self.has_texts or (joined := Texts.of([cell or "" for cell in cells])) is None:
            return None
        return self._rows(kernels, *joined, [n for n, cell in enumerate(cells) if cell is None])

    def _rows(
        self,
        kernels: CDLL,
        ends: I32,
        data: bytes | int,
        nulls: Sequence[int] | npt.NDArray[np.int64],
    ) -> SparseRows | None:
        columns = len(self.names)
        hashes = self._hashes(kernels, ends, data, self.bounds, self._together)
        keys = self._keys(hashes, lambda: columns)
        if len(nulls):
            keys[nulls] = MISSING
        made = calls.sparse_keys(kernels, keys, columns, len(keys) // columns)
        return None if made is None else SparseRows(*made)

    def _row(self, kernels: CDLL, cells: Mapping[str, Any]) -> SparseRows | None:
        tokens = [
            (place, *token)
            for place, name in enumerate(self.names)
            for token in _tokens(cells[name])
        ]
        joined = Texts.of([text for _, text, _ in tokens])
        if joined is None or not 0 < len(tokens) <= calls.MOST_COLUMNS:
            return None if tokens else self._nothing()
        places = [place for place, *_ in tokens]
        ends, prefixes = self.bounds, self._together
        if places != self._every:
            chosen = [self.prefixes[place] for place in places]
            ends, prefixes = bounds(chosen), b"".join(chosen)
        hashes = self._hashes(kernels, *joined, ends, prefixes)
        keys = self._keys(hashes, lambda: [bisect_left(places, each) for each in self._every[1:]])
        if self.has_numbers:
            return _summed(keys.tolist(), [weight for *_, weight in tokens])
        made = calls.sparse_keys(kernels, keys, len(keys), 1)
        return None if made is None else SparseRows(*made)

    def _nothing(self) -> SparseRows:
        values: Values = np.empty(0, np.float32)
        if self.has_numbers:
            values = values.astype(np.float64)
        return SparseRows(np.zeros(2, np.int32), np.empty(0, np.int32), values)

    def _hashes(
        self, kernels: CDLL, ends: I32, data: bytes | int, bounds: I32, prefixes: bytes
    ) -> U32:
        return calls.hash_cells(kernels, ends, data, bounds, prefixes, self.function, self.seed)

    def _keys(self, hashes: U32, cuts: Callable[[], int | list[int]]) -> U32:
        """Return the keys of hashes that stand column by column.

        Args:
            hashes: Of all columns.
            cuts: Gives where they are cut between the columns, or into how many equal parts.
        """
        if not self.hasher.has_own_ranges:
            return self.hasher.fold(hashes, 0, len(self.names))
        return np.concatenate(self.hasher.keys(np.split(hashes, cuts())))


def _is_usual(field: pa.Field) -> bool:
    if role_of(field) is Role.NUMERIC:
        return bool(field.type == pa.float64())
    return field.type in _TEXTS


def _tokens(cell: Any) -> Sequence[tuple[str, float]]:
    """Return text and weight of the tokens of a cell."""
    if cell is None:
        return ()
    if isinstance(cell, str):
        return ((cell, 1.0),)
    if isinstance(cell, float):
        return (("", cell),) if cell else ()
    if isinstance(cell, list):
        return [(each, 1.0) for each in cell if each is not None]
    return ((str(cell), 1.0),)


def _summed(keys: Sequence[int], weights: Sequence[float]) -> SparseRows:
    """Return a row, the entries of one index summed in the order of the columns, as in a job."""
    entries: dict[int, float] = {}
    for key, weight in zip(keys, weights, strict=True):
        value = -weight if key & 1 else weight
        index = key >> 1
        entries[index] = entries[index] + value if index in entries else value
    indices = sorted(entries)
    values = np.array([entries[index] for index in indices], np.float64)
    offsets = np.array([0, len(indices)], np.int32)
    return SparseRows(offsets, np.array(indices, np.int32), values)
