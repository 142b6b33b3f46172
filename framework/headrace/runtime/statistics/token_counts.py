"""``report/tokens.parquet``: the tokens behind each index of the hashed rows, and their rows.

A token is a column and its value; of a numeric column it is the column alone. Up to `LIMIT` values
of a column are all known. Beyond that a sample of them is kept, as in
`headrace.runtime.statistics.distinct`: which ones does not depend on threads or blocks, and the
rows of those that are kept are counted in full.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.chain import typed
from headrace.runtime.chain.typed import bytes_of_text
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.hashing.tokens import ColumnTokens

LIMIT = 1 << 17
_PENDING, _BLOCKS = 1 << 16, 64
"""Values, and blocks of rows, that a column is not summed up before."""
_SEEN = pa.schema(
    [("print", pa.uint64()), ("hash", pa.uint32()), ("value", pa.string()), ("rows", pa.int64())]
)


@dataclass
class _Values:
    """The values of one column: those whose fingerprint ends in `level` zero bits."""

    level: int = 0
    table: pa.Table = field(default_factory=_SEEN.empty_table)
    pending: list[pa.Table] = field(default_factory=list)

    def add(self, seen: pa.Table) -> None:
        self.pending.append(self._sampled(seen))
        if len(self.pending) >= _BLOCKS or sum(map(len, self.pending)) >= _PENDING:
            self.settle()

    def settle(self) -> _Values:
        if self.pending:
            every = pa.concat_tables([self.table, *self.pending])
            grouped = every.group_by(["print", "hash", "value"], use_threads=False)
            counted = grouped.aggregate([("rows", "sum")])
            self.table = self._sampled(counted.rename_columns(["print", "hash", "value", "rows"]))
            self.pending.clear()
        while len(self.table) > LIMIT:
            self.level += 1
            self.table = self._sampled(self.table)
        return self

    def _sampled(self, table: pa.Table) -> pa.Table:
        if not self.level:
            return table
        prints = table["print"].to_numpy()
        return table.filter(pa.array((prints & np.uint64((1 << self.level) - 1)) == 0))


class TokenCounts:
    """The tokens of all columns. Each thread fills one of its own; merging is order-free."""

    def __init__(self) -> None:
        self._columns: dict[str, _Values] = {}

    def see(self, column: ColumnTokens) -> None:
        """Take in the tokens of a column of one batch."""
        cells = column.cells
        codes = cells.codes if cells.missing is None else cells.codes[~cells.missing]
        if column.is_numeric:
            count = int(np.count_nonzero(column.row_weights()[_is_there(column)]))
            arrays: list[Any] = [[0], column.hashes, [None], [count]] if count else [[]] * 4
        else:
            counts = np.bincount(codes, minlength=len(cells.values))
            arrays = [column.prints, column.hashes, cells.values, counts]
        typed = zip(arrays, _SEEN.types, strict=True)
        seen = pa.table([pa.array(each, kind) for each, kind in typed], _SEEN)
        self._columns.setdefault(column.column, _Values()).add(seen)

    def merge(self, other: TokenCounts) -> None:
        """Take in all that another one saw."""
        for name, theirs in other._columns.items():
            theirs.settle()
            ours = self._columns.setdefault(name, _Values())
            ours.level = max(ours.level, theirs.level)
            ours.add(theirs.table)
            ours.settle()

    def state(self) -> dict[str, Any]:
        """Return all of it as plain data; see `from_state`."""
        return {
            name: {"level": each.settle().level, "values": _to_bytes(each.table)}
            for name, each in self._columns.items()
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> TokenCounts:
        """Return what gave this `state`."""
        made = cls()
        for name, each in state.items():
            made._columns[name] = _Values(each["level"], _from_bytes(each["values"]))
        return made

    def parquet(self, hasher: Hasher) -> bytes:
        """Return the content of the file: a row for each token, by index, then column and value.

        Args:
            hasher: Makes indices of the hashes.
        """
        values = [each.settle() for each in self._columns.values()]
        hashes = [each.table["hash"].to_numpy() for each in values]
        keys = hasher.keys(hashes) if hashes else []
        tables = [
            _of_column(name, each, key)
            for name, each, key in zip(self._columns, values, keys, strict=True)
        ]
        every = _with_room(pa.concat_tables([_TOKENS.empty_table(), *tables]))
        order = [(name, "ascending") for name in ("index", "column", "value")]
        file = io.BytesIO()
        import pyarrow.parquet as pq  # slow to import, and seldom needed

        pq.write_table(every.sort_by(order).combine_chunks(), file, compression="zstd")
        return file.getvalue()


_TOKENS = pa.schema(
    [
        ("index", pa.int32()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("sign", pa.int8()),
        ("rows", pa.int64()),
        ("one_in", pa.int64()),
    ]
)


def _of_column(name: str, values: _Values, keys: npt.NDArray[np.uint32]) -> pa.Table:
    count = len(keys)
    index = (keys >> np.uint32(1)).astype(np.int32)
    sign = 1 - 2 * (keys & np.uint32(1)).astype(np.int8)
    same = [pa.repeat(pa.scalar(name), count), values.table["value"]]
    one_in = pa.repeat(pa.scalar(1 << values.level), count)
    return pa.table([index, *same, sign, values.table["rows"], one_in], _TOKENS)


def _with_room(table: pa.Table) -> pa.Table:
    """Return the table, with texts of 64-bit offsets if there are too many to be sorted."""
    for place, name in enumerate(("column", "value"), 1):
        if bytes_of_text(table[name]) > typed.MOST_TEXT:
            table = table.set_column(place, name, table[name].cast(pa.large_string()))
    return table


def _is_there(column: ColumnTokens) -> Any:
    return slice(None) if column.cells.missing is None else ~column.cells.missing


def _to_bytes(table: pa.Table) -> npt.NDArray[np.uint8]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return np.frombuffer(sink.getvalue(), np.uint8)


def _from_bytes(content: npt.NDArray[np.uint8]) -> pa.Table:
    with pa.ipc.open_stream(pa.py_buffer(content.tobytes())) as stream:
        return stream.read_all()
