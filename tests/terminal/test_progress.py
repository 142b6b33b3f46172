"""How far the job is, in words and as a bar."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from headrace.config.defaults import PROJECT
from headrace.terminal.progress import Lines, Progress, Shown, State
from tests import children

SOURCES = PROJECT / "framework"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Recorder:
    def __init__(self) -> None:
        self.states: list[Shown] = []

    def open(self) -> None: ...

    def show(self, state: Shown) -> None:
        self.states.append(state)

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (
            State(rows=1_250_000, bytes=43, of=100, seconds=2.042),
            "1,250,000 rows, 612,000 rows/s, 43 %, about 3 s left",
        ),
        (State(1000, 10, None, 1.0), "1,000 rows, 1,000 rows/s"),
        (State(0, 0, 100, 3.0), "0 rows, 0 rows/s, 0 %"),
        (State(0, 0, 0, 0.0), "0 rows"),
        (State(5, 300, 200, 1.0), "5 rows, 5 rows/s, 100 %, about 0 s left"),
        (State(50, 1, 11, 60.0), "50 rows, 0 rows/s, 9 %, about 10 min left"),
        (State(50, 1, 101, 60.0), "50 rows, 0 rows/s, 1 %, about 1 h 40 min left"),
    ],
)
def test_a_state_in_words(state: State, text: str) -> None:
    assert str(state) == text


def test_hosts_are_summed_and_the_total_waits_for_all_of_them() -> None:
    view, clock = Recorder(), Clock()
    progress = Progress(2, view, clock)
    clock.now += 2
    assert progress.heard("algo-1", "progress rows=10 bytes=100 of=400")
    assert progress.heard("algo-2", "progress rows=5 bytes=50 of=200")
    assert progress.heard("algo-1", "progress rows=20 bytes=200 of=400")
    assert view.states == [
        State(10, 100, None, 2.0),
        State(15, 150, 600, 2.0),
        State(25, 250, 600, 2.0),
    ]


@pytest.mark.parametrize(
    "line", ["", "hello", "progress", "progress rows=1", "progress rows=1 bytes=2 of=x"]
)
def test_other_lines_are_somebody_elses(line: str) -> None:
    view = Recorder()
    assert not Progress(1, view).heard("algo-1", line)
    assert view.states == []


def test_plain_lines_come_every_five_seconds_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Progress(1, Lines(clock), clock) as progress:
        progress.open()
        for second in range(1, 13):
            clock.now += 1
            progress.heard("algo-1", f"progress rows={second * 100} bytes={second} of=12")
    assert capsys.readouterr() == (
        "",
        "500 rows, 100 rows/s, 42 %, about 7 s left\n"
        "1,000 rows, 100 rows/s, 83 %, about 2 s left\n",
    )


ON_A_TERMINAL = """
import time
from headrace.config.defaults import PROJECT
from headrace.terminal.progress import Progress
with Progress(1) as progress:
    progress.open()
    progress.heard("algo-1", "progress rows=1200 bytes=1 of=2")
    print("a log line")
    time.sleep(0.3)
"""


def test_a_terminal_gets_a_bar_and_log_lines_beside_it() -> None:
    ours, theirs = pty.openpty()
    done = children.run(
        [sys.executable, "-c", ON_A_TERMINAL],
        cwd=SOURCES,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
    )
    os.close(theirs)
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    os.close(ours)
    assert b"1,200 rows" in shown
    assert "━".encode() in shown
    assert done.stdout == b"a log line\n"


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says EIO when the other end is closed
        return b""


def test_nothing_imports_rich_where_there_is_no_terminal() -> None:
    script = ON_A_TERMINAL + "import sys; assert 'rich' not in sys.modules"
    children.run([sys.executable, "-c", script], cwd=SOURCES, check=True, capture_output=True)
