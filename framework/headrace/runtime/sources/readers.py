"""Readers by the name of their format."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from headrace.runtime.plugins.formats import READERS

if TYPE_CHECKING:
    from headrace.runtime.sources.base import Reader


@cache
def reader_of(format_name: str) -> Reader:
    """Return the reader of a format; only that one is imported."""
    reader: Reader = READERS.load(format_name)()
    return reader
