"""Lines that are drawn again and again at the bottom of a terminal."""

from __future__ import annotations

import os
import sys

import pytest

from headrace.config.defaults import PROJECT
from headrace.terminal.block import Block
from tests.terminal.screen import Screen, run_on_terminal

PROGRAM = """
import os, subprocess, sys, time
from headrace.terminal.capture import Capture

ticks = 0
def lines(size):
    global ticks
    ticks += 1
    return ["name  state", f"x     {ticks}"]

capture = Capture(lines, lambda line: None if line == b"secret" else line)
print("before")
capture.start()
print("from Python")
print("to stderr", file=sys.stderr)
os.write(1, b"half of ")
subprocess.run(["sh", "-c", "echo a line; echo of a child >&2; echo secret"])
while ticks < 3:
    time.sleep(0.01)
assert not os.isatty(2)
print("without an end", end="")
capture.stop()
capture.stop()
assert os.isatty(2)
print("after")
"""


def test_what_anybody_prints_stands_above_the_lines() -> None:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "framework")}
    status, text = run_on_terminal([sys.executable, "-c", PROGRAM], env=environment)
    assert status == 0, text
    assert "x     1" in text
    assert Screen(80).fed(text).lines == [
        *("before", "from Python", "to stderr", "half of a line", "of a child"),
        *("without an end", "after"),
    ]


@pytest.fixture
def block(monkeypatch: pytest.MonkeyPatch) -> tuple[Block, int]:
    reader, writer = os.pipe()
    return Block(writer), reader


def test_a_line_that_the_terminal_wraps_is_removed_as_a_whole(
    block: tuple[Block, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, reader = block
    monkeypatch.setattr(Block, "size", lambda _: os.terminal_size((10, 5)))
    made.draw(["x" * 25, "\x1b[31m漢字漢字漢\x1b[0m", ""])
    os.read(reader, 1000)
    made.draw(["short"], b"above\n")
    assert os.read(reader, 1000) == b"\x1b[5A\r\x1b[Jabove\nshort\n"
    made.draw(["short"])  # nothing new
    made.close()
    assert os.read(reader, 1000) == b"\x1b[1A\r\x1b[J"


def test_a_terminal_that_is_gone_takes_nothing_more(block: tuple[Block, int]) -> None:
    made, reader = block
    os.close(reader)
    made.draw(["x"])
    assert made.size() == (80, 24)
