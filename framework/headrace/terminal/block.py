"""Lines at the bottom of a terminal that are drawn again and again, with other text above them."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence

from headrace.terminal.tables import width_of

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;;[^\x1b]*\x1b\\")
DEFAULT_SIZE = os.terminal_size((80, 24))


class Block:
    """Some lines on a terminal.

    Args:
        terminal: Its file descriptor. If it is gone, nothing is drawn any more.
    """

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._lines: list[str] = []

    def size(self) -> os.terminal_size:
        """Return the columns and lines of the terminal, which a user may change at any time."""
        try:
            size = os.get_terminal_size(self._terminal)
        except OSError:
            return DEFAULT_SIZE
        return size if all(size) else DEFAULT_SIZE

    def draw(self, lines: Sequence[str], above: bytes = b"") -> None:
        """Draw the lines in the place of the last ones.

        Args:
            lines: At most one less than the terminal has.
            above: Whole lines of other text, which stays above.
        """
        if not above and [*lines] == self._lines:
            return
        text = "".join(f"{line}\n" for line in lines)
        self._write(self._erased() + above + text.encode(errors="backslashreplace"))
        self._lines = [*lines]

    def close(self, above: bytes = b"") -> None:
        """Remove the lines."""
        self.draw((), above)

    def _erased(self) -> bytes:
        """Return what removes the lines; a terminal that has become narrower has wrapped them."""
        columns = self.size().columns
        widths = [width_of(_ESCAPES.sub("", line)) for line in self._lines]
        rows = sum(max(1, -(-width // columns)) for width in widths)
        return f"\x1b[{rows}A\r\x1b[J".encode() if rows else b""

    def _write(self, text: bytes) -> None:
        with contextlib.suppress(OSError):  # the terminal was closed; the work goes on
            while text:
                text = text[os.write(self._terminal, text) :]
