"""The most frequent values of a column, in bounded memory, whatever the order of the rows.

Up to `EXACT` distinct values are all counted. Beyond that a count-min sketch counts: `DEPTH` rows
of `WIDTH` counters, and each value adds to one counter of every row. The least of its counters is
never below its count; it is above it by more than 2 / `WIDTH` of all rows for at most one value in
2**`DEPTH`. The sketch is a sum, so neither blocks nor threads change it.

Source: G. Cormode, S. Muthukrishnan, "An improved data stream summary: the count-min sketch and its
applications", Journal of Algorithms 55, 58-75 (2005).

A sketch knows no values. Those are remembered that make up `_CANDIDATE` of some block: a value with
a larger part of all rows has it in some block too. From time to time those are forgotten whose
counts fell below `_CANDIDATE` of the rows that this thread has seen so far. That loses nothing: if
none of its later blocks brings such a value back, it is below that part of the thread's rows for
good, and if so in every thread, of all rows. `SHARE` is twice as much, so that the sketch would
have to be wrong by half of it before it could matter which blocks there were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.runtime.hashing.tokens import U64, ColumnTokens, Encoded
from headrace.runtime.kernels import calls, dense_calls
from headrace.runtime.kernels.library import library
from headrace.runtime.statistics.pending import Pending

SHOWN = 10
SHARE = 0.01
"""Of all rows, for a value to be told."""
EXACT = 1024
LONGEST = 200
"""Characters of a value that are told."""
DEPTH, WIDTH = 4, 1 << 13
_CANDIDATE = SHARE / 2
_CANDIDATES = 1000
_PENDING = 1 << 14
_TRUE = np.ones(1, np.bool_)

Counts = npt.NDArray[np.int64]


@dataclass
class Frequent:
    """The values of one column, as far as they are known.

    Attributes:
        rows: All rows so far, those without a value included.
    """

    rows: int = 0
    _texts: dict[int, str] = field(default_factory=dict)
    """The candidates, by their fingerprints."""
    _sketch: Counts | None = None
    """Shape (DEPTH, WIDTH); None as long as all values are known."""
    _pending: Pending = field(default_factory=lambda: Pending(_PENDING))
    _is_settled: bool = False
    """True if what is pending is one sorted pair, or counted."""

    def see(self, column: ColumnTokens) -> None:
        """Take in the column's cells of one batch."""
        rows, counts = column.rows, _counts(column.cells)
        self.rows += rows
        self._add(column.prints, counts)
        (chosen,) = (counts >= max(rows * _CANDIDATE, 1)).nonzero()
        for place, known in zip(chosen.tolist(), column.prints[chosen].tolist(), strict=True):
            if known not in self._texts:
                self._texts[known] = _text(column.cells.values[place].as_py())
        if len(self._texts) > _CANDIDATES:
            self._forget()

    def merge(self, other: Frequent) -> None:
        """Take in all that another one saw."""
        self.rows += other.rows
        self._texts |= other._texts
        if other._sketch is not None:
            self._sketch = other._sketch if self._sketch is None else self._sketch + other._sketch
        for prints, counts in other._pending.pieces:
            self._add(prints, counts)

    def state(self) -> dict[str, Any]:
        """Return all of it as plain data; see `from_state`."""
        self._settle()
        return {
            "rows": self.rows,
            "texts": [[str(known), text] for known, text in self._texts.items()],
            "sketch": self._sketch,
            "counted": [list(pair) for pair in self._pending.pieces],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Frequent:
        """Return what gave this `state`."""
        texts = {int(known): text for known, text in state["texts"]}
        frequent = cls(state["rows"], texts, state["sketch"])
        for prints, counts in state["counted"]:
            frequent._add(prints, counts)
        return frequent

    def report(
        self, more: Callable[[int, str, int], dict[str, Any]] = lambda *_: {}
    ) -> list[dict[str, Any]]:
        """Return `SHOWN` values or fewer, of at least `SHARE` of the rows, most frequent first.

        Args:
            more: Returns what else is known of a value, by its fingerprint, its text and its rows.
        """
        counted = zip(self._texts.items(), self._counts_of(self._texts), strict=True)
        told = [
            (text, count, known)
            for (known, text), count in counted
            if count >= max(self.rows * SHARE, 1)
        ]
        told.sort(key=lambda each: (-each[1], each[0]))
        return [
            {"value": text, "rows": count, **more(known, text, count)}
            for text, count, known in told[:SHOWN]
        ]

    def _forget(self) -> None:
        counts = self._counts_of(self._texts)
        least = self.rows * _CANDIDATE
        pairs = zip(self._texts.items(), counts, strict=True)
        self._texts = {known: text for (known, text), count in pairs if count >= least}

    def _add(self, prints: U64, counts: Counts) -> None:
        if self._sketch is not None and library() is not None:
            _add_to(self._sketch, prints, counts)
            return
        self._is_settled = False
        self._pending.add(prints, counts)
        if self._pending.is_enough:
            self._settle()

    def _settle(self) -> None:
        """Put what is pending into the sketch, unless all values are known and few."""
        if self._is_settled:
            return
        prints, counts = self._pending.joined(np.uint64, np.int64)
        if self._sketch is None:
            prints, counts = _added_up(prints, counts)
            if len(prints) <= EXACT:
                self._pending.add(prints, counts)
                self._is_settled = True
                return
            self._sketch = np.zeros((DEPTH, WIDTH), np.int64)
        _add_to(self._sketch, prints, counts)

    def _counts_of(self, known: dict[int, str]) -> list[int]:
        """Return the count of each of these values, or the sketch's estimate."""
        self._settle()
        prints = np.fromiter(known, np.uint64, len(known))
        if self._sketch is None:
            ((distinct, counted),) = self._pending.pieces
            counts = counted[np.searchsorted(distinct, prints)]
        else:
            rows = zip(self._sketch, _places(prints), strict=True)
            counts = np.min([row[chosen] for row, chosen in rows], axis=0)
        return [int(count) for count in counts]


def _counts(cells: Encoded) -> Counts:
    """Count in how many rows each distinct value stands."""
    if cells.counts is not None:
        return cells.counts
    counts = np.bincount(cells.codes, minlength=len(cells.values))[: len(cells.values)]
    if cells.missing is not None and len(counts):
        counts[0] -= np.count_nonzero(cells.missing)  # a null's code is 0
    return counts


def _added_up(prints: U64, counts: Counts) -> tuple[U64, Counts]:
    """Return each value once, ascending, and the sum of its counts."""
    if (kernels := library()) is not None:
        codes, first = dense_calls.group(kernels, prints)
        prints, counts = prints[first], dense_calls.add_up(kernels, codes, counts, len(first))
        order = np.argsort(prints)
        return prints[order], counts[order]
    order = np.argsort(prints)
    prints, counts = prints[order], counts[order]
    starts = np.flatnonzero(np.concatenate([_TRUE[: len(prints)], prints[1:] != prints[:-1]]))
    return prints[starts], np.add.reduceat(counts, starts) if len(starts) else counts


def _add_to(sketch: Counts, prints: U64, counts: Counts) -> None:
    """Add the count of each value to one counter of each row of the sketch."""
    if (kernels := library()) is not None:
        calls.add_to_sketch(kernels, prints, counts, sketch)
        return
    for row, chosen in zip(sketch, _places(prints), strict=True):
        row += _sums(chosen, counts, WIDTH)


def _places(prints: U64) -> list[npt.NDArray[np.uint16]]:
    """Return the counter of each value in each row of the sketch: 16 of the 64 bits decide."""
    halves = prints.view(np.uint16).reshape(-1, DEPTH)
    return [halves[:, row] & np.uint16(WIDTH - 1) for row in range(DEPTH)]


def _sums(places: npt.NDArray[Any], counts: Counts, length: int) -> Counts:
    """Return the counts that fall on each place; float64 adds them up exactly below 2**53."""
    return np.bincount(places, counts, length).astype(np.int64)


def _text(value: str | float) -> str:
    text = value if isinstance(value, str) else repr(value).removesuffix(".0")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
