"""The table of single rows: what it says of given measurements; one command makes it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from benchmarks import online
from framework.defaults import PROJECT
from tests import children


def test_medians_and_percentiles() -> None:
    seconds = [1e-4] * 98 + [3e-4] * 2
    measured = online.Hashing("mine", len, len, seconds, [0.01, 0.02, 0.5])
    lines = online.report([measured], 22).splitlines()
    assert lines[2] == "| mine | 100 | 300 | 50,000 |"
    assert lines[4] == "100 single rows and 3 batches of each, taking turns, one thread."


def test_the_first_turn_does_not_count() -> None:
    measured = online.Hashing("mine", len, len)
    rows = [{"a": "b"}] * 10
    measured.measure(rows, 0)
    assert measured.one_seconds == []
    measured.measure(rows, 1)
    assert (len(measured.one_seconds), len(measured.many_seconds)) == (10, online.BATCHES)


@pytest.mark.slow
def test_the_command_prints_the_table(tmp_path: Path) -> None:
    ran = children.run(
        [sys.executable, "-m", "benchmarks.online", "--runs=1", f"--folder={tmp_path}"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    number = r"[\d,]+"
    for name in (*online.CHAINS, "FeatureHasher"):
        assert re.search(rf"{name}` \| {number} \| {number} \| {number} \|\n", ran.stdout)
