"""The table of the formats of dense rows: what it says, and that every format takes its turn."""

from __future__ import annotations

import re

from benchmarks import dense


def test_every_format_takes_its_turn_and_is_in_the_table() -> None:
    blocks = dense.blocks_of("whole", 300, 3)
    assert [(block.num_rows, block.num_columns) for block in blocks] == [(300, 3)]
    taken = dense.measured(blocks, 2)
    names = (dense.BASE, *dense.FORMATS)
    assert {name: len(seconds) for name, seconds in taken.items()} == dict.fromkeys(names, 2)
    seconds = {name: [1.0, 3.0] for name in names} | {"npy": [0.5, 0.5]}
    table = dense.report({"real": seconds}, 1_000_000, 20)
    assert table.splitlines()[0] == "| 1,000,000 rows of 20 numbers | CPU s | times pyarrow.csv |"
    assert "| real, `csv` | 2.00 | 1.00 (1.00-1.00) |" in table
    assert tuple(re.findall(r"^\| real, `([\w.]+)` ", table, re.MULTILINE)) == names
