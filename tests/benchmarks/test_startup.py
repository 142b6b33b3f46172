"""The table of the start-up: what it says of given measurements; one command makes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import startup


def test_ratios_are_taken_run_by_run() -> None:
    seconds = {
        startup.RUN: [(1.0, 1.5), (2.0, 1.5), (3.0, 1.5)],
        startup.BARE: [(0.4, 0.5), (0.5, 0.5), (0.6, 0.5)],
        startup.IMPORTS: [(0.1, 0.25), (0.5, 0.5), (0.15, 0.25)],
    }
    lines = startup.report(seconds).splitlines()
    assert lines[:7] == [
        "| command | wall, s | CPU s |",
        "|---|---|---|",
        "| `run.py` on the sample | 2.00 (1.00-3.00) | 1.50 (1.50-1.50) |",
        "| bare Hydra, composing | 0.50 (0.40-0.60) | 0.50 (0.50-0.50) |",
        "| NumPy and pyarrow imported | 0.15 (0.10-0.50) | 0.25 (0.25-0.50) |",
        "",
        "* 2.0 (2.0-4.0) times what the other two take together; CPU seconds: 2.0 (1.5-2.0) times",
    ]


@pytest.mark.long
def test_every_command_takes_its_turn(tmp_path: Path) -> None:
    seconds = startup.measured(1, tmp_path)
    assert {name: len(each) for name, each in seconds.items()} == dict.fromkeys(startup.COMMANDS, 1)
