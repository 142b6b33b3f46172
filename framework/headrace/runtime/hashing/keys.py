"""Keys from 32-bit hashes: the index in the upper 31 bits, the sign in the lowest."""

from __future__ import annotations

import numpy as np

from headrace.runtime.hashing.words import U32
from headrace.runtime.kernels import calls
from headrace.runtime.kernels.library import library

_ONE = np.uint32(1)


def signed_keys(hashes: U32, n_features: int, *, alternate_sign: bool) -> U32:
    """Return keys by scikit-learn's rule: index ``abs(h) % n_features``, negative where ``h < 0``.

    The hash counts as a signed 32-bit number here; the absolute value of -2**31 is 2**31.

    Source: ``sklearn/feature_extraction/_hashing_fast.pyx``
    """
    if (kernels := library()) is not None and 0 < n_features < 1 << 32:
        return calls.signed_keys(kernels, hashes, n_features, alternate_sign=alternate_sign)
    sign = (hashes.view(np.int32) >> 31).view(np.uint32)  # all ones where it is negative
    keys = (((hashes ^ sign) - sign) % np.uint32(n_features)) << _ONE
    return keys | sign & _ONE if alternate_sign else keys


def unsigned_keys(hashes: U32, n_features: int, first: int = 0) -> U32:
    """Return keys of index ``first + h % n_features``, never negative."""
    return (hashes % np.uint32(n_features) + np.uint32(first)) << _ONE
