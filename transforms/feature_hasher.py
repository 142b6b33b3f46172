"""The hashing trick, exactly as scikit-learn's ``FeatureHasher`` does it for ``{column: text}``.

    before  site_id   C1         after  indices           values
            1fbe01fe  1005              [265034, 837961]  [1.0, -1.0]
            (null)    1002              [118293]          [1.0]

A cell gives the token ``column=text`` in UTF-8, hashed by MurmurHash3 x86 32-bit with seed 0; the
index is ``abs(h) % n_features``, the sign that of ``h``. A null gives no feature. A numeric column
gives the token ``column`` with the number as its value. Equal indices of a row are summed.

Source: https://scikit-learn.org/stable/modules/feature_extraction.html#feature-hashing
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from headrace.runtime.hashing.functions import HashFunction, murmur3_32
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.hashing.keys import signed_keys
from headrace.runtime.hashing.words import U32


@dataclass(frozen=True)
class FeatureHasher(Hasher):
    """Hash all features of a row into one sparse row.

    Attributes:
        n_features: Width of the matrix.
        alternate_sign: Give half of the tokens a negative sign, so that collisions cancel out on
            average instead of adding up.
    """

    n_features: Annotated[int, Ge(1), Le(2**31 - 1)] = 2**20
    alternate_sign: bool = True

    def hash_function(self) -> tuple[HashFunction, int]:
        """MurmurHash3 x86 32-bit with seed 0."""
        return murmur3_32, 0

    def fold(self, hashes: U32, place: int, columns: int) -> U32:
        """Index ``abs(h) % n_features``, negative where ``h < 0``."""
        return signed_keys(hashes, self.n_features, alternate_sign=self.alternate_sign)
