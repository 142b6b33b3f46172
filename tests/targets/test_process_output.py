"""What a process prints reaches a terminal harmless, and the error says what it died of."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.runtime.process.shortage import MEMORY
from headrace.targets.local.processes import Ended, Line, ProcessOutput
from headrace.targets.local.sandbox import Host
from headrace.terminal.lines import shown
from headrace.terminal.progress import Progress


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("plain ü\ttext", "plain ü\ttext"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[1;31mred", "\x1b[1;31mred\x1b[0m"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x1b[31m\x1b[1A\u202e", "\x1b[31m\\x1b[1A\\u202e\x1b[0m"),
        ("10 %\r20 %\r30 %\r", "30 %"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_a_line_with_colours_and_nothing_else(said: str, told: str) -> None:
    assert shown(said) == told


@pytest.fixture
def output(tmp_path: Path) -> ProcessOutput:
    host = Host("algo-1", tmp_path)
    return ProcessOutput([host], Progress(1), logs=True)


def test_both_streams(output: ProcessOutput, capsys: pytest.CaptureFixture[str]) -> None:
    output.heard(Line("algo-1", "stdout", "a\x1b[2Jb"))
    output.heard(Line("algo-1", "stderr", "c\x07"))
    told = capsys.readouterr()
    assert (told.out, told.err) == ("a\\x1b[2Jb\n", "c\\x07\n")


@pytest.mark.parametrize(
    "said",
    [
        "OpenBLAS error: Memory allocation still failed after 10 retries, giving up.",
        "  what():  std::bad_alloc",
    ],
)
def test_a_library_that_dies_for_want_of_memory(output: ProcessOutput, said: str) -> None:
    output.heard(Line("algo-1", "stderr", said))
    assert str(output.failure(Ended("algo-1", -6))) == f"algo-1: {MEMORY}"
