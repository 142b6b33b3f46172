"""The closing table: what came out, how much, how fast, where it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework.targets.base import Result

HEADER = ("channel", "rows", "parts", "size")


def summary(result: Result) -> str:
    """The table, in plain text without a newline at its end.

    ::

        channel      rows  parts    size
        train       8,012      1  312 kB
        validation  1,988      1   78 kB
        10,000 rows in 1.9 s, 3 rejected
        /data/out
    """
    channels = result.channels
    rows = [(c.name, f"{c.rows:,}", f"{c.parts:,}", _size(c.bytes)) for c in channels]
    table = _aligned([HEADER, *rows]) if rows else []
    return "\n".join([*table, _closing(result), str(result.output)])


def _closing(result: Result) -> str:
    rejected = result.manifest.get("rows", {}).get("rejected", 0)
    total = sum(channel.rows for channel in result.channels)
    done = f"{total:,} rows in" if result.channels else "done in"
    return f"{done} {result.seconds:,.1f} s" + (f", {rejected:,} rejected" if rejected else "")


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]


def _size(count: float) -> str:
    """Bytes in units of 1,000, as disks count them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB"
