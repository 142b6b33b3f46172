"""The channels of a result, as its manifest lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.terminal.tables import aligned
from headrace.terminal.units import size

HEADER = ("channel", "rows", "parts", "size")
NUMBERS = (1, 2, 3)
"""Positions of the columns that hold numbers."""


@dataclass(frozen=True)
class Channel:
    """One channel of a result."""

    name: str
    rows: int
    parts: int
    bytes: int


def channels_of(manifest: Mapping[str, Any]) -> tuple[Channel, ...]:
    """Return the channels of a manifest; none for an empty one (``{}``)."""
    return tuple(
        Channel(
            name, what["rows"], len(what["parts"]), sum(part["bytes"] for part in what["parts"])
        )
        for name, what in manifest.get("channels", {}).items()
    )


def rows_of(channels: Sequence[Channel]) -> list[tuple[str, str, str, str]]:
    """Return the rows of a table of channels, its header first; none without channels."""
    rows = [(each.name, f"{each.rows:,}", f"{each.parts:,}", size(each.bytes)) for each in channels]
    return [HEADER, *rows] if rows else []


def table_of(channels: Sequence[Channel]) -> list[str]:
    """Return the lines of that table."""
    rows = rows_of(channels)
    return aligned(rows, NUMBERS) if rows else []
