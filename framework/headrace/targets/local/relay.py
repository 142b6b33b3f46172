"""What the processes say, and to whom it goes: progress bar, terminal, or the error at the end."""

from __future__ import annotations

import re
import signal
import sys
from collections import deque
from collections.abc import Sequence

from headrace.errors import HeadraceError, JobFailed, PluginError
from headrace.results import pages as report
from headrace.runtime.process.shortage import MEMORY, tells_of_memory
from headrace.runtime.shown import harmless
from headrace.targets.local.processes import Ended, Line
from headrace.targets.local.sandbox import MESSAGE_BYTES, Host
from headrace.terminal.progress import Progress

KEPT_LINES = 200
"""How much of a process's stderr is held back at most: enough for any traceback."""
_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_NO_COLOUR = "\x1b[0m"


class Relay:
    """Shows the processes' lines and keeps what the user must see if one fails.

    The runtime writes its message before it prints it, so whatever comes on stderr while there is
    a message belongs to the end of the story. Those lines wait: `failure` shows them without the
    message, which the error itself will say once more.
    """

    def __init__(self, hosts: Sequence[Host], progress: Progress, logs: bool) -> None:
        self._hosts = {host.name: host for host in hosts}
        self._progress = progress
        self._logs = logs
        self._last = dict.fromkeys(self._hosts, "")
        self._held: dict[str, deque[str]] = {name: deque(maxlen=KEPT_LINES) for name in self._hosts}

    def started(self) -> None:
        """Show that something is happening, and use the time until there is something to hear."""
        self._progress.open()
        report.get_ready()

    def heard(self, line: Line) -> None:
        """Pass a line on to where it belongs."""
        if line.stream == "stdout":
            if not self._progress.heard(line.host, line.text) and self._logs:
                self._show(line)
        else:
            self._last[line.host] = line.text.strip() or self._last[line.host]
            if self._logs and not self._hosts[line.host].message_file.exists():
                self._show(line)
            else:
                self._held[line.host].append(line.text)

    def failure(self, ended: Ended) -> HeadraceError:
        """The error that a failed process stands for; what else it said goes to stderr now."""
        host = self._hosts[ended.host]
        message = host.message()
        held = "\n".join(self._held[host.name])
        for text in _without(message, held).splitlines():
            self._show(Line(host.name, "stderr", text))
        error = PluginError if ended.status == PluginError.exit_status else JobFailed
        return error(host.reveal(message or self._epitaph(ended)))

    def _epitaph(self, ended: Ended) -> str:
        """What can be said of a process that left no message."""
        last = self._last[ended.host]
        if tells_of_memory(last):
            return f"{ended.host}: {MEMORY}"
        said = f"; its last line on stderr: {last}" if last else ""
        return f"{ended.host} {cause(ended.status)} and left no message{said}"

    def _show(self, line: Line) -> None:
        prefix = f"{line.host}: " if len(self._hosts) > 1 else ""
        stream = sys.stdout if line.stream == "stdout" else sys.stderr
        print(f"{prefix}{shown(line.text)}", file=stream, flush=True)


def shown(text: str) -> str:
    """Return a line of a process as a terminal may get it: with its colours, which end with it.

    All else that moves the cursor or sets the terminal is escaped. Of a line that a process has
    written again and again, as progress bars are, only the last is shown, as on a terminal.
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


def _without(message: str, held: str) -> str:
    """What stands on stderr beside the message; of a long message, all the rest is cut too."""
    if not message:
        return held
    is_cut = len(message.encode()) >= MESSAGE_BYTES - 3  # it may end before a split character
    if is_cut:
        return held.partition(message)[0]
    before, found, after = held.rpartition(message)
    return before if found and not after.strip() else held


def cause(status: int) -> str:
    """Return how a process ended; a negative status is the signal that killed it."""
    if status >= 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name
    hint = ", perhaps for want of memory," if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"
