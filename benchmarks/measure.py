"""Measures one command with everything that it starts: wall-clock time and peak memory.

Linux only: memory is read from `/proc`.
"""

from __future__ import annotations

import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Self

SAMPLE_SECONDS = 0.02
# Reading a process' memory walks its page tables: a sampler that took every free moment
# would slow down what it measures, so it rests ten times as long as it worked.
REST_FACTOR = 10.0


@dataclass(frozen=True)
class Measurement:
    """The time and memory that a command took.

    Attributes:
        wall_seconds: From the start of the process to its end.
        peak_rss_mb: The highest sampled sum, over the process and all its descendants, of
            resident memory in units of 10**6 bytes. A page that several of them share counts
            once (the sum of their "proportional set sizes"), as it does in the machine.
        returncode: The exit status; negative: the signal that ended the process.
        stdout: All that it printed.
        stderr: All that it printed as errors.
        cpu_seconds: Of it and all processes that it waited for, in user code and in the system.
    """

    wall_seconds: float
    peak_rss_mb: float
    returncode: int
    stdout: str
    stderr: str
    cpu_seconds: float = 0.0


def measure(
    argv: Sequence[str],
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    *,
    memory: bool = True,
) -> Measurement:
    """Runs a command to its end and measures it.

    Args:
        argv: The program and its arguments.
        cwd: The folder to run it in; default: the current one.
        env: Its whole environment; default: this process' own.
        memory: Sample its memory, which takes up to a tenth of a core; if not, the peak is 0.

    Returns:
        The figures and the output. A command that fails is no exception: look at `returncode`.

    Raises:
        OSError: The program cannot be started.
    """
    start, before = time.perf_counter(), _cpu_seconds_of_children()
    process = subprocess.Popen(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    sampler = _PeakMemory(process.pid)
    with process, sampler if memory else nullcontext():
        try:
            stdout, stderr = process.communicate()
        except BaseException:
            process.kill()
            raise
        wall_seconds = time.perf_counter() - start
        cpu_seconds = _cpu_seconds_of_children() - before
    peak = sampler.peak_bytes / 1e6
    return Measurement(wall_seconds, peak, process.returncode, stdout, stderr, cpu_seconds)


def _cpu_seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _PeakMemory(threading.Thread):
    """Samples the memory of a process tree until its `with` block ends."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self._tree = {root}
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            start = time.thread_time()
            self._tree = _grown(self._tree, _parents())
            self.peak_bytes = max(self.peak_bytes, sum(map(_resident_bytes, self._tree)))
            pause = max(SAMPLE_SECONDS, REST_FACTOR * (time.thread_time() - start))


def _parents() -> dict[int, int]:
    """Return every process of the machine and its parent."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            # "pid (name) state parent …"; the name may hold spaces and brackets.
            fields = _read(entry / "stat").rpartition(")")[2].split()
            if fields:
                parents[int(entry.name)] = int(fields[1])
    return parents


def _grown(tree: set[int], parents: dict[int, int]) -> set[int]:
    """Return the tree's living members and all their descendants.

    Members of an earlier sample stay, so that a child whose parent has ended still counts.
    """
    living = tree & parents.keys()
    while more := {pid for pid, parent in parents.items() if parent in living} - living:
        living |= more
    return living


def _resident_bytes(pid: int) -> int:
    """Return the process' proportional share of memory; 0 if it has just ended."""
    for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    pages = _read(Path(f"/proc/{pid}/statm")).split()
    return int(pages[1]) * 4096 if pages else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # the process has ended, or is not ours to look at
        return ""
