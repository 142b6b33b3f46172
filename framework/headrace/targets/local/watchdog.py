"""A process that ends what another one has started, should that one be killed.

It is started as ``python -I -S watchdog.py MARK GRACE [COMMAND …]`` and reads a pipe. Each line is
the list of process groups that run now; `FAREWELL` says that all went well. When the pipe is
closed, because the other process ended, however it did, these groups end, and every process that
has MARK (``NAME=value``) in its environment: grandchildren in sessions of their own, as Spark has.
At last COMMAND is run, for what is no process of this machine. After a farewell nothing is done.

Standard library only, and nothing of ours: it has to be there in milliseconds.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable

FAREWELL = "farewell"
_SECONDS = 0.7
"""How long processes may come to light that were being started when theirs was killed."""
_PAUSE = 0.02


def main(mark: str, grace: float, command: list[str]) -> None:
    """Wait for the end of the other process, then end what it has left.

    Args:
        mark: What the environment of its processes holds.
        grace: Seconds from SIGTERM to SIGKILL; 0: no SIGTERM.
        command: What to run at last.
    """
    last = ""
    for line in sys.stdin:
        last = line.strip()
    if last == FAREWELL:
        return
    groups = [-int(group) for group in last.split()]
    if grace:
        end([*groups, *marked(mark)], signal.SIGTERM)
        wait_for(mark, grace)
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        end([*groups, *marked(mark)], signal.SIGKILL)
        groups = []  # whose numbers may now be somebody else's
        time.sleep(_PAUSE)
    if command:
        os.execv(command[0], command)  # noqa: S606 - what we were started with


def marked(mark: str) -> list[int]:
    """Return the processes that have `mark` in their environment, where the kernel shows it."""
    wanted = b"\0" + os.fsencode(mark) + b"\0"
    try:
        names = os.listdir("/proc")  # noqa: PTH208 - pathlib takes its time to import
    except OSError:
        return []
    found = [int(name) for name in names if name.isdecimal() and wanted in _environment(name)]
    return [pid for pid in found if pid != os.getpid()]


def _environment(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - as above
            return b"\0" + file.read()
    except OSError:  # another user's, or it has just ended
        return b""


def end(pids: Iterable[int], number: int) -> None:
    """Send a signal to processes, and to groups whose numbers are negative."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):  # macOS: a group of zombies
            continue


def wait_for(mark: str, seconds: float) -> None:
    """Wait until no process has the mark but those that ignore SIGTERM; no longer than that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not all(map(_ignores_sigterm, marked(mark))):
        time.sleep(_PAUSE)


def _ignores_sigterm(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:  # noqa: PTH123 - as above
            (mask,) = (line.split()[1] for line in file if line.startswith("SigIgn:"))
    except (OSError, ValueError):  # it has just ended
        return True
    return bool(int(mask, 16) >> (signal.SIGTERM - 1) & 1)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
