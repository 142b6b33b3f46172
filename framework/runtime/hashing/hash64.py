"""A 64-bit hash of each cell, by which cells are told apart; docs/files.md defines it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from framework.runtime.hashing.splitmix import GAMMA, mix
from framework.runtime.hashing.words import U64, WORD, Cells


def key_of(name: str) -> U64:
    """What tells a column's cells from those of the others, shape (1,)."""
    return hash64(pa.array([name]), np.zeros(1, np.uint64))


def hash64(texts: pa.StringArray, key: U64) -> U64:
    """The hash of each text, shape (texts,); what a null gives has no meaning.

    Args:
        texts: UTF-8.
        key: Of their column.
    """
    cells = Cells.of(texts)
    hashes = cells.word(0)
    hashes *= GAMMA
    hashes += cells.lengths.view(np.uint64)
    hashes += key
    mix(hashes)
    position = WORD
    while len(rows := np.flatnonzero(cells.lengths > position)):
        if len(rows) == len(hashes):
            _mix_in(hashes, cells.word(position))
        else:
            hashes[rows] = _mix_in(hashes[rows], cells.take(rows).word(position))
        position += WORD
    return hashes


def _mix_in(hashes: U64, words: U64) -> U64:
    """Mix a word of each text into its hash, in place."""
    words *= GAMMA
    hashes += words
    return mix(hashes)
