"""`evaluation=linear`: a linear regression for labels that are any numbers, and its judge."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from headrace.runtime.evaluation.figures import UNKNOWN, rounded
from headrace.runtime.evaluation.losses import Losses
from headrace.runtime.evaluation.model import Sgd
from headrace.runtime.evaluation.rows import Floats, Rows


class LinearModel(Sgd):
    """Least squares by the same gradient descent as the logistic regression's.

    Labels are scaled by the mean and the standard deviation of the first rows, so that the
    learning rate means the same for prices as for counts. The curvature of the squared loss is four
    times that of the logistic loss, so that steps are a quarter as long.
    """

    algorithm = "SGDRegressor"
    loss = "squared_error"
    curvature = 4.0

    def learn(self, rows: Rows) -> None:
        """Take one step for each row; see `Sgd`."""
        if not self.rows:
            self._mean = float(rows.labels.mean())
            self._spread = float(rows.labels.std()) or 1.0
        self.fit(rows, (rows.labels - self._mean) / self._spread)

    def settle(self) -> None:
        """Do nothing: the prediction of the mean weights is the mean of their predictions."""

    def scores(self, rows: Rows) -> Floats:
        """Return the predicted label of each row."""
        scaled = np.asarray(self.sgd.predict(self.matrix(rows)), np.float64)
        return scaled * self._spread + self._mean

    def described(self) -> dict[str, Any]:
        """Return what `report/evaluation.json` says of it."""
        scales = {"label_mean": rounded(self._mean), "label_scale": rounded(self._spread)}
        return {**super().described(), **scales}


class LinearJudge:
    """Sums over the rows of one channel."""

    def __init__(self) -> None:
        self.rows = 0
        self.losses = Losses()
        self.label_sum = self.prediction_sum = 0.0
        self._label_squares = self._absolute_errors = 0.0

    def add(self, predictions: Floats, labels: Floats) -> None:
        """Take in some rows.

        Args:
            predictions: Shape (rows,).
            labels: Shape (rows,).
        """
        errors = predictions - labels
        count, mean = len(labels), float(labels.mean())
        apart = mean - self.label_mean if self.rows else 0.0
        # Chan, Golub, LeVeque: Algorithms for Computing the Sample Variance, Am. Stat. 37, 1983
        self._label_squares += float(np.square(labels - mean).sum())
        self._label_squares += apart * apart * self.rows * count / (self.rows + count)
        self.rows += count
        self.label_sum += float(labels.sum())
        self.prediction_sum += float(predictions.sum())
        self._absolute_errors += float(np.abs(errors).sum())
        self.losses.add(np.square(errors), labels)

    @property
    def label_mean(self) -> float:
        """Return the mean of the labels."""
        return self.label_sum / self.rows

    def figures(self) -> dict[str, Any]:
        """Return the figures of a channel that has any rows."""
        mse = self.losses.total / self.rows
        r2 = 1 - self.losses.total / self._label_squares if self._label_squares else None
        return {
            "rows": self.rows,
            "label_mean": rounded(self.label_mean),
            "mean_prediction": rounded(self.prediction_sum / self.rows),
            "mae": rounded(self._absolute_errors / self.rows),
            "mse": rounded(mse),
            "mse_standard_error": rounded(self.losses.standard_error()),
            "rmse": rounded(math.sqrt(mse)),
            "r2": rounded(r2),
        }


def linear_report(judges: Mapping[str, LinearJudge], judged_on: str) -> dict[str, Any]:
    """Return the figures of all channels, and one of them in SageMaker's words.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html
    """
    channels = {name: judge.figures() for name, judge in judges.items()}
    told = {
        name: {"value": channels[judged_on][name], "standard_deviation": UNKNOWN}
        for name in ("mae", "mse", "rmse", "r2")
    }
    groups = {name: judge.losses.groups() for name, judge in judges.items()}
    return {
        "regression_metrics": told,
        "judged_on": judged_on,
        "channels": channels,
        "groups": groups,
    }
