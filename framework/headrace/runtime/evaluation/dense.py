"""Rows that were not hashed, as a model takes them: numbers to scale, ids as indicators.

Each column gives one entry of a row. A number is its inverse hyperbolic sine, which is about linear
near 0 and logarithmic far from it, less the mean of the first rows that were learned from, in their
standard deviations; a null has an indicator of its own. An id of an encoded column has its
indicator, and so has a null that has no id. A last entry is 1 in each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.evaluation.rows import FARTHEST, Floats, Rows
from headrace.runtime.transform import Role, encoding_of, features, positions, role_of


@dataclass(frozen=True)
class _Column:
    place: int
    first: int
    """Index of its first entry."""
    size: int
    is_number: bool


class DenseRows:
    """Makes rows for a model of batches of numbers and ids; the first ones decide the scales.

    Args:
        schema: The columns: label and features.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._columns: list[_Column] = []
        self._label = positions(schema, Role.LABEL)[0]
        width = 0
        for place in features(schema):
            field = schema.field(place)
            encoding = encoding_of(field)
            is_number = role_of(field) is Role.NUMERIC or encoding is None
            size = 2 if encoding is None else encoding.size + (encoding.null is None)
            self._columns.append(_Column(place, width, size, is_number))
            width += size
        self._width = width + 1
        self._scales: dict[int, tuple[float, float]] = {}

    def __call__(self, batches: Sequence[pa.RecordBatch]) -> Rows:
        """Return the rows of at least one batch, joined."""
        table = pa.Table.from_batches(batches)
        count, rows = len(self._columns) + 1, table.num_rows
        indices = np.full((rows, count), self._width - 1, np.int32)
        values = np.ones((rows, count))
        for place, column in enumerate(self._columns):
            cells = table.column(column.place)
            missing = cells.is_null().to_numpy()
            if column.is_number:
                numbers = np.arcsinh(cells.cast(pa.float64()).fill_null(0.0).to_numpy())
                values[:, place] = np.where(missing, 1.0, self._scaled(place, numbers, ~missing))
                indices[:, place] = column.first + missing
            else:
                ids = cells.fill_null(column.size - 1).to_numpy()
                indices[:, place] = column.first + np.clip(ids, 0, column.size - 1)
        labels = table.column(self._label).to_numpy()
        offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(count)
        return Rows(offsets, indices.ravel(), values.ravel(), self._width, labels)

    def _scaled(self, place: int, numbers: Floats, there: npt.NDArray[np.bool_]) -> Floats:
        if place not in self._scales:
            known = numbers[there]
            mean = float(known.mean()) if len(known) else 0.0
            spread = float(known.std()) if len(known) else 0.0
            self._scales[place] = mean, spread or 1.0
        mean, spread = self._scales[place]
        return np.clip((numbers - mean) / spread, -FARTHEST, FARTHEST)
