"""Numbers as the pages show them, and where the marks of an axis stand."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.results.pages import figures
from headrace.results.pages.charts import ticks
from headrace.results.pages.figures import visible

N = "\N{NARROW NO-BREAK SPACE}"
DASH = "\N{EN DASH}"


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (figures.count(1234567), "1,234,567"),
        (figures.count(None), DASH),
        (figures.share(0), f"0{N}%"),
        (figures.share(0.00001), f"< 0.01{N}%"),
        (figures.share(0.0312), f"3.12{N}%"),
        (figures.share(0.1725), f"17.2{N}%"),
        (figures.share(0.99999), f"99.9{N}%"),
        (figures.share(1), f"100{N}%"),
        (figures.share(None), DASH),
        (figures.score(0.39218), "0.3922"),
        (figures.score(None), DASH),
        (figures.measure(9131.79787), "9,132"),
        (figures.measure(0.123456), "0.1235"),
        (figures.measure(-2.5), f"{figures.MINUS}2.500"),
        (figures.measure(0), "0.0000"),
        (figures.measure(-1.7e308), f"{figures.MINUS}1.7e+308"),
        (figures.measure(1.5e-12), f"1.5e{figures.MINUS}12"),
        (figures.measure(None), DASH),
        (figures.seconds(0.8312), f"0.83{N}s"),
        (figures.seconds(61.24), f"61.2{N}s"),
        (figures.seconds(4000), f"66{N}min 40{N}s"),
        (figures.seconds(None), DASH),
        (figures.megabytes(485.2), f"485{N}MB"),
        (figures.megabytes(None), DASH),
        (figures.octets(78412), f"78.4{N}kB"),
    ],
)
def test_a_number_has_its_unit(shown: str, text: str) -> None:
    assert shown == text


def test_widths_are_powers_only_if_all_of_them_are() -> None:
    assert figures.widths([1, 256, 65536]) == ["2⁰", "2⁸", "2¹⁶"]
    assert figures.widths([256, 1000, 50_000, 2_500_000]) == ["256", "1k", "50k", "2.5M"]


def test_the_marks_of_an_axis_have_as_many_decimals_each() -> None:
    assert figures.marks([0.39, 0.395, 0.4]) == ["0.390", "0.395", "0.400"]
    assert figures.marks([0, 0.25, 0.5]) == ["0", "0.25", "0.50"]
    assert figures.marks([0, 0.1, 0.25], 100) == ["0", "10", "25"]
    assert figures.marks([-2000, 0, 2000]) == ["\N{MINUS SIGN}2,000", "0", "2,000"]


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
@example(0.0, 2.2e-311)
@example(1e9, 1e-5)
def test_ticks_are_few_round_and_all_around(low: float, length: float) -> None:
    marks = ticks(low, low + length)
    assert 2 <= len(marks) <= 11
    assert marks == sorted(set(marks))
    slack = 1e-6 * (abs(low) + length)
    assert marks[0] <= low + slack
    assert marks[-1] >= low + length - slack


def test_ticks_of_everyday_ranges() -> None:
    assert ticks(0, 4200) == [0, 1000, 2000, 3000, 4000, 5000]
    assert ticks(0.3923, 0.4172) == [0.39, 0.395, 0.4, 0.405, 0.41, 0.415, 0.42]
    assert ticks(0, 0)[0] < 0 < ticks(0, 0)[-1]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<b>", "<b>"),
        ("żółw 東京", "żółw 東京"),
        ("a\u202eb", "a\\u202eb"),
        ("\x00\x1b\x9f", "\\x00\\x1b\\x9f"),
        ("line\nbreak", "line\\x0abreak"),
        ("\ufeff", "\\ufeff"),
        (7, "7"),
    ],
)
def test_nothing_invisible_is_shown(text: object, shown: str) -> None:
    assert visible(text) == shown


def test_a_long_text_is_cut() -> None:
    assert visible("x" * 121) == "x" * 119 + "…"
    assert visible("x" * 120) == "x" * 120
    assert visible("\x00" * 10**6, 5) == "\\x00" * 4 + "…"
