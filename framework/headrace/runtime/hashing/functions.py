"""Hash functions over whole text columns: no row is ever looped over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from headrace.runtime.hashing.murmur3 import murmur3_32
from headrace.runtime.hashing.words import U32, Cells, Words
from headrace.runtime.hashing.xxh32 import xxh32
from headrace.runtime.kernels import calls
from headrace.runtime.kernels.library import library

__all__ = ["HASH_FUNCTIONS", "HashFunction", "hash_cells", "hash_texts", "murmur3_32"]

HashFunction = Callable[[Words, int], U32]

HASH_FUNCTIONS: dict[str, HashFunction] = {"murmur3_32": murmur3_32, "xxh32": xxh32}

_COMPILED: dict[HashFunction, int] = {murmur3_32: 0, xxh32: 1}
"""Numbers of the functions that the kernels know."""
_CHUNK = 8192
"""Texts hashed at once: few enough for the temporaries to stay in a core's cache."""


def hash_texts(texts: pa.StringArray, *hashes: tuple[HashFunction, int]) -> list[U32]:
    """Return several hashes of every text, which is laid out in words only once.

    Args:
        texts: UTF-8; what a null gives has no meaning.
        hashes: Functions, each with a seed from 0 to 2**32 - 1.

    Returns:
        For each of `hashes` unsigned numbers, shape (texts,).
    """
    compiled = prefixed_hashes(texts, b"", *hashes)
    if compiled is not None:
        return compiled
    results = [np.empty(len(texts), np.uint32) for _ in hashes]
    for start in range(0, len(texts), _CHUNK):
        views = [result[start : start + _CHUNK] for result in results]
        _hash_chunk(Cells.of(texts.slice(start, _CHUNK)), hashes, views)
    return results


def number_of(function: HashFunction) -> int | None:
    """Return the number that the kernels know a function by; None if they do not know it."""
    return _COMPILED.get(function)


def prefixed_hashes(
    texts: pa.StringArray, prefix: bytes, *hashes: tuple[HashFunction, int]
) -> list[U32] | None:
    """Return several hashes of every text behind a prefix; None if there is no kernel for it."""
    kernels = library()
    if kernels is None or not all(function in _COMPILED for function, _ in hashes):
        return None
    return [
        calls.hash32(kernels, texts, prefix, _COMPILED[function], seed) for function, seed in hashes
    ]


def hash_cells(texts: pa.StringArray, seed: int = 0, function: HashFunction = murmur3_32) -> U32:
    """Return one hash of every text, shape (texts,)."""
    return hash_texts(texts, (function, seed))[0]


def _hash_chunk(
    cells: Cells, hashes: Sequence[tuple[HashFunction, int]], results: Sequence[U32]
) -> None:
    for rows in cells.by_length():
        words = Words.of(cells if rows is None else cells.take(rows))
        for (function, seed), result in zip(hashes, results, strict=True):
            result[slice(None) if rows is None else rows] = function(words, seed)
