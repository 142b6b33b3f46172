"""Numbers as decimal text, each distinct number or group of digits spelt out only once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.runtime.hashing.words import Cells
from headrace.runtime.output.writers.base import Floats
from headrace.runtime.output.writers.texts import U8, U64, WORD, Texts

U32 = npt.NDArray[np.uint32]

_FOUR = np.uint32(10**4)
_FOUR_DIGITS = np.array([b"%04d" % number for number in range(_FOUR)], "S4").view("<u4")
_SEVEN = np.uint32(10**7)
"""Seven digits and the character before them fill a word."""
_SMALL = range(-128, 128)


def index_texts(indices: U32, n_features: int, before: str = " ") -> list[Texts]:
    """Return a character and the digits of each index, in one column of texts or in two."""
    mark = np.uint64(ord(before))
    if n_features <= _SEVEN:
        return [_behind(mark, indices, _digits(indices, n_features))]
    upper, lower = _divided(indices, _SEVEN)
    goes_on = upper > 0
    lower_digits = np.where(goes_on, np.uint8(7), _digits(lower, int(_SEVEN)))
    upper_digits = _digits(upper, n_features // int(_SEVEN) + 1) * goes_on
    return [_behind(mark, upper, upper_digits), Texts(_last(lower, lower_digits), lower_digits)]


def _divided(numbers: U32, by: np.uint32) -> tuple[U32, U32]:
    """Divide as `numpy.divmod` does, which is slow."""
    quotients = numbers // by
    return quotients, numbers - quotients * by


def _digits(numbers: U32, below: int) -> U8:
    """Return how many digits each number has, all of them being below that bound."""
    digits = np.ones(len(numbers), np.uint8)
    for power in range(1, len(str(below - 1))):
        digits += numbers >= np.uint32(10**power)
    return digits


def _last(numbers: U32, digits: U8) -> U64:
    """Return so many of the last of each number's eight digits, as words."""
    upper, lower = _divided(numbers, _FOUR)
    halves = np.empty((len(numbers), 2), "<u4")
    halves[:, 0] = _FOUR_DIGITS.take(upper)
    halves[:, 1] = _FOUR_DIGITS.take(lower)
    left_out = np.uint8(WORD) - digits
    eight: U64 = halves.view("<u8")[:, 0]
    return eight >> (left_out << np.uint8(3)).astype(np.uint64)


def _behind(mark: np.uint64, numbers: U32, digits: U8) -> Texts:
    words = _last(numbers, digits) << np.uint64(8) | mark
    return Texts(words, digits + np.uint8(1))


def number_texts(numbers: Floats, before: str) -> list[Texts]:
    """Return each number behind the same text, in as many columns as the longest one needs."""
    distinct, codes = coded(numbers)
    cells = Cells.of(pc.binary_join_element_wise(before, _spelt(distinct), ""))
    columns = []
    for start in range(0, int(cells.lengths.max(initial=0)), WORD):
        lengths = np.clip(cells.lengths - start, 0, WORD).astype(np.uint8)
        columns.append(Texts(cells.word(start).take(codes), lengths.take(codes)))
    return columns


def number_strings(numbers: Floats) -> pa.LargeBinaryArray:
    """Return each number as a byte string of Arrow's."""
    distinct, codes = coded(numbers)
    return _spelt(distinct).cast(pa.large_binary()).take(pa.array(codes))


def _spelt(numbers: Floats) -> pa.StringArray:
    """Return the shortest texts that read back as the same numbers: 1, 0.1, 1e+20."""
    return pa.array(numbers).cast(pa.string())


def coded(numbers: Floats) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return the distinct numbers, and for each of `numbers` its place among them."""
    if len(numbers) and numbers.min() >= _SMALL.start and numbers.max() < _SMALL.stop:
        small = numbers.astype(np.int8)
        # Hashed rows hold hardly anything but small whole numbers, and for those this is quick.
        if np.array_equal(_bits(small.astype(numbers.dtype)), _bits(numbers)):
            return np.array(_SMALL, numbers.dtype), small.astype(np.intp) - _SMALL.start
    coded = pa.array(_bits(numbers)).dictionary_encode()
    codes = coded.indices.to_numpy().astype(np.intp)
    return coded.dictionary.to_numpy().view(numbers.dtype), codes


def _bits(numbers: Floats) -> npt.NDArray[np.integer[Any]]:
    """Return integers that are equal where the numbers are; 0.0 does not equal -0.0."""
    return numbers.view(f"i{numbers.itemsize}")
