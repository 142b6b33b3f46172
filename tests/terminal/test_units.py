"""Numbers with their units."""

from __future__ import annotations

import pytest

from headrace.terminal.units import duration, percent, size, three_digits


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.6, "1 kB"),
        (78_412, "78.4 kB"),
        (999_600, "1 MB"),
        (12_000_000_000, "12 GB"),
        (1_234_500_000_000_000, "1,234.5 TB"),
    ],
)
def test_bytes(count: float, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (4_000, "67 min"), (6_000, "1 h 40 min")],
)
def test_seconds(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_others() -> None:
    assert percent(0.431) == "43 %"
    assert three_digits(612_345) == 612_000
