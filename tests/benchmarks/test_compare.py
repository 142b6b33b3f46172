"""The comparison with other tools: what its tables and its chart say of given measurements."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import compare
from benchmarks.figures import PACKAGES
from benchmarks.measure import Measurement


def took(*seconds: float) -> list[Measurement]:
    return [Measurement(9.0, 0.0, 0, "", "", each) for each in seconds]


RESULTS = {
    1000: {compare.OURS: took(1.0), compare.USUAL: took(2.0)},
    1_000_000: {compare.OURS: took(2.0, 4.0, 3.0), compare.USUAL: took(20.0, 48.0, 33.0)},
}


def test_the_tables() -> None:
    lines = compare.report(RESULTS, PACKAGES).splitlines()
    assert lines[:7] == [
        "| 1,000,000 rows | CPU s | times headrace |",
        "|---|---|---|",
        "| headrace | 3.00 (2.00-4.00) | 1.0 (1.0-1.0) |",
        "| the usual script | 33.00 (20.00-48.00) | 11.0 (10.0-12.0) |",
        "",
        "CPU seconds of whole processes, medians. Runs of each command: "
        "1,000 rows 1, 1,000,000 rows 3.",
        "",
    ]
    assert re.search("; Python .*, numpy ", lines[7])


def test_the_chart() -> None:
    drawn = compare.chart(RESULTS).decode()
    assert drawn == compare.chart(RESULTS).decode()
    assert all(text in drawn for text in ("headrace", "the usual script", "1,000,000", ">33<"))


def test_programs_take_turns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = "import sys, pathlib; pathlib.Path(sys.argv[2]).mkdir(); print(open(sys.argv[1]).name)"
    programs = [compare.Program(name, ("-c", code, "{log}", "{out}"), most=9) for name in "ab"]
    results = compare.measured(programs, [5, 10], 2, tmp_path)
    assert {
        rows: {name: len(runs) for name, runs in each.items()} for rows, each in results.items()
    } == {
        5: {"a": 2, "b": 2},
        10: {},
    }
    assert results[5]["a"][0].cpu_seconds > 0
    said = [line.split()[-1] for line in capsys.readouterr().err.splitlines() if "CPU" in line]
    assert said == ["a", "b", "a", "b"]


def test_a_program_that_fails(tmp_path: Path) -> None:
    program = compare.Program("a", ("-c", "raise SystemExit('no')"))
    with pytest.raises(RuntimeError) as caught:
        compare.measured([program], [5], 1, tmp_path)
    assert str(caught.value) == "-c raise SystemExit('no'): status 1\nno\n"
