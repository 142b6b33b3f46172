"""What a user's program says goes to the terminal as it comes, and its end into the error."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence

from headrace.errors import JobFailed
from headrace.results import pages
from headrace.runtime.process.shortage import tells_of_memory
from headrace.runtime.shown import harmless, plain
from headrace.targets.local.private_root.command import Ended
from headrace.targets.local.processes import Line
from headrace.targets.local.relay import cause, shown, without_colours
from headrace.targets.local.sandbox import Host

LAST_LINES = 10
"""So many lines of stderr stand in the error."""
LAST_CHARACTERS = 500
"""So much of each."""


class ProgramRelay:
    """Shows the lines of programs, and keeps the last ones.

    Args:
        hosts: The instances.
        logs: Whether to show them at all.
    """

    def __init__(self, hosts: Sequence[Host], logs: bool) -> None:
        self._hosts = {host.name: host for host in hosts}
        self._logs = logs
        self._last: dict[str, deque[str]] = {name: deque(maxlen=LAST_LINES) for name in self._hosts}

    def started(self) -> None:
        """Use the time until there is something to hear."""
        pages.get_ready()

    def heard(self, line: Line) -> None:
        """Show a line."""
        if line.stream == "stderr" and line.text.strip():
            self._last[line.host].append(line.text)
        if self._logs:
            prefix = f"{line.host}: " if len(self._hosts) > 1 else ""
            stream = sys.stdout if line.stream == "stdout" else sys.stderr
            print(f"{prefix}{shown(line.text)}", file=stream, flush=True)

    def failure(self, host: str, status: int, ended: Ended) -> JobFailed:
        """Return the error that the end of a program stands for.

        Args:
            host: The instance.
            status: As in `subprocess`: negative for the signal that killed it.
            ended: What else is known.
        """
        if ended.error:
            return JobFailed(f"{host}: {ended.error}")
        last = list(self._last[host])
        message = self._hosts[host].message()
        why = [f"{host} {cause(status).rstrip(',')}"]
        if any("MemoryError" in line or tells_of_memory(line) for line in last):
            why.append("it ran out of memory")
        if message:
            why.append(f"it left the message: {harmless(message)}")
        if not last:
            return JobFailed("; ".join([*why, "it wrote nothing to stderr"]))
        lines = "".join(f"\n  {plain(without_colours(line), LAST_CHARACTERS)}" for line in last)
        return JobFailed("; ".join([*why, f"the last lines of its stderr:{lines}"]))
