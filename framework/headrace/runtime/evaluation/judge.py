"""The judge of predictions, which counts them as they come: memory does not grow with the rows.

A ranking needs scores in buckets that keep their order. A bucket is the top 22 bits of the score as
a float32: its sign, its exponent and 13 bits of its fraction. Scores that share a bucket differ by
less than 1 part in 8,192, and count as equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from headrace.runtime.evaluation.losses import Losses
from headrace.runtime.evaluation.rows import Floats

_SMALLEST = np.finfo(np.float64).eps
"""Predictions are kept this far from 0 and 1, as by scikit-learn's ``log_loss``."""
_BITS = 22
BUCKETS = 1 << _BITS
_LARGEST = float(np.finfo(np.float32).max)

Counts = npt.NDArray[np.int64]


def bucket_of(scores: Floats) -> npt.NDArray[np.uint32]:
    """Return the bucket of each score: the larger the score, the larger the number, or the same."""
    finite = np.clip(scores, -_LARGEST, _LARGEST).astype(np.float32)
    # Adding 0 makes the negative zero positive: the two are equal.
    bits = (finite + np.float32(0)).view(np.uint32)
    # Negative floats ascend as their bits descend.
    ordered = np.where(bits >> np.uint32(31), ~bits, bits | np.uint32(1 << 31))
    return np.asarray(ordered >> np.uint32(32 - _BITS), np.uint32)


@dataclass(frozen=True)
class Group:
    """Neighbouring buckets taken together."""

    rows: int
    ones: int
    prediction_sum: float


@dataclass(frozen=True)
class Buckets:
    """The buckets with any rows, by ascending score; arrays of one length.

    Attributes:
        zeros: Rows whose label is 0.
        ones: Rows whose label is 1.
        sums: Sums of the predictions.
        numbers: Of the buckets, see `bucket_of`.
    """

    zeros: Counts
    ones: Counts
    sums: Floats
    numbers: npt.NDArray[np.intp]

    def auc(self) -> float | None:
        """Return the area under the ROC curve: how often a 1 scores higher than a 0, a tie being ½.

        The Mann-Whitney statistic (Hanley, McNeil: The Meaning and Use of the Area under a
        Receiver Operating Characteristic Curve, Radiology 143, 1982). Differs from that of the
        exact scores by at most `auc_error`.

        Returns:
            Nothing where all labels are the same.
        """
        pairs = self._pairs()
        if not pairs:
            return None
        lower = np.cumsum(self.zeros) - self.zeros
        return int((self.ones * (2 * lower + self.zeros)).sum()) / (2 * pairs)

    def auc_error(self) -> float | None:
        """Return the most by which `auc` can be wrong: half of all pairs that share a bucket."""
        pairs = self._pairs()
        return int((self.ones * self.zeros).sum()) / (2 * pairs) if pairs else None

    def auc_standard_error(self) -> float | None:
        """Return the standard error of `auc`, from the shares of pairs that each row wins.

        DeLong, DeLong, Clarke-Pearson: Comparing the Areas under Two or More Correlated Receiver
        Operating Characteristic Curves, Biometrics 44, 1988, here for one curve.

        Returns:
            Nothing with fewer than two rows of either label.
        """
        auc, zeros, ones = self.auc(), int(self.zeros.sum()), int(self.ones.sum())
        if auc is None or min(zeros, ones) < 2:
            return None
        below = (np.cumsum(self.zeros) - self.zeros / 2) / zeros
        above = (ones - np.cumsum(self.ones) + self.ones / 2) / ones
        of_ones = float((self.ones * np.square(below - auc)).sum()) / (ones - 1)
        of_zeros = float((self.zeros * np.square(above - auc)).sum()) / (zeros - 1)
        return math.sqrt(of_ones / ones + of_zeros / zeros)

    def groups(self, count: int) -> list[tuple[int, Group]]:
        """Divide the rows into groups of about equally many; a bucket is not divided.

        Args:
            count: How many groups.

        Returns:
            Those that hold rows, each with its number, from 0.
        """
        rows = self.zeros + self.ones
        middles = 2 * np.cumsum(rows) - rows
        numbers = middles * count // (2 * int(rows.sum()))
        found = np.unique(numbers).tolist()
        return [(number, self._group(numbers == number)) for number in found]

    def histogram(self, edges: Floats) -> tuple[list[int], list[int]]:
        """Return the zeros and the ones between each two neighbouring edges, and at both ends.

        Args:
            edges: Scores, ascending. They should be bounds of buckets, which are not divided.

        Returns:
            Two lists, each one longer than `edges`.
        """
        ends = [0, *np.searchsorted(self.numbers, bucket_of(edges)).tolist(), len(self.numbers)]
        zeros, ones = (
            np.concatenate([[0], np.cumsum(counts)])[ends] for counts in (self.zeros, self.ones)
        )
        return np.diff(zeros).tolist(), np.diff(ones).tolist()

    def _group(self, chosen: npt.NDArray[np.bool_]) -> Group:
        ones = int(self.ones[chosen].sum())
        rows = ones + int(self.zeros[chosen].sum())
        return Group(rows, ones, float(self.sums[chosen].sum()))

    def _pairs(self) -> int:
        return int(self.zeros.sum()) * int(self.ones.sum())


def probabilities(scores: Floats) -> Floats:
    """Return the logistic function of log-odds, without overflow at either end."""
    small = np.exp(-np.abs(scores))
    return np.asarray(np.where(scores >= 0, 1.0, small) / (1.0 + small))


class Judge:
    """Sums and counts over the rows of one channel.

    Attributes:
        losses: ``-(y ln p + (1-y) ln(1-p))`` of each row, in sums.
        prediction_sum: Sum of the predictions.
        confusion: Rows by label (first index) and by whether the prediction is above 0.5.
    """

    def __init__(self) -> None:
        self.losses = Losses()
        self.prediction_sum = 0.0
        self.confusion = np.zeros((2, 2), np.int64)
        self._counts = np.zeros((2, BUCKETS), np.int64)
        self._sums = np.zeros(BUCKETS)

    def add(self, scores: Floats, labels: Floats) -> None:
        """Take in some rows.

        Args:
            scores: Log-odds, shape (rows,).
            labels: 0 or 1, shape (rows,).
        """
        predictions = probabilities(scores)
        clipped = np.clip(predictions, _SMALLEST, 1 - _SMALLEST)
        losses = -np.log(np.where(labels == 1, clipped, 1 - clipped))
        self.losses.add(losses, labels)
        self.prediction_sum += float(predictions.sum())
        is_one = (labels == 1).astype(np.int64)
        np.add.at(self.confusion, (is_one, (predictions > 0.5).astype(np.int64)), 1)
        buckets = bucket_of(scores)
        np.add.at(self._counts, (is_one, buckets), 1)
        np.add.at(self._sums, buckets, predictions)

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return int(self.confusion.sum())

    @property
    def ones(self) -> int:
        """Return the number of rows whose label is 1."""
        return int(self.confusion[1].sum())

    @cached_property
    def buckets(self) -> Buckets:
        """Return the buckets that hold any rows, by ascending score; to be asked for at the end."""
        used: npt.NDArray[np.intp] = np.flatnonzero(self._counts[0] + self._counts[1])
        return Buckets(self._counts[0, used], self._counts[1, used], self._sums[used], used)
