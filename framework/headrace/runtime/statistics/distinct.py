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
import numpy.typing as npt

from headrace.runtime.hashing.tokens import U32, U64
from headrace.runtime.statistics.pending import Pending

LIMIT = 1 << 16
_PENDING = 1 << 16


@dataclass
class Distinct:
    """The distinct values of one column, each with the hash of its token."""

    level: int = 0
    prints: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    hashes: U32 = field(default_factory=lambda: np.empty(0, np.uint32))
    _pending: Pending = field(default_factory=lambda: Pending(_PENDING))

    def add(self, prints: U64, hashes: U32) -> None:
        """Note some values: fingerprints and the hashes of their tokens, shape (values,) each."""
        if self.level:
            sampled = self._sampled(prints)
            prints, hashes = prints[sampled], hashes[sampled]
        self._pending.add(prints, hashes)
        if self._pending.is_enough:
            self._settle()

    def merge(self, other: Distinct) -> None:
        """Note all that another one saw."""
        other._settle()
        self.level = max(self.level, other.level)
        self.add(other.prints, other.hashes)
        self._settle()

    def state(self) -> dict[str, Any]:
        """Return all of it as plain data; see `from_state`."""
        self._settle()
        return {"level": self.level, "prints": self.prints, "hashes": self.hashes}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Distinct:
        """Return what gave this `state`."""
        return cls(state["level"], state["prints"], state["hashes"])

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
        if not self._pending.pairs:
            return
        if len(self.prints):
            self._pending.add(self.prints, self.hashes)
        prints, hashes = self._pending.joined(np.uint64, np.uint32)
        order = np.argsort(prints)
        prints, hashes = prints[order], hashes[order]
        new = np.ones(len(prints), np.bool_)
        np.not_equal(prints[1:], prints[:-1], out=new[1:])
        self.prints, self.hashes = prints[new], hashes[new]
        self._shrink()

    def _shrink(self) -> None:
        sampled = self._sampled(self.prints)
        while np.count_nonzero(sampled) > LIMIT:
            self.level += 1
            sampled = self._sampled(self.prints)
        self.prints, self.hashes = self.prints[sampled], self.hashes[sampled]

    def _sampled(self, prints: U64) -> npt.NDArray[np.bool_]:
        sampled: npt.NDArray[np.bool_] = (prints & np.uint64((1 << self.level) - 1)) == 0
        return sampled
