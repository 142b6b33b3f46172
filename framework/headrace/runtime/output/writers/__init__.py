"""File formats of the parts, by the name that the configuration uses.

In: batches from the end of the chain. Out: the bytes of a part. One module for each format.
"""

from __future__ import annotations

from headrace.runtime.output.writers.base import Writer
from headrace.runtime.plugins.formats import WRITERS


def writer_of(format_name: str) -> Writer:
    """Return the writer of a format; only that one is imported.

    Raises:
        ValueError: There is no such format.
    """
    try:
        writer: Writer = WRITERS.load(format_name)()
    except LookupError:
        names = ", ".join(WRITERS.names())
        raise ValueError(f"no writer is called {format_name!r}; there are: {names}") from None
    return writer
