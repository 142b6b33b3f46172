"""Lines that a program printed: with their colours for the terminal, without them for a file."""

from __future__ import annotations

import re

from headrace.runtime.shown import harmless

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_NO_COLOUR = "\x1b[0m"


def shown(text: str) -> str:
    """Return a line of a process for the terminal: with its colours, which end at its end.

    Other control characters are escaped. Of a line that a process has written over again and again,
    as progress bars do, the last state is shown, as on a terminal.
    """
    *_, last = text.rstrip("\r").split("\r")
    pieces = [
        piece if _COLOUR.fullmatch(piece) else harmless(piece) for piece in _COLOUR.split(last)
    ]
    line = "".join(pieces)
    return line + _NO_COLOUR if len(pieces) > 1 and not line.endswith(_NO_COLOUR) else line


def without_colours(text: str) -> str:
    """Return a line of a process without its colours."""
    return _COLOUR.sub("", text)
