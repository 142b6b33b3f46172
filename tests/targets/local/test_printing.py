"""Whatever a program prints, and however much of it, memory stays small and nothing is lost."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.targets.local import processes
from headrace.targets.local.command import Command
from headrace.targets.local.processes import LINE_BYTES, WAITING_LINES, Line
from headrace.targets.local.sandbox import Host
from headrace.targets.shutdown.interrupts import Interrupts


class Counting:
    """Counts lines, and takes its time with the first one."""

    def __init__(self, pause: Callable[[], object]) -> None:
        self.lines: list[int] = []
        self._pause = pause

    def started(self) -> None:
        pass

    def heard(self, line: Line) -> None:
        if not self.lines:
            self._pause()
        self.lines.append(len(line.text))


def printed(tmp_path: Path, script: str, pause: Callable[[], object] = lambda: None) -> list[int]:
    listener = Counting(pause)
    host = Host("algo-1", tmp_path)
    command = Command(host, ("/bin/sh", "-c", script), dict(os.environ))
    assert processes.run([command], 60, listener, Interrupts()) is None
    return listener.lines


def test_a_line_without_an_end_comes_in_pieces(tmp_path: Path) -> None:
    lines = printed(tmp_path, f"head -c {5 * LINE_BYTES + 7} /dev/zero | tr '\\0' x")
    assert lines == [*[LINE_BYTES] * 5, 7]


def test_who_prints_faster_than_it_is_shown_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[int] = []
    events: list[queue.SimpleQueue[object]] = []
    plain = queue.SimpleQueue

    def remembered() -> queue.SimpleQueue[object]:
        events.append(plain())
        return events[0]

    def pause() -> None:
        """Wait until the program, which has long ended printing, has been held up or has ended."""
        seen = -1
        while seen != events[0].qsize():
            seen = events[0].qsize()
            time.sleep(1.2)  # longer than one waits for a pipe that somebody else holds
        waiting.append(seen)

    monkeypatch.setattr("headrace.targets.local.processes.queue.SimpleQueue", remembered)
    count = 20 * WAITING_LINES
    assert len(printed(tmp_path, f"yes | head -n {count}", pause)) == count
    assert waiting[0] <= WAITING_LINES
