"""xxHash, 32-bit variant by Yann Collet, over whole columns at once.

Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
"""

from __future__ import annotations

import numpy as np

from headrace.runtime.hashing.words import U32, Words, pieces

_P1 = np.uint32(0x9E3779B1)
_P2 = np.uint32(0x85EBCA77)
_P3 = np.uint32(0xC2B2AE3D)
_P4 = np.uint32(0x27D4EB2F)
_P5 = np.uint32(0x165667B1)
_STRIPE = 4


def xxh32(texts: Words, seed: int) -> U32:
    """Return the hash of every text.

    Args:
        texts: Their words.
        seed: From 0 to 2**32 - 1.

    Returns:
        Unsigned hashes, shape (texts,).
    """
    if texts.only is not None:
        return _of_one(texts.only, int(texts.lengths[0]), seed)
    stripes = texts.lengths >> np.uint32(4)
    whole = texts.lengths >> np.uint32(2)
    state = _striped(texts, stripes, np.full(len(whole), seed, np.uint32)) + texts.lengths
    tail = np.zeros_like(state)
    for position, word in enumerate(texts.words):
        mixed = _rotated(state + word * _P3, 17) * _P4
        after_stripes = (position >= stripes * np.uint32(_STRIPE)) & (position < whole)
        state = np.where(after_stripes, mixed, state)
        tail = np.where(position == whole, word, tail)
    return _avalanche(_with_tail(state, tail, texts.lengths & np.uint32(3)))


def _of_one(words: U32, length: int, seed: int) -> U32:
    """Return the hash of a single text: Python's integers take a step sooner than NumPy's."""
    stripes, tail = words[: length // 16 * _STRIPE], words[length // 16 * _STRIPE :]
    lanes = [int(lane[0]) for lane in _lanes(np.array([seed], np.uint32))]
    factor = int(_P1)
    for piece in pieces(stripes):
        for place, words_of_lane in enumerate((piece * _P2).reshape(-1, _STRIPE).T.tolist()):
            lane = lanes[place]
            for word in words_of_lane:
                lane = (lane + word) & 0xFFFFFFFF
                lane = (lane << 13 | lane >> 19) * factor & 0xFFFFFFFF
            lanes[place] = lane
    merged = _merged([np.array([lane], np.uint32) for lane in lanes])
    state = (merged if len(stripes) else np.array([seed], np.uint32) + _P5) + np.uint32(length)
    whole = length % 16 // 4
    for word in tail[:whole, np.newaxis]:
        state = _rotated(state + word * _P3, 17) * _P4
    last = tail[whole:] if length % 4 else np.zeros(1, np.uint32)
    return _avalanche(_with_tail(state, last, np.array([length % 4], np.uint32)))


def _lanes(seed: U32) -> list[U32]:
    return [seed + _P1 + _P2, seed + _P2, seed, seed - _P1]


def _merged(lanes: list[U32]) -> U32:
    return sum(
        (_rotated(lane, bits) for lane, bits in zip(lanes[1:], (7, 12, 18), strict=True)),
        start=_rotated(lanes[0], 1),
    )


def _striped(texts: Words, stripes: U32, seed: U32) -> U32:
    """Run four lanes over every whole 16 bytes; short texts only get a constant."""
    lanes = _lanes(seed)
    for stripe in range(int(stripes.max(initial=0))):
        inside = stripe < stripes
        for lane in range(_STRIPE):
            word = texts.words[stripe * _STRIPE + lane]
            mixed = _rotated(lanes[lane] + word * _P2, 13) * _P1
            lanes[lane] = np.where(inside, mixed, lanes[lane])
    return np.where(stripes > 0, _merged(lanes), seed + _P5)


def _with_tail(state: U32, tail: U32, count: U32) -> U32:
    """Mix in the last one to three bytes, one at a time."""
    for position in range(3):
        byte = (tail >> np.uint32(8 * position)) & np.uint32(0xFF)
        state = np.where(position < count, _rotated(state + byte * _P5, 11) * _P1, state)
    return state


def _rotated(words: U32, bits: int) -> U32:
    return (words << np.uint32(bits)) | (words >> np.uint32(32 - bits))


def _avalanche(state: U32) -> U32:
    state ^= state >> np.uint32(15)
    state *= _P2
    state ^= state >> np.uint32(13)
    state *= _P3
    state ^= state >> np.uint32(16)
    return state
