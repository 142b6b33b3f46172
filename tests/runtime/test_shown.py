"""Text from outside never reaches a terminal as it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.shown import harmless, listed, plain, quoted


def test_a_usual_name_stays_readable() -> None:
    assert quoted("site_id") == "'site_id'"
    assert plain("data/Übersicht 1.csv") == "data/Übersicht 1.csv"
    assert listed(["y", "a"]) == "'y', 'a'"


def test_control_characters_are_escaped() -> None:
    assert quoted("y\x1b[31m\n") == r"'y\x1b[31m\n'"
    assert plain("y\x1b[31m\n\u202e\ud83d.csv") == r"y\x1b[31m\n\u202e\ud83d.csv"


def test_long_text_is_cut_in_the_middle() -> None:
    assert quoted("a" * 40 + "b" * 40, limit=11) == f"'{'a' * 5}…{'b' * 5}'"
    assert len(quoted("x" * 5_000)) == 62
    assert plain("x" * 5_000).endswith("x")


def test_many_names_are_counted() -> None:
    assert listed(["a", "b", "c"], most=2) == "'a', 'b', and 1 more"


def test_a_message_keeps_its_lines_and_nothing_else_that_a_terminal_obeys() -> None:
    said = "2 problems:\n\ta\x1b[2Jb\r\x00\u202e\u009b\ud83d ü\u2028c"
    told = "2 problems:\n\ta\\x1b[2Jb\\r\\x00\\u202e\\x9b\\ud83d ü\\u2028c"
    assert harmless(said) == told
    assert harmless(told) == told


@given(st.text(st.characters(exclude_categories=())))
def test_every_line_of_a_message_is_printable(text: str) -> None:
    assert all(line.replace("\t", "").isprintable() for line in harmless(text).split("\n"))
    assert harmless(text).count("\n") == text.count("\n")


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_that_a_terminal_obeys_comes_through(text: str) -> None:
    for said in (quoted(text), plain(text), listed([text])):
        assert said.isprintable()
        assert len(said) < 10 * 400 + 10
        said.encode()
