"""The finaliser of SplitMix64: scatters 64-bit words one to one, zero stays zero.

Source: G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014;
https://prng.di.unimi.it/splitmix64.c
"""

from __future__ import annotations

import numpy as np

from headrace.runtime.hashing.words import U64

GAMMA = np.uint64(0x9E3779B97F4A7C15)
"""SplitMix64's own odd constant, the golden ratio in 64 bits."""
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
