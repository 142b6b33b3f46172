"""The table of the formats of dense rows: what it says, and that every format takes its turn."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from benchmarks import dense
from benchmarks.measure import Measurement
from benchmarks.run import log_of
from tests import children


def test_every_format_takes_its_turn_and_is_in_the_table() -> None:
    blocks = dense.blocks_of("whole", 300, 3)
    assert [(block.num_rows, block.num_columns) for block in blocks] == [(300, 3)]
    taken = dense.measured(blocks, 2)
    names = (dense.BASE, *dense.FORMATS)
    assert {name: len(seconds) for name, seconds in taken.items()} == dict.fromkeys(names, 2)
    seconds = {name: [1.0, 3.0] for name in names} | {"npy": [0.5, 0.5]}
    table = dense.report({"real": seconds}, 1_000_000, 20)
    assert table.splitlines()[0] == "| 1,000,000 rows of 20 columns | CPU s | times pyarrow.csv |"
    assert "| real, `csv` | 2.00 | 1.00 (1.00-1.00) |" in table
    assert tuple(re.findall(r"^\| real, `([\w.]+)` ", table, re.MULTILINE)) == names


def test_texts_have_no_arrays() -> None:
    taken = dense.measured(dense.blocks_of(dense.TEXT, 300, 2), 1)
    assert list(taken) == [dense.BASE, "csv", "parquet"]


def test_the_table_of_jobs() -> None:
    slow, fast = Measurement(16.0, 2000.0, 0, "", "", 12.0), Measurement(2.0, 500.0, 0, "", "", 3.0)
    lines = dense.commands(Path("log.csv"))
    assert [line.name.partition(",")[0] for line in lines[::2]] == list(dense.JOBS)
    results = {line.name: [slow if "by hand" in line.name else fast] * 3 for line in lines}
    table = dense.report_jobs(results, 1_000_000).splitlines()
    assert table[0] == "| 1,000,000 rows | wall, s | CPU s | peak memory, MB |"
    assert table[3] == "| vocabulary, headrace | 2.00 (2.00-2.00) | 3.00 (3.00-3.00) | 500 |"
    assert table[-1] == (
        "* `target`, `csv`: **8.0 (8.0-8.0) times** by the clock, 4.0 (4.0-4.0) times in CPU"
    )


@pytest.mark.long
@pytest.mark.parametrize("kind", dense.JOBS)
def test_the_scripts_run(kind: str, tmp_path: Path) -> None:
    log = log_of(tmp_path, 2000)
    script = Path(dense.__file__).with_name("by_hand.py")
    ended = children.run([sys.executable, str(script), kind, str(log), str(tmp_path / "made")])
    assert ended.returncode == 0
    assert len(list((tmp_path / "made").iterdir())) == (4 if kind == "vocabulary" else 2)
