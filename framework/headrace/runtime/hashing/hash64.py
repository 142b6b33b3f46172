"""A 64-bit hash of each cell, by which cells are told apart; docs/files.md defines it.

Words are scattered one to one by the finaliser of SplitMix64, which leaves zero as it is.

Source: G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014;
https://prng.di.unimi.it/splitmix64.c
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa

from headrace.runtime.hashing.words import U64, WORD, Cells, pieces
from headrace.runtime.kernels import calls
from headrace.runtime.kernels.library import library

GAMMA = np.uint64(0x9E3779B97F4A7C15)
"""SplitMix64's own odd constant, the golden ratio in 64 bits."""
_GAMMA = int(GAMMA)
_FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27)
_LAST_SHIFT = np.uint64(31)
ALL = (1 << 64) - 1


def mix(words: U64) -> U64:
    """Scatter words in place, and return them."""
    shifted = np.empty_like(words)
    for shift, factor in zip(_SHIFTS, _FACTORS, strict=True):
        words ^= np.right_shift(words, shift, out=shifted)
        words *= factor
    words ^= np.right_shift(words, _LAST_SHIFT, out=shifted)
    return words


def mixed(word: int) -> int:
    """Scatter a single word, one of Python's integers."""
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & ALL
    word = (word ^ word >> 27) * 0x94D049BB133111EB & ALL
    return word ^ word >> 31


@lru_cache(1 << 12)
def key_of(name: str) -> U64:
    """Return what tells a column's cells from those of the others, shape (1,)."""
    key = hash64(pa.array([name]), np.zeros(1, np.uint64))
    key.flags.writeable = False
    return key


def hash64(texts: pa.StringArray, key: U64) -> U64:
    """Return the hash of each text, shape (texts,); what a null gives has no meaning.

    Args:
        texts: UTF-8.
        key: Of their column.
    """
    if (kernels := library()) is not None:
        return calls.hash64(kernels, texts, int(key[0]))
    cells = Cells.of(texts)
    hashes = np.empty(len(texts), np.uint64)
    for rows in cells.by_length():
        if rows is None:
            return _hashed(cells, key)
        chosen = cells.take(rows)
        hashes[rows] = _of_one(chosen, key) if len(rows) == 1 else _hashed(chosen, key)
    return hashes


def hash_of_text(text: str, key: int) -> int:
    """Return the hash of a single short text, sooner than by way of an array.

    Raises:
        UnicodeEncodeError: It is not UTF-8.
    """
    data = text.encode()
    state = len(data) + key
    for start in range(0, max(len(data), 1), WORD):
        word = int.from_bytes(data[start : start + WORD], "little")
        state = mixed((state + word * _GAMMA) & ALL)
    return state


def _hashed(cells: Cells, key: U64) -> U64:
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


def _of_one(cells: Cells, key: U64) -> U64:
    """Return the hash of a single text: Python's integers take a step sooner than NumPy's."""
    start, length = int(cells.starts[0]), int(cells.lengths[0])
    words = np.zeros(max(1, -(-length // WORD)), "<u8")
    words.view(np.uint8)[:length] = cells.data[start : start + length]
    state = (length + int(key[0])) & ALL
    for piece in pieces(words):
        for word in (piece * GAMMA).tolist():
            state = mixed((state + word) & ALL)
    return np.array([state], np.uint64)


def _mix_in(hashes: U64, words: U64) -> U64:
    """Mix a word of each text into its hash, in place."""
    words *= GAMMA
    hashes += words
    return mix(hashes)
