"""Hour of the day and day of the week from a column of hours.

    before  hour          after  hour_of_day  day_of_week
            14102100             0            1
            14102523             23           5

The column holds ``YYMMDDHH``, as Avazu's does; years are those from 2000 to 2099. ``hour_of_day``
is 0-23, ``day_of_week`` is 0-6 with 0 = Monday, both as text, because they are categories. The raw
column is dropped: it names an hour that will not come again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
import pyarrow as pa
from annotated_types import Len

from headrace.runtime.errors import BadRows
from headrace.runtime.transform import Role, role_of, with_role

HOUR_OF_DAY = "hour_of_day"
DAY_OF_WEEK = "day_of_week"


@dataclass(frozen=True)
class TimeFeatures:
    """Replace a column of hours by what comes back every day and every week.

    Attributes:
        column: Name of the column.
    """

    column: Annotated[str, Len(1)] = "hour"

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """The columns without the raw one, then the two new ones."""
        if self.column not in schema.names:
            raise ValueError(f"there is no column {self.column!r} at this point of the chain")
        place = schema.get_field_index(self.column)
        if role_of(schema.field(place)) is not Role.CATEGORICAL:
            raise ValueError(f"column {self.column!r} has to be a categorical feature")
        for name in (HOUR_OF_DAY, DAY_OF_WEEK):
            if name in schema.names:
                raise ValueError(f"there is a column {name!r} already")
            schema = schema.append(with_role(pa.field(name, pa.string()), Role.CATEGORICAL))
        return schema.remove(place)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Derive both columns, parsing each distinct hour once."""
        place = batch.schema.get_field_index(self.column)
        hours = batch.column(place).dictionary_encode()
        parsed = [_parsed(text) for text in hours.dictionary.to_pylist()]
        self._refuse_bad(hours, [both is None for both in parsed])
        kept = [column for i, column in enumerate(batch.columns) if i != place]
        for part in (0, 1):
            texts = pa.array([both[part] for both in parsed if both], pa.string())
            kept.append(texts.take(hours.indices))
        return pa.RecordBatch.from_arrays(kept, schema=self.output_schema(batch.schema))

    def _refuse_bad(self, hours: pa.DictionaryArray, bad: list[bool]) -> None:
        if any(bad):
            mask = np.array(bad).take(hours.indices.fill_null(0).to_numpy())
            mask &= hours.is_valid().to_numpy(zero_copy_only=False)
            raise BadRows(self.column, mask, "an hour as YYMMDDHH")


def _parsed(text: str) -> tuple[str, str] | None:
    """Hour of the day and day of the week; None for what is no hour."""
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return None
    year, month, day, hour = (int(text[i : i + 2]) for i in range(0, 8, 2))
    try:
        moment = datetime(2000 + year, month, day, hour, tzinfo=UTC)
    except ValueError:
        return None
    return str(moment.hour), str(moment.weekday())
