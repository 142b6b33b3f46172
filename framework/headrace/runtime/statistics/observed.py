"""``report/<host>/observed.npz``: what a host saw of its rows, for whoever merges the hosts.

The metrics of several hosts cannot be worked out from the metrics of each: a value that two of them
saw is one value. NumPy's file format, no pickle: a tree of plain data as JSON, in which each array
is a place among the arrays of the file.
"""

from __future__ import annotations

import io
import json
import zipfile
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
        arrays: list[Array] = []
        state = [self.totals.state(), self.statistics.state(), self.time]
        tree = json.dumps(_without_arrays(state, arrays)).encode()
        named = {str(place): array for place, array in enumerate(arrays)}
        return _archive({_TREE: np.frombuffer(tree, np.uint8), **named})

    @classmethod
    def from_bytes(cls, content: bytes) -> Observed:
        """Return what `to_bytes` has written."""
        with np.load(io.BytesIO(content)) as arrays:
            tree = json.loads(arrays[_TREE].tobytes())
            totals, statistics, time = _with_arrays(tree, arrays)
        return cls(Totals.from_state(totals), Statistics.from_state(statistics), time)


def _without_arrays(state: Any, arrays: list[Array]) -> Any:
    """Return the same data with places for arrays, which are put into the list."""
    if isinstance(state, np.ndarray):
        arrays.append(state)
        return {_ARRAY: len(arrays) - 1}
    if isinstance(state, dict):
        return {key: _without_arrays(value, arrays) for key, value in state.items()}
    return [_without_arrays(value, arrays) for value in state] if isinstance(state, list) else state


def _with_arrays(tree: Any, arrays: Any) -> Any:
    """Return the data with the arrays in their places again."""
    if isinstance(tree, dict):
        if tree.keys() == {_ARRAY} and isinstance(tree[_ARRAY], int):
            return arrays[str(tree[_ARRAY])]
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
