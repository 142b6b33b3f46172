"""Counting distinct values in bounded memory: exact up to a limit, by sampling beyond it.

Each value is known by a 64-bit fingerprint. As long as a column has at most `LIMIT` of them, all
are kept and counts are exact. Beyond, only fingerprints that end in k zero bits are kept, k as
small as the limit allows: an even sample of the distinct values, whatever their order and
frequency, whose size times 2**k estimates their number. The standard error is at most
1 / sqrt(LIMIT / 2), that is 0.6 %. The same values give the same sample in any order and divided
among any number of threads.

Source: Ph. Flajolet, "On adaptive sampling", Computing 34, 391-400 (1990).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headrace.runtime.hashing.tokens import U64
from headrace.runtime.kernels import dense_calls
from headrace.runtime.kernels.library import library
from headrace.runtime.statistics.pending import Pending

LIMIT = 1 << 16
_PENDING = 1 << 16


@dataclass
class Distinct:
    """The distinct values of one column.

    Attributes:
        level: Number of bits that are zero in each fingerprint that is kept.
        prints: Those that are kept, in any order, but for what is pending.
    """

    level: int = 0
    prints: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    _pending: Pending = field(default_factory=lambda: Pending(_PENDING))

    def add(self, prints: U64) -> None:
        """Note some values, given their fingerprints, shape (values,)."""
        self._pending.add(self._sampled(prints))
        if self._pending.is_enough:
            self._settle()

    def merge(self, other: Distinct) -> None:
        """Note all that another one saw."""
        other._settle()
        self.level = max(self.level, other.level)
        self.add(other.prints)
        self._settle()

    def state(self) -> dict[str, Any]:
        """Return all of it as plain data; see `from_state`."""
        prints = self.known
        return {"level": self.level, "prints": prints}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Distinct:
        """Return what gave this `state`."""
        return cls(state["level"], state["prints"])

    @property
    def known(self) -> U64:
        """Return the fingerprints that are kept, ascending."""
        self._settle()
        self.prints.sort()
        return self.prints

    @property
    def count(self) -> int:
        """Return the number of distinct values, exact if `exact`."""
        self._settle()
        return len(self.prints) << self.level

    @property
    def exact(self) -> bool:
        """Return whether every value is known."""
        self._settle()
        return self.level == 0

    def _settle(self) -> None:
        if not self._pending.pieces:
            return
        if len(self.prints):
            self._pending.add(self.prints)
        (prints,) = self._pending.joined(np.uint64)
        self.prints = self._sampled(_once(prints))  # what came before a merge may be of less level
        while len(self.prints) > LIMIT:
            self.level += 1
            self.prints = self._sampled(self.prints)

    def _sampled(self, prints: U64) -> U64:
        if not self.level:
            return prints
        sampled: U64 = prints[(prints & np.uint64((1 << self.level) - 1)) == 0]
        return sampled


def _once(prints: U64) -> U64:
    """Return each fingerprint once, in any order."""
    if (kernels := library()) is not None:
        _, first = dense_calls.group(kernels, prints)
        return prints[first]
    prints.sort()
    new = np.ones(len(prints), np.bool_)
    np.not_equal(prints[1:], prints[:-1], out=new[1:])
    return prints[new]
