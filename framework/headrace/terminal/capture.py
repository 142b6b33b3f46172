"""Take what this process and those that it starts print, to show it above a `Block`."""

from __future__ import annotations

import os
import select
import sys
import threading
import traceback
from collections.abc import Callable, Sequence

from headrace.terminal.block import Block

TICK_SECONDS = 0.25
_CHUNK = 1 << 16

STDOUT, STDERR = 1, 2


class Capture:
    """Draws lines at the bottom of the terminal that stderr is, and shows all output above them.

    The output goes through a pipe that takes the place of stderr, and of stdout if that is a
    terminal as well. A thread reads it, so the lines are never torn, whoever prints.

    Args:
        lines: Returns the lines to draw; called again and again, with the terminal's size.
        take: Gets each line of output, and returns it as it is to be shown; None to leave it out.
    """

    def __init__(
        self,
        lines: Callable[[os.terminal_size], Sequence[str]],
        take: Callable[[bytes], bytes | None],
    ) -> None:
        self._lines = lines
        self._take = take
        self._saved: dict[int, int] = {}
        self._rest = b""
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live table", daemon=True)

    def start(self) -> None:
        """Begin; stderr has to be a terminal."""
        _flush()
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        streams = [STDERR, *([STDOUT] if os.isatty(STDOUT) else [])]
        self._saved = {stream: os.dup(stream) for stream in streams}
        self._block = Block(self._saved[STDERR])
        for stream in streams:
            os.dup2(writer, stream)
        os.close(writer)
        self._thread.start()

    def stop(self) -> None:
        """Remove the lines, and have output go where it went before."""
        if not self._saved:
            return
        _flush()
        for stream, saved in self._saved.items():
            os.dup2(saved, stream)
        self._has_ended.set()
        self._thread.join()
        self._block.close(self._shown(self._read(), is_last=True))
        os.close(self._reader)
        for saved in self._saved.values():
            os.close(saved)
        self._saved = {}

    def _run(self) -> None:
        while not self._has_ended.is_set():
            select.select([self._reader], [], [], TICK_SECONDS)
            above = self._shown(self._read())
            self._block.draw(self._drawn(), above)
            self._has_ended.wait(TICK_SECONDS / 5)  # who prints much does not draw much

    def _drawn(self) -> Sequence[str]:
        try:
            return self._lines(self._block.size())
        except Exception:  # a bug; those who print must not wait for this thread for ever
            self._lines = lambda _: ()
            traceback.print_exc()
            return ()

    def _read(self) -> bytes:
        read = b""
        try:
            while chunk := os.read(self._reader, _CHUNK):
                read += chunk
                if len(read) > _CHUNK * 16:
                    break
        except BlockingIOError:
            pass
        return read

    def _shown(self, read: bytes, is_last: bool = False) -> bytes:
        *lines, self._rest = (self._rest + read).split(b"\n")
        if is_last and self._rest:
            lines.append(self._rest)
        shown = [line for each in lines if (line := self._take(each)) is not None]
        return b"".join(line + b"\n" for line in shown)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
