"""Sums without any rounding: the same wherever one block of rows ends and the next begins."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def exact_sum(numbers: Floats) -> Fraction:
    """The sum of finite numbers."""
    if _are_small_integers(numbers):
        return Fraction(int(numbers.sum()))
    mantissas, exponents = np.frexp(numbers)
    whole = np.ldexp(mantissas, 53).astype(np.int64)
    total = Fraction()
    for exponent in np.unique(exponents).tolist():
        same = whole[exponents == exponent]
        in_units = (int((same >> 26).sum()) << 26) + int((same & (1 << 26) - 1).sum())
        total += in_units * Fraction(2) ** (exponent - 53)
    return total


def exact_sums(numbers: Floats, groups: npt.NDArray[np.int32], count: int) -> list[Fraction | int]:
    """The sum of each group.

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


def _are_small_integers(numbers: Floats) -> bool:
    """Whether float64 adds them up without rounding."""
    largest = float(np.abs(numbers).max(initial=0))
    return largest * len(numbers) < 2**53 and np.array_equal(np.rint(numbers), numbers)
