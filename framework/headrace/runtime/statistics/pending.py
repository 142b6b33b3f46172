"""Values of some blocks that wait to be counted together, which is quicker than one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_BLOCKS = 16
"""Small arrays that stay where large ones come and go cut the heap into pieces."""


@dataclass
class Pending:
    """Pairs of arrays of one length, at least one pair for each block.

    Attributes:
        most: Length of all pairs together beyond which they are to be counted.
        pairs: The pairs so far.
        length: Their length together.
    """

    most: int
    pairs: list[tuple[Array, Array]] = field(default_factory=list)
    length: int = 0

    def add(self, one: Array, other: Array) -> None:
        """Keep copies: an array that is a part of a larger one would keep all of that."""
        self.pairs.append((one.copy(), other.copy()))
        self.length += len(one)

    @property
    def is_enough(self) -> bool:
        """Return whether it is time to count them."""
        return self.length > self.most or len(self.pairs) > _BLOCKS

    def joined(self, *types: npt.DTypeLike) -> tuple[Array, Array]:
        """Return all pairs in one, of these types; they wait no more."""
        pairs, self.pairs, self.length = self.pairs, [], 0
        if len(pairs) == 1:  # most columns, if there are very many
            (one, other) = pairs[0]
            return one.astype(types[0], copy=False), other.astype(types[1], copy=False)
        one, other = (
            np.concatenate([np.empty(0, kind), *(pair[place] for pair in pairs)])
            for place, kind in enumerate(types)
        )
        return one, other
