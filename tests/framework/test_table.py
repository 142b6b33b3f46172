"""Tables in plain text."""

from __future__ import annotations

from framework.table import aligned, listed


def test_columns_are_as_wide_as_their_widest_cells() -> None:
    rows = [("name", "rows", "where"), ("train", "8,012", "here"), ("t", "1", "")]
    assert aligned(rows, right=(1,)) == [
        "name    rows  where",
        "train  8,012  here",
        "t          1",
    ]
    assert aligned(rows) == [
        "name   rows   where",
        "train  8,012  here",
        "t      1",
    ]


def test_values_of_several_lines_are_indented() -> None:
    assert listed([("job", "ctr"), ("message", "one\n\ntwo\n"), ("empty", "")], 9) == [
        "job      ctr",
        "message  one",
        "",
        "         two",
        "empty",
    ]
