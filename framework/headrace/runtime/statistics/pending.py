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
    """Arrays of one length each time, at least one of them for each block.

    Attributes:
        most: Length of all together beyond which they are to be counted.
        pieces: What there is so far.
        length: Their length together.
    """

    most: int
    pieces: list[tuple[Array, ...]] = field(default_factory=list)
    length: int = 0

    def add(self, *arrays: Array) -> None:
        """Keep copies: an array that is a part of a larger one would keep all of that."""
        self.pieces.append(tuple(array.copy() for array in arrays))
        self.length += len(arrays[0])

    @property
    def is_enough(self) -> bool:
        """Return whether it is time to count them."""
        return self.length > self.most or len(self.pieces) > _BLOCKS

    def joined(self, *types: npt.DTypeLike) -> tuple[Array, ...]:
        """Return all pieces in one, of these types; they wait no more."""
        pieces, self.pieces, self.length = self.pieces, [], 0
        if len(pieces) == 1:  # most columns, if there are very many
            return tuple(
                array.astype(kind, copy=False) for array, kind in zip(pieces[0], types, strict=True)
            )
        return tuple(
            np.concatenate([np.empty(0, kind), *(piece[place] for piece in pieces)])
            for place, kind in enumerate(types)
        )
