"""The values of a swept key, and where they stand on an axis."""

from __future__ import annotations

import pytest

from headrace.results.pages.sweep.keys import Scale, key_of, keys_of
from tests.results.pages.sweep.test_advice import run


@pytest.mark.parametrize(
    ("texts", "scale"),
    [
        (["65536", "256", "4096"], Scale.LOGARITHMIC),
        (["1024", "65536"], Scale.LOGARITHMIC),
        ([str(10 * n) for n in range(1, 11)], Scale.LINEAR),
        (["0.5", "0.9"], Scale.LINEAR),
        (["-1", "0", "1"], Scale.LINEAR),
        (["0", "0.001", "0.01", "0.1"], Scale.RANKS),
        (["true", "false"], Scale.TEXTS),
        (["1", "nan"], Scale.TEXTS),
        (["1", ""], Scale.TEXTS),
    ],
)
def test_scales(texts: list[str], scale: Scale) -> None:
    assert key_of("a.b", "b", texts).scale is scale


def test_numbers_ascend_and_texts_keep_their_order() -> None:
    assert key_of("a", "a", ["1e3", "20", "3", "20"]).texts == ("3", "20", "1e3")
    assert key_of("a", "a", ["z", "b", "z"]).texts == ("z", "b")


@pytest.mark.parametrize(
    ("texts", "marks"),
    [
        (["256", "65536"], [(8.0, "2⁸"), (16.0, "2¹⁶")]),
        (["1", "2", "3", "100"], [(0.0, "1"), (pytest.approx(1.585, abs=1e-3), "3"),
                                  (pytest.approx(6.644, abs=1e-3), "100")]),
        (["0", "0.01", "1"], [(0.0, "0"), (1.0, "0.01"), (2.0, "1")]),
        ([str(n) for n in range(1, 61)], [(10.0 * n, str(10 * n)) for n in range(7)]),
        ([str(10 ** (n / 10)) for n in range(21)],
         [(0.0, "1"), (pytest.approx(3.322, abs=1e-3), "10"),
          (pytest.approx(6.644, abs=1e-3), "100")]),
    ],
)  # fmt: skip
def test_marks_have_room(texts: list[str], marks: list[tuple[float, str]]) -> None:
    assert key_of("a", "a", texts).marks() == marks


def test_values_are_short() -> None:
    assert key_of("a", "a", ["0.123456789", "0.2"]).shown("0.123456789") == "0.1235"
    assert key_of("a", "a", ["1024", "1048576"]).shown("1048576") == "1,048,576"
    assert key_of("a", "a", ["2023", "2024"]).shown("2024") == "2024"
    assert key_of("a", "a", ["2023", "2024"]).shown("no number at all") == "no number at all"


def test_names_are_short_where_that_leaves_no_doubt() -> None:
    assert [key.short for key in keys_of([run(0, {"a.x": "1", "+b.y": "2"}, None)])] == ["x", "y"]
    same = keys_of([run(0, {"a.x": "1", "b.x": "2"}, None)])
    assert [key.short for key in same] == ["a.x", "b.x"]
