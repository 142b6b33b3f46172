"""Count the rows of each label in each channel, as long as there are few different ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

MOST = 32
"""Different labels, beyond which they are measurements and none is counted."""
BINARY, CLASSES, NUMBER = "binary", "classes", "number"

Floats = npt.NDArray[np.float64]


@dataclass
class LabelCounts:
    """The labels of all blocks, in any order.

    Attributes:
        is_kept: Whether the labels are few enough.
    """

    is_kept: bool = True
    _channels: dict[int, Counter[float]] = field(default_factory=dict)

    def add(self, channel: int, labels: Floats) -> None:
        """Count the labels of some rows."""
        if not self.is_kept:
            return
        ones, zeros = int(np.count_nonzero(labels == 1)), int(np.count_nonzero(labels == 0))
        if ones + zeros == len(labels):
            self._count(channel, {1.0: ones, 0.0: zeros})
            return
        found, counts = np.unique(labels, return_counts=True)
        if len(found) > MOST:
            self._leave_out()
            return
        self._count(channel, dict(zip(found.tolist(), counts.tolist(), strict=True)))

    def merge(self, other: LabelCounts) -> None:
        """Count all that another one counted."""
        if not (self.is_kept and other.is_kept):
            self._leave_out()
        for channel, counts in other._channels.items() if self.is_kept else ():
            self._count(channel, counts)

    def state(self) -> dict[str, Any]:
        """Return all of it as plain data; see `from_state`."""
        counted = [[index, list(each.items())] for index, each in self._channels.items()]
        return {"is_kept": self.is_kept, "counted": counted}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> LabelCounts:
        """Return what gave this `state`."""
        counts = {index: Counter(dict(map(tuple, pairs))) for index, pairs in state["counted"]}
        return cls(state["is_kept"], counts)

    @property
    def are_two(self) -> bool:
        """Return whether there are no labels but 1 and 0, or 1 and -1."""
        return self.is_kept and (self._values <= {0.0, 1.0} or self._values <= {-1.0, 1.0})

    @property
    def kind(self) -> str:
        """Return what the labels are: 0 and 1, a few small whole numbers, or any numbers."""
        values = self._values
        if not self.is_kept:
            return NUMBER
        if values <= {0.0, 1.0}:
            return BINARY
        are_codes = all(value.is_integer() and -1 <= value <= MOST for value in values)
        return CLASSES if are_codes else NUMBER

    def of(self, channel: int) -> dict[str, int]:
        """Return the rows of a channel with each label, in the order of the labels."""
        counts = self._channels.get(channel, Counter())
        return {f"{value:.17g}": counts[value] for value in sorted(counts)}

    @property
    def _values(self) -> set[float]:
        return {value for counts in self._channels.values() for value in counts}

    def _count(self, channel: int, counts: dict[float, int]) -> None:
        mine = self._channels.setdefault(channel, Counter())
        for value, rows in counts.items():
            if rows:
                mine[value + 0.0] += rows
        if len(self._values) > MOST:
            self._leave_out()

    def _leave_out(self) -> None:
        self.is_kept = False
        self._channels.clear()
