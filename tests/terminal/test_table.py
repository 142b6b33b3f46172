"""Tables in plain text and in HTML."""

from __future__ import annotations

from headrace.terminal.tables import aligned, as_html, listed


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


def test_html_takes_nothing_in_a_cell_for_a_tag() -> None:
    left, right = ('style="text-align: left"', 'style="text-align: right"')
    assert as_html([("name", "rows"), ("<script>&", "8")], right=(1,)) == (
        f"<table><tr><th {left}>name</th><th {right}>rows</th></tr>"
        f"<tr><td {left}>&lt;script&gt;&amp;</td><td {right}>8</td></tr></table>"
    )
    assert as_html([("a",)], has_header=False) == f"<table><tr><td {left}>a</td></tr></table>"
    assert as_html([]) == ""


def test_what_a_terminal_obeys_is_escaped() -> None:
    assert aligned([("a\x1b[31m\nb", "c")]) == [r"a\x1b[31m\nb  c"]
    assert listed([("reason", "one\x07\ntwo\x1b[2J")], 8) == [
        r"reason  one\x07",
        r"        two\x1b[2J",
    ]
