"""Divide the rows into training, validation and (on request) test data.

    before  id        after  id        channel        (train_fraction=0.8)
            1000009          1000009   0  (train)
            1000016          1000016   1  (validation)

* ``hash`` (default): a row trains iff ``murmur3_32(id, seed) < floor(train_fraction * 2**32)``: no
  memory, no order, the same on one machine or a hundred. Without an id the key is the row's own
  text, its cells joined by U+001F, so that twins never stand on both sides.
* ``shuffle``: the members of ``sklearn.model_selection.train_test_split(train_size=train_fraction,
  random_state=seed)``, in the input's order. Needs to know the number of rows first: one more pass,
  and 9 bytes of memory a row.
* ``time``: what stands before a point in time trains; `column` and `before` name it. A time without
  an offset from UTC is UTC.

Rows that do not train validate; the last `test_fraction` of all rows, on the same scale, tests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Ge, Gt, Le, Lt

from headrace.runtime.chain.names import absent_here
from headrace.runtime.chain.times import PERHAPS_NO_TIME, sorting_like
from headrace.runtime.chain.timestamps import times_of_any
from headrace.runtime.errors import BadRows
from headrace.runtime.hashing.functions import hash_cells
from headrace.runtime.learning.states import added_up
from headrace.runtime.shown import quoted
from headrace.runtime.transform import (
    Role,
    free_name,
    key_roles,
    positions,
    row_keys,
    split_by,
    with_role,
)

TRAIN, VALIDATION, TEST = range(3)
CHANNEL = "__channel__"
ROWS = "rows"
ENDS = {"0001": -(2**62), "9999": 2**62}
"""The first and the last year of the calendar, the ends of which no time zone fits into."""


@dataclass(frozen=True)
class Split:
    """Give each row its channel.

    Attributes:
        method: How rows are chosen.
        train_fraction: Part of the rows that trains (methods hash and shuffle).
        test_fraction: Part of the rows that tests (methods hash and shuffle).
        seed: Seed of the hash or of the shuffle.
        column: Column that holds the time (method time).
        before: First point in time that does not train (method time): 2014-10-21,
            2014-10-21T05:00:00+02:00, or digits if the column holds such: 14102100, 1413849600.
    """

    method: Literal["hash", "shuffle", "time"] = "hash"
    train_fraction: Annotated[float, Gt(0), Lt(1)] = 0.8
    test_fraction: Annotated[float, Ge(0), Lt(1)] = 0.0
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0
    column: str | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        if self.train_fraction + self.test_fraction > 1:
            raise ValueError("train_fraction and test_fraction should add up to at most 1")
        if self.method != "time" and (self.column or self.before):
            raise ValueError(f"'column' and 'before' are for method 'time', not {self.method!r}")
        if self.method == "time" and not (self.column and self.before):
            raise ValueError("method 'time' needs both 'column' and 'before'")
        if self.method == "time" and self.test_fraction:
            raise ValueError("method 'time' has no test_fraction")
        if self.method == "time" and not _is_number(self.before or ""):
            _sorting_like(self.before or "")

    def channels(self) -> tuple[str, ...]:
        """Return the channels that rows are given to."""
        names = ("train", "validation", "test")
        return names if self.test_fraction else names[:TEST]

    def wants(self, schema: pa.Schema) -> tuple[Role, ...]:
        """Return the row's text, where the key is no id, or the row's number for a shuffle."""
        if self.method == "shuffle":
            return (Role.ROW_NUMBER,)
        return key_roles(schema) if self.method == "hash" else ()

    def touches(self, schema: pa.Schema) -> list[str]:
        """Return the column of the time; a shuffle looks at none."""
        return [name for name in schema.names if name == self.column]

    def learns(self) -> bool:
        """Return whether it is a shuffle, which has to know how many rows there are."""
        return self.method == "shuffle"

    def accumulate(self, batch: pa.RecordBatch) -> pa.Table:
        """Return the number of rows."""
        return pa.table({ROWS: [batch.num_rows]})

    def merge(self, states: Sequence[pa.Table]) -> pa.Table:
        """Return their sum."""
        return added_up(states)

    def finish(self, state: pa.Table) -> pa.Table:
        """Return the number: it is all that there is to know."""
        return state

    def with_state(self, state: pa.Table) -> Split:
        """Return the same split, with every row's channel decided beforehand."""
        rows = state[ROWS][0].as_py()
        drawn = _shuffled(rows, self.train_fraction, self.test_fraction, self.seed)
        return _Drawn(**asdict(self), drawn=drawn)

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the same columns and the channel."""
        if self.method == "time" and self.column not in schema.names:
            raise ValueError(absent_here(self.column or "", schema.names))
        name = free_name(CHANNEL, schema.names)
        channel = with_role(pa.field(name, pa.int8()), Role.CHANNEL)
        if self.method == "time":
            _refuse_unlike(schema.field(self.column), self.before or "")
            channel = split_by(channel, self.column or "")
        return schema.append(channel)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Add the channel of each row."""
        by_method = {"hash": self._by_hash, "shuffle": self._by_draw, "time": self._by_time}
        channel = by_method[self.method](batch).astype(np.int8)
        columns = [*batch.columns, pa.array(channel)]
        return pa.RecordBatch.from_arrays(columns, schema=self.output_schema(batch.schema))

    def _by_hash(self, batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
        hashes = hash_cells(row_keys(batch), seed=self.seed).astype(np.int64)
        trains = hashes < math.floor(self.train_fraction * 2**32)
        tests = hashes >= 2**32 - math.floor(self.test_fraction * 2**32)
        return np.where(trains, TRAIN, np.where(tests, TEST, VALIDATION))

    def _by_draw(self, batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
        raise TypeError("a shuffle needs with_state first")

    def _by_time(self, batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
        times = batch.column(batch.schema.get_field_index(self.column))
        point = self.before or ""
        if _is_number(point) and pa.types.is_floating(times.type):
            early = pc.less(times, float(point))
        elif pa.types.is_floating(times.type):
            early = pa.nulls(len(times), pa.bool_())
        else:
            like = pc.match_substring_regex(times, _sorting_like(point))
            if not _is_number(point):
                like = pc.and_not(like, pc.match_substring_regex(times, PERHAPS_NO_TIME))
            early = pc.if_else(like, pc.less(times, point), None)
        trains = early.fill_null(False).to_numpy(zero_copy_only=False)
        unread = early.is_null().to_numpy(zero_copy_only=False)
        if unread.any() and not _is_number(point):  # written in another way than the point
            read = times_of_any(times.filter(pa.array(unread)))
            trains[unread] = read.micros < _instant(point)
            unread[unread] = ~read.is_time
        if unread.any():
            raise BadRows(self.column or "", unread, f"a time written like {quoted(point)}")
        return np.where(trains, TRAIN, VALIDATION)


@dataclass(frozen=True)
class _Drawn(Split):
    """A shuffle that knows how many rows there are: the channel of every row, by its number."""

    drawn: Any = None

    def _by_draw(self, batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
        (numbers,) = positions(batch.schema, Role.ROW_NUMBER)
        drawn: npt.NDArray[np.int64] = self.drawn.take(batch.column(numbers).to_numpy())
        return drawn


def _shuffled(
    rows: int, train_fraction: float, test_fraction: float, seed: int
) -> npt.NDArray[np.int8]:
    """Return each row's channel, drawn as scikit-learn's ``ShuffleSplit`` draws."""
    train = math.floor(train_fraction * rows)
    if not train:
        raise ValueError(f"train_fraction={train_fraction} of {rows} rows leaves none to train on")
    order = np.random.RandomState(seed).permutation(rows)
    channel = np.full(rows, VALIDATION, np.int8)
    channel[order[rows - train :]] = TRAIN
    channel[order[: math.floor(test_fraction * rows)]] = TEST
    return channel


def _refuse_unlike(times: pa.Field, point: str) -> None:
    if pa.types.is_floating(times.type):
        if not _is_number(point):
            _instant(point)
        return
    if not pa.types.is_string(times.type):
        raise ValueError(
            f"column {quoted(times.name)} has to hold text or numbers (is {times.type})"
        )
    _sorting_like(point)
    if not _is_number(point):
        _instant(point)


def _instant(point: str) -> int:
    """Return a point in time as microseconds since 1970; UTC unless it names another offset."""
    read = times_of_any(pa.array([point]))
    if read.is_time[0]:
        return int(read.micros[0])
    if point[:4] in ENDS:
        return ENDS[point[:4]]
    raise ValueError(f"before is no point in time (got {quoted(point)})")


def _sorting_like(point: str) -> str:
    """Return the pattern of the texts that compare with this one as times do."""
    pattern = sorting_like(point)
    if pattern is None:
        raise ValueError(
            "before should be a point in time, written from the year down: "
            f"14102100, 2014-10-21, 2014-10-21T05:00:00Z (got {quoted(point)})"
        )
    return pattern


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
