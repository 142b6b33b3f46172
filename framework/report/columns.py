"""The feature columns, as ``metrics.json`` describes them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Value:
    """A frequent value: how many rows have it, as a number and as a part of all."""

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
    """The columns in their order; none where there are no metrics.

    Args:
        metrics: What ``metrics.json`` says.
        numeric: Those whose one token is their name.
    """
    rows = metrics.get("rows", 0) or 1
    return [
        _column(name, described, rows, is_numeric=name in numeric)
        for name, described in metrics.get("columns", {}).items()
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
