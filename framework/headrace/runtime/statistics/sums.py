"""Sums without any rounding: the same wherever one block of rows ends and the next begins."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

import numpy as np
import numpy.typing as npt

from headrace.runtime.kernels import dense_calls
from headrace.runtime.kernels.library import library

Floats = npt.NDArray[np.float64]

_ROOT_BITS = 64
"""Bits of a square root that are right before it is rounded to 53."""


def exact_sum(numbers: Floats) -> Fraction:
    """Return the sum of finite numbers."""
    if (kernels := library()) is not None:
        counted = dense_calls.whole_sums(kernels, None, numbers, 1)
        if counted is not None:
            return Fraction(int(counted[1][0]))
    if _are_small_integers(numbers):
        return Fraction(int(numbers.sum()))
    mantissas, exponents = np.frexp(numbers)
    return _scaled(exponents - 53, (np.ldexp(mantissas, 53), 0))


def exact_sum_of_squares(numbers: Floats) -> Fraction:
    """Return the sum of the squares of finite numbers, however large or small these are."""
    if _are_small_integers(numbers) and float(np.abs(numbers).max(initial=0)) < 2**26:
        return exact_sum(numbers * numbers)
    mantissas, exponents = np.frexp(numbers)
    high = np.rint(np.ldexp(mantissas, 26))
    low = np.ldexp(mantissas, 53) - np.ldexp(high, 27)
    # A number is (high * 2**27 + low) * 2**(exponent - 53), each of the two of at most 26 bits.
    return _scaled(2 * exponents - 106, (high * high, 54), (high * low, 28), (low * low, 0))


def exact_sums(numbers: Floats, groups: npt.NDArray[np.int32], count: int) -> list[Fraction | int]:
    """Return the sum of each group.

    Args:
        numbers: Finite, shape (rows,).
        groups: The group of each, below `count`, shape (rows,).
        count: Number of groups.
    """
    if _are_small_integers(numbers):
        whole: list[Fraction | int] = np.bincount(groups, numbers, count).astype(np.int64).tolist()
        return whole
    order = np.argsort(groups, kind="stable")
    ends = np.searchsorted(groups[order], np.arange(1, count))
    return [exact_sum(group) for group in np.split(numbers[order], ends)]


def rows_and_sums(
    numbers: Floats, groups: npt.NDArray[np.int32], count: int
) -> tuple[npt.NDArray[np.int64], list[Fraction | int]]:
    """Return the number of rows and the sum of each group; takes what `exact_sums` takes."""
    if (kernels := library()) is not None:
        counted = dense_calls.whole_sums(kernels, groups, numbers, count)
        if counted is not None:
            rows, sums = counted
            return rows, sums.tolist()
    return np.bincount(groups, minlength=count), exact_sums(numbers, groups, count)


def square_root(number: Fraction) -> float:
    """Return the square root of a fraction that is not negative, to the last bit or next to it."""
    if not number:
        return 0.0
    bits = number.denominator.bit_length() - number.numerator.bit_length() + 2 * _ROOT_BITS
    shift = max(bits, 0) // 2
    return float(Fraction(isqrt((number.numerator << 2 * shift) // number.denominator), 1 << shift))


def _scaled(scales: npt.NDArray[np.int32], *terms: tuple[Floats, int]) -> Fraction:
    """Return the sum of whole numbers times powers of two.

    Args:
        scales: The power of each number, shape (rows,).
        terms: Whole numbers below 2**53, shape (rows,), each with a power of its own.
    """
    order = np.argsort(scales.astype(np.int16), kind="stable")  # a radix sort for so few bits
    scales = scales[order]
    starts = np.flatnonzero(np.diff(scales, prepend=scales[:1] - 1))
    units = [0] * len(starts)
    for numbers, bits in terms:
        whole = numbers.astype(np.int64)[order]
        # halves, so that int64 adds up billions of them
        upper = np.add.reduceat(whole >> 26, starts).tolist()
        lower = np.add.reduceat(whole & (1 << 26) - 1, starts).tolist()
        for place, (high, low) in enumerate(zip(upper, lower, strict=True)):
            units[place] += (high << 26 + bits) + (low << bits)
    groups = zip(units, scales[starts].tolist(), strict=True)
    return sum((unit * Fraction(2) ** power for unit, power in groups), Fraction())


def _are_small_integers(numbers: Floats) -> bool:
    """Return whether float64 adds them up without rounding."""
    largest = float(np.abs(numbers).max(initial=0))
    return largest * len(numbers) < 2**53 and np.array_equal(np.rint(numbers), numbers)
