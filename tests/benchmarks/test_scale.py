"""The tables of growth and of hosts: what they say of given figures; one command makes them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from benchmarks import scale
from benchmarks.measure import Measurement
from headrace.config.defaults import PROJECT
from tests import children
from tests.benchmarks.conftest import Printed

LOG = Path("log.csv")


def took(*seconds: float, memory: float = 100.0) -> list[Measurement]:
    return [Measurement(each, memory, 0, "", "") for each in seconds]


def test_a_straight_line_is_found() -> None:
    growth = scale.Growth({1_000_000: LOG, 2_000_000: LOG, 5_000_000: LOG})
    results = {
        "1,000,000 rows": took(1.5, 1.4, 1.6),
        "2,000,000 rows": took(2.5),
        "5,000,000 rows": took(5.5, memory=112.0),
    }
    assert growth.lines(results) == [
        "| one machine | wall, s | peak memory, MB | from the line |",
        "|---|---|---|---|",
        "| 1,000,000 rows | 1.50 (1.40-1.60) | 100 | +0.0% |",
        "| 2,000,000 rows | 2.50 (2.50-2.50) | 100 | +0.0% |",
        "| 5,000,000 rows | 5.50 (5.50-5.50) | 112 | +0.0% |",
        "",
        "* the line: 0.50 s and 1.00 s for each million rows; no point is further from it than "
        "0.0%",
        "* 1.12 times the memory for 5 times the rows",
    ]


def test_what_is_no_straight_line_shows() -> None:
    growth = scale.Growth({100: LOG, 200: LOG, 300: LOG})
    results = {"100 rows": took(1.0), "200 rows": took(4.0), "300 rows": took(4.0)}
    shown = "\n".join(growth.lines(results))
    assert [float(each) for each in re.findall(r"([+-][\d.]+)%", shown)] == [-33.3, 33.3, -11.1]
    assert "no point is further from it than 33.3%" in shown


def test_one_log_has_no_line() -> None:
    assert scale.Growth({40: LOG}).lines({"40 rows": took(2.0)})[2:] == [
        "| 40 rows | 2.00 (2.00-2.00) | 100 | - |"
    ]


def test_hosts_are_compared_pair_by_pair() -> None:
    hosts = scale.Hosts(LOG, 4000)
    one, two = hosts.commands()
    results = {one.name: took(2.0, 4.0, 1.0), two.name: took(2.2, 4.0, 1.05)}
    assert hosts.lines(results)[-1] == (
        "* two hosts take 1.05 (1.00-1.10) times as long as one, pair by pair"
    )
    assert one.argv[-2:] == ("resources.instance_count=1", "runtime.threads=2")
    assert two.argv[-2:] == ("resources.instance_count=2", "runtime.threads=1")


def test_the_files_of_hosts_hold_other_rows_each(tmp_path: Path) -> None:
    folder = scale.shared_files(tmp_path, 50)
    texts = [file.read_text().splitlines() for file in sorted(folder.iterdir())]
    assert [len(text) for text in texts] == [51] * scale.FILES
    assert len({line for text in texts for line in text[1:]}) == 50 * scale.FILES


@pytest.mark.long
def test_one_command_measures_and_prints(printed: Printed) -> None:
    table = printed(scale.main, "--rows=300", "--runs=1")
    rows = re.findall(r"^\| (.+) \| \d+\.\d\d \(\d+\.\d\d-\d+\.\d\d\) \| \d+ \|", table, re.M)
    assert rows == [
        *("300 rows", "600 rows", "1,500 rows", "3,000 rows"),
        *("one host, two threads", "two hosts, one thread each"),
    ]


def test_it_may_be_run_by_its_path(tmp_path: Path) -> None:
    command = [sys.executable, str(PROJECT / "benchmarks/scale.py"), "--help"]
    ran = children.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "--rows ROWS" in ran.stdout
