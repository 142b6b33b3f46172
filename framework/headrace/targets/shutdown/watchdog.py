"""A program that ends the processes that another one has started, if that one is killed.

It is started as ``python -I -S watchdog.py MARK GRACE [COMMAND …]`` and reads a pipe. Each line is
the list of process groups that run now; `GOODBYE` means that all went well. When the pipe is
closed because the other process ended, these groups are ended, and every process that has MARK
(``NAME=value``) in its environment: grandchildren may have sessions of their own, as Spark's do.
Finally it runs COMMAND, for what is no process of this machine, such as a container. After a
goodbye it does nothing.

It imports the standard library only, because it has to start in milliseconds.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable

GOODBYE = "goodbye"
_SECONDS = 0.7
"""Seconds to look for processes that were just being started when their parent was killed."""
_PAUSE = 0.02


def main(mark: str, grace: float, command: list[str]) -> None:
    """Wait for the end of the other process, then end the processes that it has left.

    Args:
        mark: The variable in the environment of its processes.
        grace: Seconds from SIGTERM to SIGKILL; 0: no SIGTERM.
        command: A command to run afterwards; empty for none.
    """
    last = ""
    for line in sys.stdin:
        last = line.strip()
    if last == GOODBYE:
        return
    groups = [-int(group) for group in last.split()]
    if grace:
        end([*groups, *marked(mark)], signal.SIGTERM)
        wait_for(mark, grace)
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        end([*groups, *marked(mark)], signal.SIGKILL)
        groups = []  # the system may use their numbers again
        time.sleep(_PAUSE)
    if command:
        os.execv(command[0], command)  # noqa: S606 - the command that we were given


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
    """Wait at most so long until only processes that ignore SIGTERM have the mark."""
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
    os._exit(0)  # at once, for who waits for this
