"""The feature columns, as ``metrics.json`` describes them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from typing import Any

SHOWN = 1000
"""Columns on a page; more of them than anybody reads would make it slow to open."""


@dataclass(frozen=True)
class Value:
    """A frequent value, with its rows as a number and as a share of all rows."""

    text: str
    rows: int
    share: float


@dataclass(frozen=True)
class Column:
    """One feature column; `colliding` is None where nothing was hashed.

    Attributes:
        is_estimated: Whether `distinct` is.
        null_share: Part of the rows without a value.
        colliding_share: Part of its tokens that share their index with another token.
    """

    name: str
    distinct: int
    is_estimated: bool
    nulls: int
    null_share: float
    colliding: int | None
    colliding_share: float | None
    frequent: tuple[Value, ...]


def columns_of(metrics: dict[str, Any], numeric: Collection[str]) -> list[Column]:
    """Return the first `SHOWN` columns in their order; none where there are no metrics.

    Args:
        metrics: What ``metrics.json`` says.
        numeric: Those whose one token is their name.
    """
    rows, known = metrics.get("rows", 0) or 1, frozenset(numeric)
    return [
        _column(name, described, rows, is_numeric=name in known)
        for name, described in islice(metrics.get("columns", {}).items(), SHOWN)
    ]


def _column(name: str, described: dict[str, Any], rows: int, *, is_numeric: bool) -> Column:
    distinct, colliding = described["distinct"], described.get("colliding_tokens")
    tokens = min(distinct, 1) if is_numeric else distinct
    return Column(
        name,
        distinct,
        not described["distinct_is_exact"],
        described["nulls"],
        described["nulls"] / rows,
        colliding,
        None if colliding is None else colliding / tokens if tokens else 0.0,
        tuple(
            Value(each["value"], each["rows"], each["rows"] / rows)
            for each in described.get("frequent_values", ())
        ),
    )
