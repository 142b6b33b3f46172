"""Keep the beginning of each text.

before  site        after  site      (length=3)
        1fbe01fe           1fb
        85f751fd           85f
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Ge

from headrace.runtime.transform import Role, positions


@dataclass(frozen=True)
class Mine:
    """Cut the cells of all categorical columns.

    Attributes:
        length: Number of characters that stay.
    """

    length: Annotated[int, Ge(1)] = 4

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the same columns; refuse to do nothing, as behind a hasher."""
        if not positions(schema, Role.CATEGORICAL):
            raise ValueError("there is no categorical column at this point of the chain")
        return schema

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with shorter texts; its input stays as it is."""
        for index in positions(batch.schema, Role.CATEGORICAL):
            shorter = pc.utf8_slice_codeunits(batch.column(index), 0, self.length)
            batch = batch.set_column(index, batch.schema.field(index), shorter)
        return batch
