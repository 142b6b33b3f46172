"""Processes that tests start: with a limit, and with signals as a terminal has them.

`subprocess` lets a child inherit what its parent ignores, which under ``nohup make test &`` is
SIGHUP and SIGINT; and it waits for ever.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIMIT_SECONDS = 300
"""No test waits longer for a child."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def run(command: Sequence[Any], **options: Any) -> subprocess.CompletedProcess[Any]:
    """Run a command to its end, as `subprocess.run` does; a child that does not end is killed."""
    limit = options.pop("timeout", LIMIT_SECONDS)
    return subprocess.run(command, timeout=limit, preexec_fn=_default_signals, **options)


@contextmanager
def started(command: Sequence[Any], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a command; a child that is still there at the end is killed."""
    with start(command, **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def start(command: Sequence[Any], **options: Any) -> subprocess.Popen[Any]:
    """The same for a fixture, which has to see to the end of it itself."""
    return subprocess.Popen(command, preexec_fn=_default_signals, **options)


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def below(pid: int) -> set[int]:
    """Children of a process, their children, and so on."""
    children = _children()
    found, new = set[int](), {pid}
    while new := {child for each in new for child in children.get(each, ())} - found:
        found |= new
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that have not ended."""
    return {pid for pid in pids if _state(pid) not in ("", "Z")}


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (words := _stat(int(entry.name))):
            found.setdefault(int(words[1]), []).append(int(entry.name))
    return found


def _state(pid: int) -> str:
    words = _stat(pid)
    return words[0] if words else ""


def _stat(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _default_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
