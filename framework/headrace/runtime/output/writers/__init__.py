"""File formats of the parts, by the name that the configuration uses.

In: batches from the end of the chain. Out: the bytes of a part. One module for each format.
"""

from __future__ import annotations

from collections.abc import Iterator

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


def in_vain(output: OutputSpec) -> Iterator[tuple[str, str]]:
    """Yield the keys of ``output`` that the format knows nothing of, and what to say of each."""
    default = OutputSpec()
    given = [key for key in SETTINGS if getattr(output, key) != getattr(default, key)]
    for key in given:
        if key in _settings(output.format):
            continue
        known = [name for name in WRITERS.shipped if key in _settings(name)]
        what = f"means nothing with output.format={output.format}; leave it out, or use"
        yield key, f"{what} output.format={' or '.join(known)}"


def _settings(format_name: str) -> tuple[str, ...]:
    settings: tuple[str, ...] = getattr(WRITERS.load(format_name), "settings", ())
    return settings
