"""The live table of a sweep: what it shows, and what it fits into."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from headrace.cli.sweep.table import SweepTable
from headrace.config.defaults import PROJECT
from headrace.results.records import Note
from headrace.terminal.tables import width_of
from tests.terminal.screen import Screen, run_on_terminal
from tests.terminal.test_progress import Clock

WIDE = os.terminal_size((200, 50))


def _settings(count: int, value: str = "") -> list[dict[str, str]]:
    return [{"transform.n_features": f"{value}{number}", "seed": "1"} for number in range(count)]


def _note(
    folder: Path, number: int, output: Path | None = None, failure: str | None = None
) -> None:
    run = folder / str(number)
    run.mkdir(parents=True, exist_ok=True)
    overrides = [f"transform.n_features={number}", "seed=1"]
    if output is not None:
        Note(number, overrides, str(output), "", 0).write(run)
    elif failure is not None:
        Note(number, overrides, "", failure, 2).write(run)
    else:
        Note(number, overrides).write(run)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """What a run leaves."""
    report = tmp_path / "result" / "report"
    report.mkdir(parents=True)
    manifest = {"rows": {"written": 5000, "rejected": 0}, "channels": {}}
    for name, content in {
        "manifest": manifest,
        "timings": {"seconds": 1.25},
        "metrics": {"collision_rate": 0.137},
    }.items():
        (report / f"{name}.json").write_text(json.dumps(content))
    return report.parent


def test_each_state_has_its_row(tmp_path: Path, result: Path) -> None:
    clock = Clock()
    table = SweepTable(tmp_path / "sweep", _settings(4), clock=clock)
    assert table.lines(WIDE) == [
        "run  n_features  state    rows  seconds",
        "  0           0  waiting     -        -",
        "  1           1  waiting     -        -",
        "  2           2  waiting     -        -",
        "  3           3  waiting     -        -",
        "4 runs: 4 waiting; 0 s",
    ]
    for number in range(3):
        _note(tmp_path / "sweep", number)
    clock.now += 1
    table.lines(WIDE)
    _note(tmp_path / "sweep", 0, output=result)
    _note(tmp_path / "sweep", 1, failure="1 problem in the configuration:\n  a: wrong")
    assert table.take(b"\x1b_headrace 2 430 1000\x1b\\") is None
    assert table.take(b"a line") == b"a line"
    assert table.take(b"") == b""
    assert table.take(b"half of \x1b_headrace 2 430 1000\x1b\\") == b"half of "
    assert table.take(b"[2026-11-24 09:30:00,000][HYDRA] \t#2 : seed=1") is None
    clock.now += 2
    assert table.lines(WIDE) == [
        "run  n_features  state          rows  seconds  colliding",
        "  0           0  done          5,000     1.25     13.7 %",
        "  1           1  failed            -        -          -",
        "  2           2  running 43 %      -        2          -",
        "  3           3  waiting           -        -          -",
        "4 runs: 1 done, 1 failed, 1 running, 1 waiting; 3 s",
        "run 1 (transform.n_features=1) failed: 1 problem in the configuration: a: wrong",
    ]


def test_runs_that_nobody_expected_come_up(tmp_path: Path) -> None:
    table = SweepTable(tmp_path)
    for number in range(2):
        _note(tmp_path, number)
    assert table.lines(WIDE)[:-1] == [
        "run  n_features  state    rows  seconds",
        "  0           0  running     -        0",
        "  1           1  running     -        0",
    ]


@pytest.mark.parametrize(("columns", "rows"), [(70, 24), (200, 50), (30, 8), (10, 3)])
def test_it_fits_the_terminal(tmp_path: Path, result: Path, columns: int, rows: int) -> None:
    clock = Clock()
    table = SweepTable(tmp_path / "sweep", _settings(60, "a/long/path/漢字/" * 4), clock=clock)
    for number in range(40):
        _note(tmp_path / "sweep", number, output=result)
        if number % 9 == 0:
            _note(tmp_path / "sweep", number, failure="x" * 300)
    _note(tmp_path / "sweep", 41)
    lines = table.lines(os.terminal_size((columns, rows)))
    assert len(lines) <= rows - 1
    assert max(map(width_of, lines)) <= columns
    if columns >= 70:
        assert "60 runs: 35 done, 5 failed, 1 running, 19 waiting; 0 s" in lines
        shown = [int(line[:3]) for line in lines[1 : lines.index(lines[0]) - 4]]
        assert 41 in shown
        assert 39 in shown
        assert shown == sorted(shown)


@pytest.mark.slow
def test_a_sweep_on_a_terminal_shows_one_table(tmp_path: Path) -> None:
    """A whole one: the table is gone at the end, and its last state is that of the summary."""
    command = [sys.executable, str(PROJECT / "run.py"), "-m", "transform.n_features=16,0"]
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "150"}
    status, text = run_on_terminal(
        [*command, "hydra.sweep.dir=sweep"], cwd=tmp_path, env=environment
    )
    assert status == 2, text
    # a short run may be over before it is drawn as one that is running
    assert "  0          16  waiting" in text or "  0          16  running" in text
    head, row, failed, page, figures = Screen(150).fed(text).lines[2:]
    assert head.startswith("run  n_features   rows  seconds")
    assert row.split()[:3] == ["0", "16", "5,000"]
    assert failed.startswith("run 1 (transform.n_features=0) failed: 1 problem in the")
    assert page == f"page     {tmp_path / 'sweep' / 'summary.html'}"
    assert figures == str(tmp_path / "sweep" / "summary.csv")
