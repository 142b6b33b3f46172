"""The benchmark's table: what it says of given measurements, and that one command makes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.measure import Measurement
from tests.benchmarks.conftest import Printed

PLACEHOLDER = Path("log.csv")


def took(*seconds: float, memory: float = 100.0) -> list[Measurement]:
    return [Measurement(each, memory, 0, "", "") for each in seconds]


def results() -> run.Results:
    made = {line.name: took(1.0, 1.0, 1.0) for line in run.commands(PLACEHOLDER, PLACEHOLDER)}
    made[run.BASELINE] = took(30.0, 50.0, 36.0, memory=2_840.0)
    made[run.OURS] = took(2.0, 2.0, 1.5, memory=400.0)
    made[run.JUDGING] = took(4.0, 5.0, 3.0, memory=500.0)
    made[run.LONGER] = took(9.0, 9.0, 9.0, memory=440.0)
    return made


def test_the_table_gives_medians_and_ranges() -> None:
    lines = run.report(results(), 1_000_000, 163.2).splitlines()
    assert lines[:3] == [
        "| 1,000,000 rows, 163 MB of CSV | wall, s | peak memory, MB |",
        "|---|---|---|",
        "| the usual script: pandas, `train_test_split`, `FeatureHasher`, pickle "
        "| 36.00 (30.00-50.00) | 2,840 |",
    ]
    assert "| headrace: `backend=sklearn transform=hashing` | 2.00 (1.50-2.00) | 400 |" in lines
    assert "| the same with `evaluation=logistic` | 4.00 (3.00-5.00) | 500 |" in lines
    assert "| headrace, 5,000,000 rows | 9.00 (9.00-9.00) | 440 |" in lines


def test_ratios_are_taken_pair_by_pair() -> None:
    table = run.report(results(), 1_000_000, 163.2)
    assert "* **24.0 (15.0-25.0) times** faster than the usual script, pair by pair" in table
    assert "* `evaluation=logistic` takes 2.0 (2.0-2.5) times as long" in table
    assert "* five widths fused take 0.5 (0.5-0.7) times as long as one run" in table
    assert "* 1.10 times the memory for 5 times the rows" in table


def test_the_table_names_the_machine_and_the_versions() -> None:
    last = run.report(results(), 1000, 0.2).splitlines()[-1]
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d, .+, \d+ cores, Linux; Python 3\.\d+\.\d+, numpy \S+, pandas \S+, "
        r"pyarrow \S+, scikit-learn \S+, hydra-core \S+\.",
        last,
    )


def test_the_page_is_filled_in_between_its_marks() -> None:
    page = f"before\n{run.START}\nold\n{run.END}\nafter\n"
    once = run.fill_in(page, "| new |")
    assert once == f"before\n{run.START}\n| new |\n{run.END}\nafter\n"
    assert run.fill_in(once, "| new |") == once


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no <!-- benchmark -->"):
        run.fill_in("nothing here", "| new |")


def test_the_page_has_the_marks() -> None:
    run.fill_in(run.PAGE.read_text(encoding="utf-8"), "")


def test_a_command_that_fails_ends_the_benchmark(tmp_path: Path) -> None:
    line = run.Command("broken", ("-c", "raise SystemExit('no such thing')"))
    with pytest.raises(RuntimeError) as caught:
        run.measured([line], 1, tmp_path)
    assert str(caught.value) == "-c raise SystemExit('no such thing'): status 1\nno such thing\n"


@pytest.mark.slow
@pytest.mark.long
def test_one_command_measures_and_prints(printed: Printed) -> None:
    table = printed(run.main, "--rows=2000", "--runs=1")
    rows = re.findall(r"^\| (.+) \| \d+\.\d\d \(\d+\.\d\d-\d+\.\d\d\) \| \d+ \|$", table, re.M)
    assert len(rows) == len(run.commands(PLACEHOLDER, PLACEHOLDER))
