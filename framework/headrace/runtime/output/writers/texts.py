"""Short texts of many lengths, put one behind the other without a loop over them.

A text of at most eight bytes is held in a 64-bit word. Shifts join two of them to a unit of 16
bytes, and the units are stored whole, each where the one before it ends: what a unit has too much
are zeros, and the next one overwrites them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

WORD = 8
_UNIT = 2 * WORD


@dataclass(frozen=True)
class Texts:
    """Texts of at most eight bytes, none of which is zero.

    Attributes:
        words: The bytes of each, the first one lowest, zeros behind the last one, shape (texts,).
        lengths: Number of bytes, of the same shape.
    """

    words: U64
    lengths: U8


def packed(columns: Sequence[Texts]) -> tuple[U8, I64]:
    """Pack the first text of each column one behind the other, then the second, and so on.

    Args:
        columns: At least one; all have the same number of texts.

    Returns:
        All bytes, and where each row of texts starts among them, shape (texts + 1,).
    """
    rows = len(columns[0].words)
    nothing = Texts(np.zeros(rows, np.uint64), np.zeros(rows, np.uint8))
    pairs = list(zip_longest(columns[::2], columns[1::2], fillvalue=nothing))
    units = np.empty((rows, len(pairs), 2), "<u8")
    lengths = np.empty((rows, len(pairs)), np.uint8)
    for place, (first, second) in enumerate(pairs):
        bits = (first.lengths << np.uint8(3)).astype(np.uint64)
        units[:, place, 0] = first.words | second.words << bits
        units[:, place, 1] = second.words >> np.uint64(64) - bits
        lengths[:, place] = first.lengths + second.lengths
    ends = np.cumsum(lengths, dtype=np.int64)
    starts = np.zeros(rows + 1, np.int64)
    starts[1:] = ends[len(pairs) - 1 :: len(pairs)]
    return _stored(units.reshape(-1, 2), ends - lengths.ravel(), int(starts[-1])), starts


def _stored(units: U64, starts: I64, size: int) -> U8:
    """Return the units, each at its start.

    Raises:
        RuntimeError: A unit overwrote the one behind it. NumPy goes through `starts` in their
            order, but does not promise it.
    """
    data = np.empty(size + _UNIT, np.uint8)
    anywhere = np.ndarray((size + 1,), f"V{_UNIT}", data, strides=(1,))
    anywhere[starts] = units.view(f"V{_UNIT}")[:, 0]
    if not data[:size].min(initial=1):
        raise RuntimeError("texts were not stored in their order")
    return data[:size]
