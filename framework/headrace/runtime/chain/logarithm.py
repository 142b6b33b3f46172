"""The logarithm of 1 + x, correctly rounded: the same bits on every machine.

In the last bit of some numbers, NumPy's own depends on the processor's instructions, and that of
the C library on its version. Here ``1 + x = 2**k * m`` with m near 1, and ``m * c = 1 + r`` for a
factor c out of a table, so that r is less than 1/64 and a short series gives ``log(1 + r)``. All is
computed in pairs of numbers that together have about 100 bits. Where their error decides how the
result is rounded, as with one number in some hundreds, Python's `decimal` computes it.

Source: J.-M. Muller et al., Handbook of Floating-Point Arithmetic, 2nd edition 2018, chapter 10
"""

from __future__ import annotations

import math
from decimal import Context, Decimal
from functools import cache
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Number = TypeVar("Number", Floats, float)

_STEPS = 64
_FIRST = 45
"""The table is for m from 45/64, which is about the root of 1/2, to 91/64."""
_LOWEST = 0.7071
_FACTOR_BITS = 1024.0
"""A factor has few bits, so that its product with 26 bits is exact."""
_SPLITTER = 2.0**27 + 1
_ROUGH = 2.0**42
"""Multiples of 1 / 2**42 up to 1,000 are added without rounding."""
_ERROR = 2.0**-63
_SMALL = 2.0**-60
_FEW = 20
"""Numbers of which each by itself is done sooner than an array of them."""
_DIGITS = 60
_ALL_DIGITS = 1200
"""Of ``1 + x`` for any x."""


class _Table(NamedTuple):
    factors: Floats
    rough: Floats
    """``-log(factor)``, a multiple of 1 / 2**42."""
    fine: Floats
    two_rough: float
    """The same of ``log(2)``."""
    two_fine: float


def log1p(numbers: Floats) -> Floats:
    """Return the natural logarithm of one plus each of the numbers.

    Args:
        numbers: Finite and greater than -1, shape (numbers,).
    """
    if len(numbers) <= _FEW:
        return np.array([_alone(number) for number in numbers.tolist()], np.float64)
    table = _table()
    whole, rest = _sum(np.ones(()), numbers)
    fraction, power = np.frexp(whole)
    power = power - (fraction < _LOWEST)
    m, m_rest = np.ldexp(whole, -power), np.ldexp(rest, -power)
    row = np.rint(m * _STEPS).astype(np.int64) - _FIRST
    factor = table.factors[row]
    high, low = _split(m)
    r, r_rest = _sum(high * factor - 1.0, low * factor)
    is_near = (power == 0) & (factor == 1.0)  # then r is x itself
    r = np.where(is_near, numbers, r)
    r_rest = np.where(is_near, 0.0, r_rest + m_rest * factor)
    rough = power * table.two_rough + table.rough[row]
    first, second = _added(rough, power * table.two_fine + table.fine[row], r, r_rest)
    made: Floats = first + second
    spread = np.abs(made) * _ERROR
    unsure = (first + (second - spread)) != (first + (second + spread))
    is_small = np.abs(numbers) < _SMALL
    made = np.where(is_small, numbers, made)
    for place in np.flatnonzero(unsure & ~is_small).tolist():
        made[place] = _exact(float(numbers[place]))
    return made


def _alone(number: float) -> float:
    """Return the same of a single number, step by step, sooner than in an array."""
    if abs(number) < _SMALL:
        return number
    table = _table()
    whole, rest = _sum(1.0, number)
    fraction, power = math.frexp(whole)
    power -= fraction < _LOWEST
    m, m_rest = math.ldexp(whole, -power), math.ldexp(rest, -power)
    row = round(m * _STEPS) - _FIRST
    factor = table.factors.item(row)
    r, r_rest = number, 0.0
    if power or factor != 1.0:
        high, low = _split(m)
        r, r_rest = _sum(high * factor - 1.0, low * factor)
        r_rest += m_rest * factor
    rough = power * table.two_rough + table.rough.item(row)
    first, second = _added(rough, power * table.two_fine + table.fine.item(row), r, r_rest)
    made = first + second
    spread = abs(made) * _ERROR
    unsure = first + (second - spread) != first + (second + spread)
    return _exact(number) if unsure else made


def _added(rough: Number, fine: Number, r: Number, r_rest: Number) -> tuple[Number, Number]:
    """Return ``rough + fine + log(1 + r + r_rest)`` as two numbers."""
    square, square_rest = _square(r)
    series = r * square * _polynomial(r) + r_rest * (1.0 - r + square)
    first, error = _sum(rough, r)
    first, more = _sum(first, -0.5 * square)
    return first, error + more + (fine + (series - 0.5 * square_rest))


def _polynomial(r: Number) -> Number:
    """Return ``1/3 - r/4 + r**2/5 - …``."""
    value = 0.0 * r
    for term in range(13, 2, -1):
        value = (1.0 if term % 2 else -1.0) / term + r * value
    return value


def _sum(one: Number, other: Number) -> tuple[Number, Number]:
    """Return the sum and what rounding took from it (Knuth's TwoSum)."""
    total = one + other
    part = total - one
    return total, (one - (total - part)) + (other - part)


def _split(number: Number) -> tuple[Number, Number]:
    """Return two numbers of 26 bits that add up to it (Veltkamp's splitting)."""
    shifted = number * _SPLITTER
    high = shifted - (shifted - number)
    return high, number - high


def _square(number: Number) -> tuple[Number, Number]:
    """Return the square and what rounding took from it (Dekker's product)."""
    high, low = _split(number)
    product = number * number
    return product, ((high * high - product) + 2.0 * high * low) + low * low


def _exact(number: float) -> float:
    one_more = Context(prec=_ALL_DIGITS).add(Decimal(number), Decimal(1))
    return float(one_more.ln(Context(prec=_DIGITS)))


@cache
def _table() -> _Table:
    context = Context(prec=_DIGITS)
    rows = np.arange(_FIRST, 2 * _STEPS - _FIRST + 10)
    factors = np.rint(_STEPS / rows * _FACTOR_BITS) / _FACTOR_BITS
    pairs = [_pair(-Decimal(factor).ln(context)) for factor in factors.tolist()]
    rough, fine = np.array(pairs).T
    return _Table(factors, rough, fine, *_pair(Decimal(2).ln(context)))


def _pair(number: Decimal) -> tuple[float, float]:
    rough = float(round(number * Decimal(_ROUGH))) / _ROUGH
    return rough, float(Context(prec=_DIGITS).subtract(number, Decimal(rough)))
