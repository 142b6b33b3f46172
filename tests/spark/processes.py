"""Spark's processes, as the kernel lists them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from tests.children import LIMIT_SECONDS


@contextmanager
def killing_workers_once(folder: Path) -> Iterator[list[int]]:
    """Kill Spark's Python processes when the first part is there."""
    killed: list[int] = []
    done = Event()

    def watch() -> None:
        while not done.wait(0.005):
            if found := workers() if any(folder.rglob("train/part-*")) else []:
                for pid in found:
                    os.kill(pid, signal.SIGKILL)
                killed.extend(found)
                return

    thread = Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        done.set()
        thread.join()


def mentioning(*texts: str) -> list[int]:
    """Processes whose command has all of these texts."""
    return [pid for pid in _all() if all(text in _line(pid) for text in texts)]


def kill(pids: list[int]) -> None:
    """Kill them; there is one at least."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not so after {LIMIT_SECONDS} s"
        time.sleep(0.05)  # a look at all processes takes its time, too


def workers() -> list[int]:
    """Those that Spark's daemon forked for this process's cluster."""
    found = [pid for pid in _all() if "pyspark.daemon" in _line(pid)]
    return [pid for pid in found if _parent(pid) in found and os.getpid() in _above(pid)]


def _all() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:  # it has just ended
        return ""


def _above(pid: int) -> Iterator[int]:
    while pid := _parent(pid):
        yield pid


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
