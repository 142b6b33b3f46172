"""Fewer rows of the label that most rows have.

    before  id       click        after  id       click        (rate=0.5)
            1000009  0                   1000009  0
            1000016  0                   1000023  1
            1000023  1

A row with the label `majority` is kept iff ``xxh32(id, seed) < floor(rate * 2**32)``: no memory, no
order, the same on one machine or a hundred. Without an id the key is the row's own text, its cells
joined by U+001F. Behind a split only rows that train are left out. A model that learns from the
rest predicts too many of the rare label; p becomes ``p / (p + (1 - p) / rate)``, which
`evaluation` does by itself.

Source: He et al.: Practical Lessons from Predicting Clicks on Ads at Facebook, ADKDD 2014, sec. 6.3
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from annotated_types import Ge, Gt, Le

from headrace.runtime.hashing.functions import HASH_FUNCTIONS, hash_cells
from headrace.runtime.transform import (
    Role,
    Sampling,
    key_roles,
    positions,
    row_keys,
    sampled,
    sampling_of,
)


@dataclass(frozen=True)
class Downsample:
    """Keep each training row of one label with some probability, all others surely.

    Attributes:
        rate: The probability.
        majority: The label.
        seed: Seed of the hash.
    """

    rate: Annotated[float, Gt(0), Le(1)]
    majority: float = 0.0
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0

    leaves_out_rows: ClassVar[bool] = True

    def wants(self, schema: pa.Schema) -> tuple[Role, ...]:
        """Return the label, and the row's text as the key where there is no id."""
        return (Role.LABEL, *key_roles(schema))

    def for_new_rows(self) -> None:
        """Return nothing: all rows that do not train stay."""
        return

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the same columns; the label's says how its rows were sampled."""
        labels = positions(schema, Role.LABEL)
        if not labels:
            raise ValueError("needs the label of each row; dataset.label should name its column")
        if sampling_of(schema) is not None:
            raise ValueError("rows are left out by an earlier step already")
        field = sampled(schema.field(labels[0]), Sampling(self.majority, self.rate))
        return schema.set(labels[0], field)

    def keeps(self, batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        """Return which rows stay, shape (rows,)."""
        (label, *_) = positions(batch.schema, Role.LABEL)
        hashes = hash_cells(row_keys(batch), self.seed, HASH_FUNCTIONS["xxh32"])
        stays = hashes.astype(np.int64) < math.floor(self.rate * 2**32)
        stays |= batch.column(label).to_numpy(zero_copy_only=False) != self.majority
        for channel in positions(batch.schema, Role.CHANNEL):
            stays |= batch.column(channel).to_numpy() != 0
        return stays

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Leave out rows."""
        kept = batch.filter(pa.array(self.keeps(batch)))
        return pa.RecordBatch.from_arrays(kept.columns, schema=self.output_schema(batch.schema))
