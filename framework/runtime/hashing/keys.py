"""From a 32-bit hash to a key: the index in the upper 31 bits, the sign in the lowest."""

from __future__ import annotations

import numpy as np

from framework.runtime.hashing.words import U32

_ONE = np.uint32(1)


def signed_keys(hashes: U32, n_features: int, *, alternate_sign: bool) -> U32:
    """Keys by scikit-learn's rule: index ``abs(h) % n_features``, negative where ``h < 0``.

    The hash counts as a signed 32-bit number here; the absolute value of -2**31 is 2**31.

    Source: ``sklearn/feature_extraction/_hashing_fast.pyx``
    """
    negative = hashes >> np.uint32(31)
    magnitude = np.where(negative, ~hashes + _ONE, hashes)
    keys = (magnitude % np.uint32(n_features)) << _ONE
    return keys | negative if alternate_sign else keys


def unsigned_keys(hashes: U32, n_features: int, first: int = 0) -> U32:
    """Keys of index ``first + h % n_features``, never negative."""
    return (hashes % np.uint32(n_features) + np.uint32(first)) << _ONE
