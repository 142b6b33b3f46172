"""Sums of the label for each value of each column, by folds, as a state: exact in any order.

A label is cut into digits of 24 bits, ``label = sum(digit * 2 ** (24 * place))``, whose sums are
whole numbers: no order of the rows changes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.runtime.hashing.hash64 import hash64, key_of
from headrace.runtime.hashing.tokens import U64, Encoded
from headrace.runtime.learning.counts import BYTES_EACH, VALUE, refuse_more
from headrace.runtime.learning.states import added_up

FOLD, PLACE, ROWS, SUM = "fold", "place", "rows", "sum"
_BITS = 24
_LOW = (1 << _BITS) - 1
_DIGITS = 4
"""So many digits hold the 53 bits of a number, wherever these begin."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def of_all_rows() -> U64:
    """Return what the sums of all rows are known by, shape (1,): a value of no column."""
    return hash64(pa.array([""]), key_of(""))


def target_sums(
    columns: Mapping[str, pa.StringArray], labels: Floats, folds: Ints, count: int
) -> pa.Table:
    """Add up the labels of each value of some columns, fold by fold, and those of all rows.

    Args:
        columns: Nulls do not count.
        labels: Finite, shape (rows,).
        folds: Fold of each row, below `count`, shape (rows,).
        count: Number of folds.
    """
    digits = dict(_digits(labels))
    made = [_sums(of_all_rows(), folds, digits, count)]
    for name, column in columns.items():
        cells = Encoded.of(column)
        values, codes = hash64(cells.values, key_of(name)), cells.codes.astype(np.int64)
        if cells.missing is None:
            made.append(_sums(values, codes * count + folds, digits, count))
        else:
            given = ~cells.missing
            chosen = {place: each[given] for place, each in digits.items()}
            made.append(_sums(values, codes[given] * count + folds[given], chosen, count))
    return pa.concat_tables(made).combine_chunks()


def added_up_targets(states: Sequence[pa.Table], max_values: int) -> pa.Table:
    """Add up sums: all of these in one.

    Raises:
        ValueError: There are more values than `max_values`, each counted once in each fold.
    """
    merged = added_up(states, VALUE, FOLD, PLACE)
    merged = merged.filter(pc.or_(pc.not_equal(merged[ROWS], 0), pc.not_equal(merged[SUM], 0)))
    refuse_more(merged.num_rows, max_values, BYTES_EACH)
    return merged


class Sums(NamedTuple):
    """Rows and labels of some groups of rows.

    Attributes:
        rows: Number of rows, shape (groups,).
        digits: Sum of the labels' digits, by their place, shape (groups,).
    """

    rows: Ints
    digits: dict[int, Ints]

    @classmethod
    def of(cls, state: pa.Table, groups: Ints, count: int) -> Sums:
        """Add up the rows of a state that belong together."""
        places, sums = state[PLACE].to_numpy(), state[SUM].to_numpy()
        chosen = {int(place): places == place for place in np.unique(places)}
        digits = {place: _added(groups[at], sums[at], count) for place, at in chosen.items()}
        return cls(_added(groups, state[ROWS].to_numpy(), count), digits)

    def take(self, groups: Ints) -> Sums:
        """Return those of some groups."""
        return Sums(self.rows[groups], {place: each[groups] for place, each in self.digits.items()})

    def without(self, other: Sums) -> Sums:
        """Return those of the rows that are not the other's, which are a part of them."""
        left = {place: each - other.digits.get(place, 0) for place, each in self.digits.items()}
        return Sums(self.rows - other.rows, left)

    def means(self) -> Floats:
        """Return the mean label of each group, shape (groups,); 0 of one without rows."""
        return np.divide(self._labels(), np.maximum(self.rows, 1))

    def smoothed(self, smooth: float, means: Floats) -> Floats:
        """Return the mean label of each group as if it had `smooth` rows of another mean besides.

        Where labels are 0 and 1 these are to the last bit scikit-learn's, which adds up row by row,
        and where they are other whole numbers from 0 on, none above ``smooth * means``.

        Args:
            smooth: Number of rows.
            means: Mean of these, shape (groups,).
        """
        begun = smooth * means
        labels = self._labels()
        sums = begun + labels
        if set(self.digits) <= {0} and (labels >= 0).all():
            whole = labels.astype(np.int64)
            for start in np.unique(begun):
                at = begun == start
                sums[at] = counted_up(float(start), whole[at])
        weights = counted_up(smooth, self.rows)
        return np.where(weights == 0, means, sums / np.where(weights == 0, 1, weights))

    def _labels(self) -> Floats:
        total = np.zeros(len(self.rows))
        for place in sorted(self.digits, reverse=True):
            total += np.ldexp(self.digits[place].astype(np.float64), _BITS * place)
        return total


def counted_up(start: float, times: Ints) -> Floats:
    """Return what ``start += 1.0``, done so many times, gives in float64, rounding every time.

    Args:
        start: Not negative.
        times: Shape (groups,).
    """
    if start >= 2.0**53:  # so that 1 more is no more
        return np.full(len(times), start)
    if (most := int(times.max(initial=0))) < len(times):  # most of them come several times
        return _counted_up(start, np.arange(most + 1), most).take(times)
    return _counted_up(start, times, most)


def _counted_up(start: float, times: Ints, most: int) -> Floats:
    # Between two powers of two there is nothing to round, so few steps have to be done by itself.
    begins, numbers = [0], [start]
    while begins[-1] < most:
        number = numbers[-1]
        power = 2.0 ** np.frexp(number)[1] if number else 1.0
        exact = max(int(np.ceil(power - number)), 1) - 1
        begins.append(begins[-1] + exact + 1)
        numbers.append((number + exact) + 1.0)
    place = np.searchsorted(np.array(begins), times, side="right") - 1
    made: Floats = np.array(numbers)[place] + (times - np.array(begins)[place])
    return made


def _sums(values: U64, groups: Ints, digits: Mapping[int, Floats], count: int) -> pa.Table:
    """Return the state of one column.

    Args:
        values: What its values are known by, shape (values,).
        groups: Of each row the number of its value times `count`, and its fold.
        digits: Of each row's label, by their place.
        count: Number of folds.
    """
    size = len(values) * count
    rows, made = np.bincount(groups, minlength=size).astype(np.int64), []
    for place, each in digits.items():
        sums = np.bincount(groups, each, size).astype(np.int64)  # whole numbers below 2**53
        counted = rows if not place else np.zeros(size, np.int64)
        found = np.flatnonzero((counted != 0) | (sums != 0))
        cells = [
            values[found // count],
            (found % count).astype(np.int16),
            np.full(len(found), place, np.int16),
            counted[found],
            sums[found],
        ]
        made.append(pa.table(cells, [VALUE, FOLD, PLACE, ROWS, SUM]))
    return pa.concat_tables(made)


def _digits(labels: Floats) -> Iterator[tuple[int, Floats]]:
    """Return the digits of labels, by their place; those of place 0 in any case."""
    if not len(labels) or (np.abs(labels).max() < 2.0**_BITS and (np.rint(labels) == labels).all()):
        yield 0, labels
        return
    mantissas, exponents = np.frexp(labels)
    whole = np.ldexp(mantissas, 53).astype(np.int64)
    lowest, shift = np.divmod(exponents.astype(np.int64) - 53, _BITS)
    found, carried = [], np.zeros(len(labels), np.int64)
    for number in range(_DIGITS):
        bits = (np.abs(whole) >> _BITS * number & _LOW) << shift
        found.append((bits + carried & _LOW) * np.sign(whole))
        carried = bits + carried >> _BITS
    for place in sorted({0, *(np.unique(lowest)[:, None] + np.arange(_DIGITS)).ravel().tolist()}):
        digit = np.zeros(len(labels))
        for number, each in enumerate(found):
            at = lowest + number == place
            digit[at] = each[at]
        if place == 0 or digit.any():
            yield place, digit


def _added(groups: Ints, numbers: Ints, count: int) -> Ints:
    total = np.zeros(count, np.int64)
    np.add.at(total, groups, numbers)
    return total
