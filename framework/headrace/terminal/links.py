"""Links to files, which a terminal opens by a click: OSC 8 escape sequences.

Source: https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import quote

from headrace.runtime.shown import plain
from headrace.terminal.colours import Stream, is_terminal
from headrace.uris import S3

FORCED = "FORCE_HYPERLINK"
"""Set to anything but ``0``, it says that a terminal opens links; ``0`` says that it does not."""
_TERMS = ("alacritty", "contour", "foot", "rio", "wezterm", "xterm-ghostty", "xterm-kitty")
_PROGRAMS = {
    "Hyper": (0,),
    "WarpTerminal": (0,),
    "WezTerm": (0,),
    "ghostty": (0,),
    "iTerm.app": (3, 1),
    "mintty": (3, 1, 3),
    "rio": (0,),
    "tmux": (3, 4),
    "vscode": (1, 72),
    "zed": (0,),
}
"""Terminals by ``TERM_PROGRAM``, and the first version of each that knows links."""
_SESSIONS = ("DOMTERM", "KITTY_WINDOW_ID", "KONSOLE_VERSION", "WT_SESSION")
"""Variables that terminals with links set."""
_FIRST_VTE = 5001
"""VTE 0.50.1, of GNOME's terminal and others; the one before crashed at a link."""


def has_links(stream: Stream, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a stream is a terminal that is known to open links.

    Others would show nothing but the text, too, most of them; a few old ones print the rest.

    Source of the list: https://github.com/zkat/supports-hyperlinks, and the terminals' own notes.
    """
    if not is_terminal(stream, environment):
        return False
    if forced := environment.get(FORCED):
        return forced != "0"
    if environment.get("CI"):
        return False
    if (program := environment.get("TERM_PROGRAM", "")) in _PROGRAMS:
        return _version(environment.get("TERM_PROGRAM_VERSION", "")) >= _PROGRAMS[program]
    if (vte := environment.get("VTE_VERSION", "")).isdecimal():
        return int(vte) >= _FIRST_VTE
    is_known = environment.get("TERM", "").startswith(_TERMS)
    return is_known or any(name in environment for name in _SESSIONS)


def linked(path: str, stream: Stream) -> str:
    """Return a path as a stream may get it: on a terminal that opens files, it is a link.

    Args:
        path: Of a file or folder on this machine; an ``s3://`` URI, which no terminal opens, is
            returned as it is.
        stream: What the text is for.
    """
    text = plain(path, len(path))
    if path.startswith(S3) or not has_links(stream):
        return text
    return f"\x1b]8;;{_uri(path)}\x1b\\{text}\x1b]8;;\x1b\\"


def _uri(path: str) -> str:
    """Return the URI of a file; the host tells a terminal whether the file is on its machine."""
    host = quote(os.uname().nodename)
    return f"file://{host}{quote(os.fsencode(os.path.abspath(path)))}"  # noqa: PTH100


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3]) or (0,)
