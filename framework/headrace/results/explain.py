"""The tokens behind an index of hashed rows: ``report/tokens.parquet``."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


class Token(NamedTuple):
    """A token that was hashed to an index.

    Attributes:
        column: Name of the column.
        value: Its text; None for a numeric column, whose values are weights.
        sign: The sign of its entries, 1 or -1.
        rows: Number of cells that have it, in all channels.
        one_in: 1 if all tokens of the column are known; of a column with too many, one in so many.
    """

    column: str
    value: str | None
    sign: int
    rows: int
    one_in: int

    def __str__(self) -> str:
        """Return the token as it was hashed."""
        return self.column if self.value is None else f"{self.column}={self.value}"


def tokens_at(content: bytes, index: int) -> list[Token]:
    """Return the tokens of an index, the most frequent first.

    Args:
        content: Of ``report/tokens.parquet``.
        index: A column of the matrix.
    """
    table = pq.read_table(pa.BufferReader(content))
    found = table.filter(pc.equal(table["index"], index)).drop_columns(["index"])
    found = found.sort_by([("rows", "descending"), ("column", "ascending"), ("value", "ascending")])
    return [Token(**row) for row in found.to_pylist()]
