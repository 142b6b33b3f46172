"""`evaluation=linear`: a linear regression for labels that are any numbers, and its judge."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from headrace.runtime.evaluation.figures import UNKNOWN, rounded
from headrace.runtime.evaluation.losses import Losses
from headrace.runtime.evaluation.model import Sgd
from headrace.runtime.evaluation.rows import FARTHEST, Floats, Rows

_LARGEST = float(np.finfo(np.float64).max)


class LinearModel(Sgd):
    """Least squares by the same gradient descent as the logistic regression's.

    Labels are scaled by the mean and the standard deviation of the first rows, so that the
    learning rate means the same for prices as for counts. The curvature of the squared loss is four
    times that of the logistic loss, so that steps are a quarter as long.

    Mean and standard deviation are those of the labels in units of a power of two (`power_of`).
    """

    algorithm = "SGDRegressor"
    loss = "squared_error"
    curvature = 4.0

    def learn(self, rows: Rows) -> None:
        """Take one step for each row; see `Sgd`."""
        if not self.rows:
            self._power = power_of(rows.labels)
            labels = np.ldexp(rows.labels, -self._power)
            self._mean = float(labels.mean())
            self._spread = float(labels.std()) or math.ldexp(1.0, -self._power)
        with np.errstate(over="ignore"):
            scaled = (np.ldexp(rows.labels, -self._power) - self._mean) / self._spread
        self.fit(rows, np.clip(scaled, -FARTHEST, FARTHEST))

    def settle(self) -> None:
        """Do nothing: the prediction of the mean weights is the mean of their predictions."""

    def scores(self, rows: Rows) -> Floats:
        """Return the predicted label of each row, the nearest that is a number."""
        scaled = np.asarray(self.sgd.predict(self.matrix(rows)), np.float64)
        with np.errstate(over="ignore"):
            predicted = np.ldexp(scaled * self._spread + self._mean, self._power)
        return np.clip(predicted, -_LARGEST, _LARGEST)

    def described(self) -> dict[str, Any]:
        """Return what `report/evaluation.json` says of it."""
        mean, spread = (rounded(each, power=self._power) for each in (self._mean, self._spread))
        return {**super().described(), "label_mean": mean, "label_scale": spread}


class LinearJudge:
    """Sums over the rows of one channel.

    They are in units of a power of two (`power_of`), and become those of a larger one once it is
    needed. No figure but those that are no numbers themselves is lost to an overflow, and no other
    one has another bit for it.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.losses = Losses()
        self._power = 0
        self._label_sum = self._prediction_sum = 0.0
        self._label_squares = self._absolute_errors = 0.0

    def add(self, predictions: Floats, labels: Floats) -> None:
        """Take in some rows.

        Args:
            predictions: Finite, shape (rows,).
            labels: Finite, shape (rows,).
        """
        self._rescale(power_of(predictions, labels))
        predictions, labels = (np.ldexp(each, -self._power) for each in (predictions, labels))
        errors = predictions - labels
        count, mean = len(labels), float(labels.mean())
        apart = mean - self._label_sum / self.rows if self.rows else 0.0
        # Chan, Golub, LeVeque: Algorithms for Computing the Sample Variance, Am. Stat. 37, 1983
        self._label_squares += float(np.square(labels - mean).sum())
        self._label_squares += apart * apart * self.rows * count / (self.rows + count)
        self.rows += count
        self._label_sum += float(labels.sum())
        self._prediction_sum += float(predictions.sum())
        self._absolute_errors += float(np.abs(errors).sum())
        self.losses.add(np.square(errors), labels)

    def _rescale(self, power: int) -> None:
        less = self._power - power
        if self.rows and less >= 0:
            return
        self._power = power
        self._label_sum = math.ldexp(self._label_sum, less)
        self._prediction_sum = math.ldexp(self._prediction_sum, less)
        self._absolute_errors = math.ldexp(self._absolute_errors, less)
        self._label_squares = math.ldexp(self._label_squares, 2 * less)
        self.losses.rescale(less)

    def figures(self) -> dict[str, Any]:
        """Return the figures of a channel that has any rows."""
        mse, error = self.losses.total / self.rows, self.losses.standard_error()
        r2 = 1 - self.losses.total / self._label_squares if self._label_squares else None
        power = self._power
        return {
            "rows": self.rows,
            "label_mean": rounded(self._label_sum / self.rows, power=power),
            "mean_prediction": rounded(self._prediction_sum / self.rows, power=power),
            "mae": rounded(self._absolute_errors / self.rows, power=power),
            "mse": rounded(mse, power=2 * power),
            "mse_standard_error": rounded(error, power=2 * power),
            "rmse": rounded(math.sqrt(mse), power=power),
            "r2": rounded(r2),
        }

    def groups(self) -> dict[str, list[float | None]]:
        """Return the mean label and the mean squared error of groups of rows."""
        return self.losses.groups(self._power)


def power_of(*numbers: Floats) -> int:
    """Return the power of two that is the unit of numbers, so that the largest is about 1.

    Squares of 1e200 are too large for a float64 in any other unit, those of 1e-200 too small. The
    unit of the smallest numbers is 2**-1000, which can be divided by.
    """
    largest = max(float(np.abs(each).max(initial=0)) for each in numbers)
    return max(math.frexp(largest)[1], -1000)


def linear_report(judges: Mapping[str, LinearJudge], judged_on: str) -> dict[str, Any]:
    """Return the figures of all channels, and one of them in SageMaker's words.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html
    """
    channels = {name: judge.figures() for name, judge in judges.items()}
    told = {
        name: {"value": channels[judged_on][name], "standard_deviation": UNKNOWN}
        for name in ("mae", "mse", "rmse", "r2")
    }
    groups = {name: judge.groups() for name, judge in judges.items()}
    return {
        "regression_metrics": told,
        "judged_on": judged_on,
        "channels": channels,
        "groups": groups,
    }
