"""Hour of the day and day of the week from a column of hours.

    before  hour          after  hour_of_day  day_of_week
            14102100             0            1
            14102523             23           5

The column holds ``YYMMDDHH``, as Avazu's does, of the years 1969 to 2068, which is how POSIX reads
two digits. ``hour_of_day`` is 0-23, ``day_of_week`` is 0-6 with 0 = Monday, both as text, because
they are categories. The raw column is dropped: it names an hour that will not come again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pyarrow as pa
from annotated_types import Len

from headrace.runtime.chain.choice import added, chosen, replaced
from headrace.runtime.chain.timestamps import HOUR, refuse_no_times, time_of, times_of
from headrace.runtime.shown import quoted
from headrace.runtime.transform import Role, RowStep, with_role

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
        """Return the columns without the raw one, then the two new ones."""
        chosen(schema, Role.CATEGORICAL, names=[self.column])
        if not pa.types.is_string(kind := schema.field(self.column).type):
            raise ValueError(f"column {quoted(self.column)} has to hold text (is {kind})")
        made = [pa.field(name, pa.string()) for name in (HOUR_OF_DAY, DAY_OF_WEEK)]
        schema = added(schema, *(with_role(field, Role.CATEGORICAL) for field in made))
        return schema.remove(schema.get_field_index(self.column))

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Derive both columns, reading each distinct hour once."""
        coded = batch.column(self.column).dictionary_encode()
        times = times_of(coded.dictionary, "yymmddhh")
        refuse_no_times(self.column, coded, times, "an hour as YYMMDDHH")
        hours = times.micros // HOUR
        parts = {HOUR_OF_DAY: hours % 24, DAY_OF_WEEK: (hours // 24 + 3) % 7}
        made = {
            name: pa.array(part).cast(pa.string()).take(coded.indices)
            for name, part in parts.items()
        }
        return replaced(batch, made, self.output_schema(batch.schema))

    def on_a_row(self, schema: pa.Schema) -> RowStep:
        """Return what does the same to a single row."""

        def step(cells: dict[str, Any]) -> None:
            text = cells.pop(self.column)
            hour = None if text is None else time_of(text, "yymmddhh").micros // HOUR
            cells[HOUR_OF_DAY] = None if hour is None else str(hour % 24)
            cells[DAY_OF_WEEK] = None if hour is None else str((hour // 24 + 3) % 7)

        return step
