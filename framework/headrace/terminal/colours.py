"""Colours of a terminal: red failed, yellow is a warning, green is done; nothing else has one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol

RED = "31"
GREEN = "32"
YELLOW = "33"
FAINT = "2"
_OFF = ("", "0")


class Stream(Protocol):
    """A file that may be a terminal."""

    def isatty(self) -> bool:
        """Return whether it is one."""


def is_terminal(stream: Stream, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a stream is a terminal that obeys escape sequences."""
    return stream.isatty() and environment.get("TERM") != "dumb"


def has_colours(stream: Stream, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether text for a stream may be coloured.

    ``NO_COLOR`` wins over ``FORCE_COLOR`` and ``CLICOLOR_FORCE``, these over ``CLICOLOR=0`` and
    over what the stream is.

    Sources: https://no-color.org, https://force-color.org, http://bixense.com/clicolors.
    """
    if environment.get("NO_COLOR"):
        return False
    forced = (environment.get("FORCE_COLOR", ""), environment.get("CLICOLOR_FORCE", ""))
    if any(value not in _OFF for value in forced):
        return True
    if "0" in (environment.get("FORCE_COLOR"), environment.get("CLICOLOR")):
        return False
    return is_terminal(stream, environment)


def painted(text: str, colour: str) -> str:
    """Return a text in a colour, whatever it is for."""
    return f"\x1b[{colour}m{text}\x1b[0m" if text else text


def coloured(text: str, colour: str, stream: Stream) -> str:
    """Return a text in a colour if the stream that it is for has colours."""
    return painted(text, colour) if has_colours(stream) else text


def first_line_coloured(text: str, colour: str, stream: Stream) -> str:
    """Return a text whose first line has a colour, if the stream that it is for has colours."""
    first, end, others = text.partition("\n")
    return coloured(first, colour, stream) + end + others
