"""MurmurHash3 x86 32-bit by Austin Appleby (public domain), over whole columns at once.

Source: https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp
"""

from __future__ import annotations

import numpy as np

from headrace.runtime.hashing.words import U32, Words, pieces

_C1 = np.uint32(0xCC9E2D51)
_C2 = np.uint32(0x1B873593)


def murmur3_32(texts: Words, seed: int) -> U32:
    """Return the hash of every text.

    Args:
        texts: Their words.
        seed: From 0 to 2**32 - 1.

    Returns:
        Unsigned hashes, shape (texts,).
    """
    if texts.only is not None:
        return _of_one(texts.only, int(texts.lengths[0]), seed)
    whole = texts.lengths >> np.uint32(2)
    in_all = int(whole.min()) if len(whole) else 0
    state = np.full(len(whole), seed, np.uint32)
    for position, word in enumerate(texts.words):
        # A text's last, partial word is mixed in without the step; past its end words are zero,
        # and so is their scramble.
        state = state ^ _scramble(word)
        if position < in_all:
            state = _step(state)
        else:
            state = np.where(position < whole, _step(state), state)
    return _avalanche(state ^ texts.lengths)


def _of_one(words: U32, length: int, seed: int) -> U32:
    """Return the hash of a single text: Python's integers take a step sooner than NumPy's."""
    whole = length // 4
    state = seed
    for piece in pieces(words[:whole]):
        for word in _scramble(piece).tolist():
            state ^= word
            state = ((state << 13 | state >> 19) * 5 + 0xE6546B64) & 0xFFFFFFFF
    last = _scramble(words[whole:]).sum(dtype=np.uint32)  # of one word or none
    return _avalanche(np.array([state], np.uint32) ^ last ^ np.uint32(length))


def _rotated(words: U32, bits: int) -> U32:
    return (words << np.uint32(bits)) | (words >> np.uint32(32 - bits))


def _scramble(word: U32) -> U32:
    return _rotated(word * _C1, 15) * _C2


def _step(state: U32) -> U32:
    return _rotated(state, 13) * np.uint32(5) + np.uint32(0xE6546B64)


def _avalanche(state: U32) -> U32:
    state ^= state >> np.uint32(16)
    state *= np.uint32(0x85EBCA6B)
    state ^= state >> np.uint32(13)
    state *= np.uint32(0xC2B2AE35)
    state ^= state >> np.uint32(16)
    return state
