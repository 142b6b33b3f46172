"""File formats of the parts, by the name that the configuration uses.

In: batches from the end of the chain. Out: the bytes of a part. One module for each format.
"""

from __future__ import annotations

from headrace.runtime.output.writers.base import Writer
from headrace.runtime.plugins.formats import WRITERS
from headrace.runtime.spec import OutputSpec

SETTINGS = ("header", "columns")
"""Keys of ``output`` that mean something for those formats only which name them."""


def writer_of(output: OutputSpec) -> Writer:
    """Return the writer of a format, with its settings; only that one is imported.

    Raises:
        ValueError: There is no such format.
    """
    try:
        made = WRITERS.load(output.format)
    except LookupError:
        names = ", ".join(WRITERS.names())
        raise ValueError(f"no writer is called {output.format!r}; there are: {names}") from None
    writer: Writer = made.of(output) if hasattr(made, "of") else made()
    return writer


def settings_in_vain(output: OutputSpec) -> list[str]:
    """Return the keys of ``output`` that are set and that the format knows nothing of."""
    default = OutputSpec()
    given = [key for key in SETTINGS if getattr(output, key) != getattr(default, key)]
    known = getattr(WRITERS.load(output.format), "settings", ()) if given else ()
    return [key for key in given if key not in known]
