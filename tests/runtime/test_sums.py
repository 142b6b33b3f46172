"""Sums without rounding, against Python's own fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.statistics.sums import exact_sum, exact_sum_of_squares, square_root

FINITE = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.lists(
    st.one_of(FINITE, st.integers(-(2**53), 2**53).map(float), st.integers(-99, 99).map(float)),
    max_size=40,
)


@given(NUMBERS)
def test_sums(numbers: list[float]) -> None:
    assert exact_sum(np.array(numbers)) == sum(map(Fraction, numbers), Fraction())


@given(NUMBERS)
def test_sums_of_squares(numbers: list[float]) -> None:
    squares = (Fraction(number) ** 2 for number in numbers)
    assert exact_sum_of_squares(np.array(numbers)) == sum(squares, Fraction())


def test_many_numbers_of_full_length_do_not_overflow() -> None:
    """A sum of these mantissas does not fit into 64 bits, nor that of their squares."""
    numbers = np.full(5000, -(1 - 2**-53))
    assert exact_sum(numbers) == 5000 * Fraction(numbers[0])
    assert exact_sum_of_squares(numbers) == 5000 * Fraction(numbers[0]) ** 2


@given(st.fractions(min_value=0))
def test_square_roots_of_fractions(number: Fraction) -> None:
    root = Fraction(square_root(number))
    ulp = Fraction(math.ulp(square_root(number)))
    assert max(root - ulp, Fraction()) ** 2 <= number <= (root + ulp) ** 2


@given(FINITE)
def test_square_roots_of_squares(number: float) -> None:
    """However far beyond the range of a float the square is."""
    assert square_root(Fraction(number) ** 2) == abs(number)
