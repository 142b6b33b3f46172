"""Texts as columns of little-endian 32-bit words, ready for vectorised hash functions.

All texts are laid out at once: word ``j`` of every text is one array, zero beyond the text's end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

WORD = 8
"""Bytes that are looked at together."""
_PIECE = 1 << 16
"""Words of a long text that are Python's integers at a time, each of which takes 40 bytes."""
_KEEP = np.array([(1 << 8 * n) - 1 for n in range(WORD + 1)], np.uint64)
"""Mask that keeps the first n bytes of a little-endian 64-bit word."""
_ALIKE = 64
"""Cells up to this many bytes are hashed together, longer ones by powers of two."""
_START = 1024
"""Bytes of a cell that cost as much as to hash it alone rather than with others."""
_FEW = 64
"""Cells for which one step of NumPy takes as long as a step of Python for each."""


@dataclass(frozen=True)
class Cells:
    """The place of each cell of a text column.

    Attributes:
        data: All bytes of the column, then eight zeros.
        starts: First byte of each cell, shape (cells,).
        lengths: Bytes of each cell, shape (cells,).
        width: Bytes of every cell if all have the same number and lie side by side, else 0.
    """

    data: npt.NDArray[np.uint8]
    starts: I64
    lengths: I64
    width: int = 0

    @classmethod
    def of(cls, column: pa.StringArray) -> Cells:
        """Lay out a string column; null cells come out as garbage of no meaning, but safely."""
        offsets = cls.offsets(column).astype(np.int64)
        data_buffer = column.buffers()[2]
        used = offsets[-1] - offsets[0]
        data = np.zeros(used + WORD, np.uint8)
        if used:
            data[:used] = np.frombuffer(data_buffer, np.uint8, used, offsets[0])
        lengths = np.diff(offsets)
        alike = len(lengths) > 0 and (lengths == lengths[0]).all()
        return cls(data, offsets[:-1] - offsets[0], lengths, int(lengths[0]) if alike else 0)

    @staticmethod
    def offsets(column: pa.StringArray) -> npt.NDArray[np.int32]:
        """Return where each cell starts in the column's bytes, and where the last one ends."""
        start = column.offset * np.dtype(np.int32).itemsize
        return np.frombuffer(column.buffers()[1], np.int32, len(column) + 1, start)

    def take(self, rows: I64) -> Cells:
        """Return these cells only."""
        return Cells(self.data, self.starts[rows], self.lengths[rows])

    def word(self, position: int) -> U64:
        """Return eight bytes of each cell from that position on, zero beyond the cell's end."""
        view = np.ndarray((len(self.data) - WORD + 1,), "<u8", self.data, strides=(1,))
        if position < self.width:
            # Ids and codes often are alike; steps take a tenth of the time of gathering.
            words = view[position :: self.width][: len(self.starts)]
            alike: U64 = words & _KEEP[min(self.width - position, WORD)]
            return alike
        left = np.clip(self.lengths - position, 0, WORD)
        starts = np.minimum(self.starts + position, len(view) - 1) if position else self.starts
        return view[starts] & _KEEP[left]

    def by_length(self) -> Iterator[I64 | None]:
        """Yield groups of cells of like length; None is all cells.

        One long cell does not widen all others. A few long ones come one by one: hashed together,
        each of their words would cost many steps of NumPy on next to nothing.
        """
        if not len(self.lengths) or self.lengths.max() <= _ALIKE:
            yield None
            return
        classes = np.ceil(np.log2(np.maximum(self.lengths, _ALIKE))).astype(np.int64)
        for size in np.unique(classes).tolist():
            rows = np.flatnonzero(classes == size)
            longest = 2**size
            is_few = len(rows) * (longest + _START) < _FEW * longest
            yield from rows[:, np.newaxis] if longest > _ALIKE and is_few else [rows]


@dataclass(frozen=True)
class Words:
    """Texts as words.

    Attributes:
        words: Word j of all texts, shape (texts,) each.
        lengths: Bytes of each text, shape (texts,).
    """

    words: list[U32] | U32
    lengths: U32

    @classmethod
    def of(cls, cells: Cells) -> Words:
        """Return the words of every cell."""
        if len(cells.lengths) == 1:
            return cls._of_one(cells)
        words: list[U32] = []
        longest = int(cells.lengths.max(initial=0))
        for position in range(0, longest, WORD):
            words += _halves(cells.word(position))
        return cls(words[: -(-longest // 4)], cells.lengths.astype(np.uint32))

    @classmethod
    def _of_one(cls, cells: Cells) -> Words:
        """Return the words of a single cell, which may be long."""
        start, length = int(cells.starts[0]), int(cells.lengths[0])
        words = np.zeros((-(-length // 4), 1), "<u4")
        words.view(np.uint8).ravel()[:length] = cells.data[start : start + length]
        return cls(words, cells.lengths.astype(np.uint32))

    @property
    def only(self) -> U32 | None:
        """Return the words of the only text, shape (words,); None if there are several texts."""
        if len(self.lengths) != 1:
            return None
        return (
            self.words.ravel() if isinstance(self.words, np.ndarray) else np.concatenate(self.words)
        )


def pieces(words: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """Cut the words of a long text into pieces that make few of Python's integers at a time."""
    return (words[start : start + _PIECE] for start in range(0, len(words), _PIECE))


def _halves(words: U64) -> list[U32]:
    return [words.astype(np.uint32), (words >> np.uint64(32)).astype(np.uint32)]
