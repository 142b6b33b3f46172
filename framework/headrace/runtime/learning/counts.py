"""Counts of each value of each column, as a state: one row for each value.

Values are known by 64 bits, the hash of a cell that docs/files.md defines, so each takes 16 bytes
however long its text is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.hashing.hash64 import hash64, key_of
from headrace.runtime.hashing.tokens import U64, Encoded

VALUE, ROWS = "value", "rows"


def counts_of(columns: Mapping[str, pa.StringArray]) -> pa.Table:
    """Count in how many rows each value of some columns stands; nulls do not count."""
    values, counts = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for name, column in columns.items():
        cells = Encoded.of(column)
        given = cells.codes if cells.missing is None else cells.codes[~cells.missing]
        values.append(hash64(cells.values, key_of(name)))
        counts.append(np.bincount(given, minlength=len(cells.values)))
    return pa.table({VALUE: np.concatenate(values), ROWS: np.concatenate(counts)})


@dataclass(frozen=True)
class Values:
    """A set of values of some columns.

    Attributes:
        known: What they are known by, ascending, shape (values,).
    """

    known: U64

    def lacks(self, name: str, column: pa.StringArray) -> npt.NDArray[np.bool_]:
        """Find the cells of a column whose value is not in the set, shape (rows,); no null."""
        cells = Encoded.of(column)
        if not len(cells.values):
            return np.zeros(len(column), np.bool_)
        lacking = self._lacking(hash64(cells.values, key_of(name)))[cells.codes]
        return lacking if cells.missing is None else lacking & ~cells.missing

    def _lacking(self, values: U64) -> npt.NDArray[np.bool_]:
        if not len(self.known):
            return np.ones(len(values), np.bool_)
        places = np.searchsorted(self.known, values)
        found: npt.NDArray[np.bool_] = self.known.take(places, mode="clip") != values
        return found
