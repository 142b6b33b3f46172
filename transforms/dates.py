"""Hour, weekday and other parts of a point in time.

    before  ts                     after  ts_hour  ts_weekday
            2014-10-21T05:00:00Z          5        1
            2014-10-25T23:30:00+02:00     21       5

The column is text in ISO 8601, or in another format, or a number of seconds or milliseconds since
1970. Parts are those of the clocks in `time_zone`; a text without an offset from UTC is taken as
what these clocks show. They are text, because they are categories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from annotated_types import Len

from headrace.runtime.chain.choice import added, feature, replaced
from headrace.runtime.chain.times import check_format, zone_of
from headrace.runtime.chain.timestamps import DAY, SECOND, refuse_no_times, time_of, times_of
from headrace.runtime.shown import quoted
from headrace.runtime.transform import Role, RowStep, with_role

Part = Literal[
    "year", "quarter", "month", "day", "day_of_year", "weekday", "is_weekend", "hour", "minute",
    "second",
]  # fmt: skip
_WAY = "the step's 'format' says how its times are written"


@dataclass(frozen=True)
class Dates:
    """Derive parts of the date and of the time of day from a column.

    Attributes:
        column: Name of the column.
        format: iso, yymmddhh, epoch_s, epoch_ms, or as for strptime: '%d/%m/%Y %H:%M'.
        time_zone: Whose clocks show the parts: UTC, an offset such as +02:00, or a name such as
            Europe/Paris, which has to be known where the job runs.
        parts: The columns to make, each named column_part; weekday 0 is Monday.
        keep: Keep the column itself, too.
    """

    column: Annotated[str, Len(1)]
    format: str = "iso"
    time_zone: str = "UTC"
    parts: Annotated[tuple[Part, ...], Len(1)] = ("hour", "weekday")
    keep: bool = False

    def __post_init__(self) -> None:
        check_format(self.format)

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the columns, without the raw one unless it is kept, then the parts."""
        zone_of(self.time_zone)
        kind = feature(schema, self.column).type
        if not (pa.types.is_string(kind) or pa.types.is_floating(kind)):
            raise ValueError(
                f"column {quoted(self.column)} has to hold text or numbers (is {kind})"
            )
        made = [
            pa.field(f"{self.column}_{part}", pa.string()) for part in dict.fromkeys(self.parts)
        ]
        schema = added(schema, *(with_role(field, Role.CATEGORICAL) for field in made))
        return schema if self.keep else schema.remove(schema.get_field_index(self.column))

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Read each distinct time once, and derive the parts."""
        coded = batch.column(self.column).dictionary_encode()
        times = times_of(coded.dictionary, self.format)
        refuse_no_times(self.column, coded, times, f"a time ({self.format})", _WAY)
        shown = times.at(zone_of(self.time_zone))
        made = {
            f"{self.column}_{part}": pa.array(_part(part, shown))
            .cast(pa.string())
            .take(coded.indices)
            for part in self.parts
        }
        return replaced(batch, made, self.output_schema(batch.schema))

    def on_a_row(self, schema: pa.Schema) -> RowStep | None:
        """Return what does the same to a single row."""
        kind = schema.field(self.column).type
        if not (pa.types.is_string(kind) or pa.types.is_float64(kind)):
            return None
        zone = zone_of(self.time_zone)
        names = {f"{self.column}_{part}": part for part in self.parts}

        def step(cells: dict[str, Any]) -> None:
            cell = cells[self.column] if self.keep else cells.pop(self.column)
            if cell is None:
                cells.update(dict.fromkeys(names))
                return
            shown = np.array([time_of(cell, self.format).at(zone)])
            cells.update((name, str(_part(part, shown)[0])) for name, part in names.items())

        return step


def _part(part: str, micros: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return a part of what clocks show, microseconds since 1970."""
    days, seconds = micros // DAY, micros % DAY // SECOND
    match part:
        case "hour":
            return seconds // 3600
        case "minute":
            return seconds // 60 % 60
        case "second":
            return seconds % 60
        case "weekday":
            return (days + 3) % 7
        case "is_weekend":
            return ((days + 3) % 7 >= 5).astype(np.int64)
    dates = days.astype("M8[D]")
    years, months = dates.astype("M8[Y]"), dates.astype("M8[M]")
    numbers: dict[str, npt.NDArray[np.int64]] = {
        "year": years.astype(np.int64) + 1970,
        "quarter": months.astype(np.int64) % 12 // 3 + 1,
        "month": months.astype(np.int64) % 12 + 1,
        "day": (dates - months.astype("M8[D]")).astype(np.int64) + 1,
        "day_of_year": (dates - years.astype("M8[D]")).astype(np.int64) + 1,
    }
    return numbers[part]
