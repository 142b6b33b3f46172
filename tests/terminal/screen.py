"""A terminal for tests: what stands on it after all that was written."""

from __future__ import annotations

import os
import pty
import re
from collections.abc import Sequence
from typing import Any, Self

from tests import children

_PIECES = re.compile(r"\x1b\[(\d*)([AJm])|\x1b\]8;;[^\x1b]*\x1b\\|\r|\n|[^\x1b\r\n]+")


class Screen:
    """Understands what headrace writes, and nothing else; it has no end below.

    Args:
        columns: Its width.
    """

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._lines = [""]
        self._row = 0

    @property
    def lines(self) -> list[str]:
        """Its lines, without those below the last text."""
        return "\n".join(line.rstrip() for line in self._lines).rstrip("\n").split("\n")

    def fed(self, text: str) -> Self:
        """Write a text on it."""
        for match in _PIECES.finditer(text):
            if match[2] == "A":
                self._row -= int(match[1])
            elif match[2] == "J":
                del self._lines[self._row :]
                self._lines.append("")
            elif match[0] == "\n":
                self._row += 1
                self._lines += [""] * (self._row + 1 - len(self._lines))
            elif not match[0].startswith(("\x1b", "\r")):
                self._lines[self._row] += match[0]
                assert len(self._lines[self._row]) <= self._columns, "it would be wrapped"
        return self


def run_on_terminal(command: Sequence[Any], **options: Any) -> tuple[int, str]:
    """Run a command whose three streams are a pseudo-terminal; its status, and what it wrote."""
    leader, follower = pty.openpty()
    streams = {"stdin": follower, "stdout": follower, "stderr": follower}
    with children.started(command, **streams, **options) as process:
        os.close(follower)
        text = read_all(leader)
        return process.wait(60), text


def read_all(terminal: int) -> str:
    """Read what processes write to a pseudo-terminal until the last of them has ended."""
    read = b""
    try:
        while chunk := os.read(terminal, 4096):
            read += chunk
    except OSError:  # how Linux tells the end
        pass
    finally:
        os.close(terminal)
    return read.decode()
