"""``report/<host>/observed.npz``: what a host saw of its rows, for whoever merges the hosts.

The metrics of several hosts cannot be worked out from the metrics of each: a value that two of them
saw is one value. NumPy's file format, no pickle: a tree of plain data as JSON, in which each array
is a place in an array of the file. There is one of each type, which holds all of that type one
behind the other: reading an array takes longer than most of these are.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.runtime.statistics.metrics import Totals
from headrace.runtime.statistics.statistics import Statistics
from headrace.runtime.statistics.warnings import Warned, warnings_of

OBSERVED = "observed.npz"
_TREE = "tree"
_ARRAY = "array"

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Observed:
    """The statistics of one host, or of several together.

    Attributes:
        totals: What the rows add up to.
        statistics: Of the columns.
        time: The column that tells the rows' points in time, if one does.
    """

    totals: Totals
    statistics: Statistics
    time: str | None

    def merge(self, other: Observed) -> None:
        """Take in what another host saw."""
        self.totals.merge(other.totals)
        self.statistics.merge(other.statistics)

    def warnings(self, manifest: dict[str, Any]) -> list[Warned]:
        """Return what is odd about the rows.

        Args:
            manifest: What was written of them.
        """
        totals = self.totals
        return warnings_of(manifest, totals.labels, totals.timeline, self.statistics, self.time)

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        arrays = _Arrays()
        state = [self.totals.state(), self.statistics.state(), self.time]
        tree = json.dumps(_without_arrays(state, arrays)).encode()
        return _archive({_TREE: np.frombuffer(tree, np.uint8), **arrays.joined()})

    @classmethod
    def from_bytes(cls, content: bytes) -> Observed:
        """Return what `to_bytes` has written."""
        with np.load(io.BytesIO(content)) as archive:
            arrays = dict(archive)
        tree = json.loads(arrays.pop(_TREE).tobytes())
        totals, statistics, time = _with_arrays(tree, arrays)
        return cls(Totals.from_state(totals), Statistics.from_state(statistics), time)


class _Arrays:
    """Arrays of each type, one behind the other."""

    def __init__(self) -> None:
        self._by_type: dict[str, list[Array]] = {}
        self._entries: Counter[str] = Counter()

    def add(self, array: Array) -> list[Any]:
        """Add an array; return its place: its type, the entries before it, its shape."""
        kind = array.dtype.name
        place = [kind, self._entries[kind], list(array.shape)]
        self._by_type.setdefault(kind, []).append(array.ravel())
        self._entries[kind] += array.size
        return place

    def joined(self) -> dict[str, Array]:
        """Return one array of each type, by its name."""
        return {kind: np.concatenate(arrays) for kind, arrays in self._by_type.items()}


def _without_arrays(state: Any, arrays: _Arrays) -> Any:
    """Return the same data with places for arrays, which are put behind the others."""
    if isinstance(state, np.ndarray):
        return {_ARRAY: arrays.add(state)}
    if isinstance(state, dict):
        return {key: _without_arrays(value, arrays) for key, value in state.items()}
    return [_without_arrays(value, arrays) for value in state] if isinstance(state, list) else state


def _with_arrays(tree: Any, arrays: dict[str, Array]) -> Any:
    """Return the data with the arrays in their places again."""
    if isinstance(tree, dict):
        if tree.keys() == {_ARRAY} and isinstance(tree[_ARRAY], list):
            kind, start, shape = tree[_ARRAY]
            return arrays[kind][start : start + math.prod(shape)].reshape(shape)
        return {key: _with_arrays(value, arrays) for key, value in tree.items()}
    return [_with_arrays(value, arrays) for value in tree] if isinstance(tree, list) else tree


def _archive(arrays: dict[str, Array]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            # `numpy.savez` would write the time of day into it
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)
    return file.getvalue()
