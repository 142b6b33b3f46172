"""What predictions are worth, counted as they come: memory does not grow with the rows."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from headrace.runtime.evaluation.buckets import BUCKETS, Buckets, bucket_of
from headrace.runtime.evaluation.rows import Floats

_SMALLEST = np.finfo(np.float64).eps
"""Predictions are kept this far from 0 and 1, as by scikit-learn's ``log_loss``."""


def probabilities(scores: Floats) -> Floats:
    """The logistic function of log-odds, without overflow at either end."""
    small = np.exp(-np.abs(scores))
    return np.asarray(np.where(scores >= 0, 1.0, small) / (1.0 + small))


class Judge:
    """Sums and counts over the rows of one channel.

    Attributes:
        loss_sum: Sum of ``-(y ln p + (1-y) ln(1-p))``.
        prediction_sum: Sum of the predictions.
        confusion: Rows by label (first index) and by whether the prediction is above 0.5.
    """

    def __init__(self) -> None:
        self.loss_sum = 0.0
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
        self.loss_sum -= float(np.log(np.where(labels == 1, clipped, 1 - clipped)).sum())
        self.prediction_sum += float(predictions.sum())
        is_one = (labels == 1).astype(np.int64)
        np.add.at(self.confusion, (is_one, (predictions > 0.5).astype(np.int64)), 1)
        buckets = bucket_of(scores)
        np.add.at(self._counts, (is_one, buckets), 1)
        np.add.at(self._sums, buckets, predictions)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.confusion.sum())

    @property
    def ones(self) -> int:
        """Number of rows whose label is 1."""
        return int(self.confusion[1].sum())

    @cached_property
    def buckets(self) -> Buckets:
        """The buckets that hold any rows, by ascending score; to be asked for at the end."""
        used: npt.NDArray[np.intp] = np.flatnonzero(self._counts[0] + self._counts[1])
        return Buckets(self._counts[0, used], self._counts[1, used], self._sums[used])
