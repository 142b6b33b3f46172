"""The texts of many cells, one behind the other, as kernels and Arrow take them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from headrace.runtime.kernels.arrays import I32, I64, MOST

_MARK = "\x1e"
"""Stands between many texts while they are joined, which tells where each ends, in bytes; a text
that holds it itself does no harm."""
_MANY = 500


class Texts(NamedTuple):
    """Texts in UTF-8.

    Attributes:
        ends: Where each text begins and the last ends, shape (texts + 1,).
        data: All of them.
    """

    ends: I32
    data: bytes

    @classmethod
    def of(cls, texts: Sequence[str]) -> Texts | None:
        """Join texts; None if one is not UTF-8, or they are more than the kernels take.

        Raises:
            TypeError: Something among them is no text.
        """
        try:
            if len(texts) > _MANY and (marked := _marked(texts)) is not None:
                return marked
            joined = "".join(texts)
            data = joined.encode()
        except UnicodeEncodeError:
            return None
        if len(data) > MOST:
            return None
        is_ascii = len(data) == len(joined)
        return cls(bounds(texts if is_ascii else [text.encode() for text in texts]), data)

    @property
    def empty(self) -> I64:
        """Return the places of empty texts."""
        return np.flatnonzero(self.ends[1:] == self.ends[:-1])

    def columns(self, count: int) -> list[pa.StringArray]:
        """Return so many columns of as many texts each; an empty text becomes a null."""
        rows, data = (len(self.ends) - 1) // count, pa.py_buffer(self.data)
        made = []
        for column in range(count):
            ends = self.ends[column * rows : (column + 1) * rows + 1]
            given = ends[1:] != ends[:-1]
            nulls = rows - int(np.count_nonzero(given))
            valid = pa.py_buffer(np.packbits(given, bitorder="little")) if nulls else None
            made.append(
                pa.Array.from_buffers(pa.string(), rows, [valid, pa.py_buffer(ends), data], nulls)
            )
        return made


def bounds(texts: Sequence[str] | Sequence[bytes]) -> I32:
    """Return where each text begins and the last ends."""
    return np.fromiter(accumulate(map(len, texts), initial=0), np.int32, len(texts) + 1)


def _marked(texts: Sequence[str]) -> Texts | None:
    data = _MARK.join(texts).encode()
    marks = np.flatnonzero(np.frombuffer(data, np.uint8) == ord(_MARK))
    if len(marks) != len(texts) - 1 or len(data) > MOST:
        return None
    ends = np.empty(len(texts) + 1, np.int32)
    ends[0], ends[-1] = 0, len(data) - len(marks)
    np.subtract(marks, np.arange(len(marks)), out=ends[1:-1], casting="unsafe")
    return Texts(ends, data.translate(None, _MARK.encode()))
