"""Text from outside never reaches a terminal as it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from framework.runtime.shown import listed, plain, quoted


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


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_that_a_terminal_obeys_comes_through(text: str) -> None:
    for said in (quoted(text), plain(text), listed([text])):
        assert said.isprintable()
        assert len(said) < 10 * 400 + 10
        said.encode()
