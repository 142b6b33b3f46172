"""The table of single rows: what it says of given measurements; one command makes it."""

from __future__ import annotations

import re

import pytest

from benchmarks import online
from tests.benchmarks.conftest import Printed


def test_medians_and_percentiles() -> None:
    seconds = [1e-4] * 98 + [3e-4] * 2
    measured = online.Hashing("mine", len, len, seconds, [0.01, 0.02, 0.5], [0.1])
    lines = online.report([measured], 22).splitlines()
    assert lines[2] == "| mine | 100 | 300 | 50,000 | 200,000 |"
    what = "100 single rows and 3 batches of each, taking turns; CPU time of the process."
    assert lines[4] == what


def test_the_first_turn_does_not_count() -> None:
    measured = online.Hashing("mine", len, len)
    rows = [{"a": "b"}] * 10
    measured.measure(rows, 0)
    assert measured.one_seconds == []
    measured.measure(rows, 1)
    assert (len(measured.one_seconds), len(measured.many_seconds)) == (10, online.BATCHES)
    assert len(measured.all_seconds) == 1


@pytest.mark.long
def test_the_command_prints_the_table(printed: Printed) -> None:
    table = printed(online.main, "--runs=1")
    number = r"[\d,]+"
    for name in (*online.CHAINS, "FeatureHasher"):
        assert re.search(rf"{name}` \| {number} \| {number} \| {number} \| {number} \|\n", table)
