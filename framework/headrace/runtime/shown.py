"""How text from outside appears in messages: names of columns and files, cells, overrides.

Such text may hold anything: escape sequences that recolour a terminal, line ends that forge a
second message, five kilobytes of it. Messages, logs and tables show it by these functions and by
nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

_LIMIT = 60
_PATH_LIMIT = 400
_MOST = 20


def quoted(text: str, limit: int = _LIMIT) -> str:
    """Return `text` between quotes as Python writes it, cut in the middle if it is long.

    Args:
        text: Any text; control characters, surrogates and invisible characters come out escaped.
        limit: Length, in characters, from which it is cut.
    """
    return repr(_cut(text, limit))


def plain(text: str, limit: int = _PATH_LIMIT) -> str:
    """Return `text` without quotes, for where a message begins with it: a path, an override.

    Args:
        text: Any text; characters that cannot be printed come out escaped.
        limit: Length, in characters, from which it is cut in the middle; a file's name stays.
    """
    if text.isprintable() and len(text) <= limit:
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in _cut(text, limit))


def harmless(text: str) -> str:
    """Return a whole message, whatever is in it, as a terminal may get it: its lines stay lines.

    Args:
        text: Text of any length; tabs and line ends stay, what else cannot be printed is escaped.
    """
    return "".join(
        each if each.isprintable() or each in "\n\t" else repr(each)[1:-1] for each in text
    )


def listed(names: Iterable[str], most: int = _MOST) -> str:
    """Return names between quotes, one behind the other; beyond `most` only how many more."""
    every = list(names)
    more = [f"and {len(every) - most:,} more"] if len(every) > most else []
    return ", ".join([*map(quoted, every[:most]), *more])


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = (limit - 1) // 2
    return f"{text[: limit - 1 - half]}…{text[-half:]}"
