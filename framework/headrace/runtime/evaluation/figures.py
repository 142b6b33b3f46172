"""The figures by which a model is judged, from what a `Judge` has counted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from headrace.runtime.evaluation.judge import Judge
from headrace.runtime.evaluation.rows import DECIMALS

_DECILES = 10
_POINTS = 100
_STEP, _FARTHEST = 0.25, 10.0
"""Of a histogram of log-odds: multiples of powers of two, so that no bucket is divided."""
UNKNOWN = "NaN"
"""SageMaker's text for a standard deviation that was not computed."""


def channel_figures(judge: Judge) -> dict[str, Any]:
    """Return the figures of one channel that has any rows."""
    rows, base_rate, log_loss = judge.rows, judge.ones / judge.rows, judge.losses.total / judge.rows
    buckets = judge.buckets
    mean = judge.prediction_sum / rows
    return {
        "rows": rows,
        "base_rate": rounded(base_rate),
        "log_loss": rounded(log_loss),
        "log_loss_standard_error": rounded(judge.losses.standard_error()),
        "normalised_entropy": rounded(normalised_entropy(log_loss, base_rate)),
        "auc": rounded(buckets.auc()),
        "auc_standard_error": rounded(buckets.auc_standard_error()),
        "auc_error_bound": rounded(buckets.auc_error(), up=True),
        "mean_prediction": rounded(mean),
        "calibration_ratio": rounded(_ratio(mean, base_rate)),
    }


def normalised_entropy(log_loss: float, base_rate: float) -> float | None:
    """Return the log loss as a part of what always predicting the base rate would give.

    He et al.: Practical Lessons from Predicting Clicks on Ads at Facebook, ADKDD 2014, section 3.

    Returns:
        Nothing where all labels are the same: there is nothing to predict then.
    """
    if base_rate in (0, 1):
        return None
    return log_loss / -(base_rate * math.log(base_rate) + (1 - base_rate) * math.log1p(-base_rate))


def calibration(judge: Judge) -> list[dict[str, Any]]:
    """Compare predictions with what happened, a tenth of the rows at a time, lowest first.

    The data of a reliability diagram (DeGroot, Fienberg: The Comparison and Evaluation of
    Forecasters, The Statistician 32, 1983). Rows of equal prediction stay together, so a tenth can
    hold more rows than another, or be left out.
    """
    return [
        {
            "decile": number + 1,
            "rows": group.rows,
            "mean_prediction": rounded(group.prediction_sum / group.rows),
            "base_rate": rounded(group.ones / group.rows),
        }
        for number, group in judge.buckets.groups(_DECILES)
    ]


def score_histogram(judge: Judge) -> dict[str, Any]:
    """Count the rows of each label by their log-odds, in steps of `_STEP`.

    Log-odds spread out what probabilities of rare events crowd into the first hundredth. The first
    and the last step also hold what lies beyond them; steps at either end that are empty are left
    out.
    """
    edges = np.arange(-_FARTHEST + _STEP, _FARTHEST, _STEP)
    zeros, ones = judge.buckets.histogram(edges)
    used = [index for index, both in enumerate(zip(zeros, ones, strict=True)) if any(both)]
    first, last = used[0], used[-1] + 1
    return {
        "log_odds": [-_FARTHEST + _STEP * index for index in range(first, last + 1)],
        "zeros": zeros[first:last],
        "ones": ones[first:last],
    }


def binary_classification_metrics(judge: Judge) -> dict[str, Any]:
    """Return the same channel in SageMaker's words; a probability over 0.5 predicts a 1.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html
    """
    (tn, fp), (fn, tp) = judge.confusion.tolist()
    values = {
        "accuracy": _ratio(tp + tn, judge.rows),
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "true_positive_rate": _ratio(tp, tp + fn),
        "true_negative_rate": _ratio(tn, tn + fp),
        "false_positive_rate": _ratio(fp, tn + fp),
        "false_negative_rate": _ratio(fn, tp + fn),
        "auc": judge.buckets.auc(),
        "log_loss": judge.losses.total / judge.rows,
    }
    return {
        "confusion_matrix": {"0": {"0": tn, "1": fp}, "1": {"0": fn, "1": tp}},
        **{name: _metric(value) for name, value in values.items()},
        **_curves(judge),
    }


def logistic_report(judges: Mapping[str, Judge], judged_on: str) -> dict[str, Any]:
    """Return the figures of all channels, and one of them in SageMaker's words."""
    return {
        "binary_classification_metrics": binary_classification_metrics(judges[judged_on]),
        "judged_on": judged_on,
        "channels": {name: channel_figures(judge) for name, judge in judges.items()},
        "calibration": {name: calibration(judge) for name, judge in judges.items()},
        "scores": {name: score_histogram(judge) for name, judge in judges.items()},
        "groups": {name: judge.losses.groups() for name, judge in judges.items()},
    }


def _metric(value: float | None) -> dict[str, Any]:
    return {"value": rounded(value), "standard_deviation": UNKNOWN}


def _curves(judge: Judge) -> dict[str, Any]:
    """Return both curves, from the highest predictions down; nothing if all labels are the same."""
    zeros, ones = judge.rows - judge.ones, judge.ones
    if not (zeros and ones):
        return {}
    taken = hits = 0
    false_positives, true_positives, precisions = [0.0], [0.0], [1.0]
    for _, group in reversed(judge.buckets.groups(_POINTS)):
        taken, hits = taken + group.rows, hits + group.ones
        false_positives.append(round((taken - hits) / zeros, DECIMALS))
        true_positives.append(round(hits / ones, DECIMALS))
        precisions.append(round(hits / taken, DECIMALS))
    return {
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": false_positives,
            "true_positive_rates": true_positives,
        },
        "precision_recall_curve": {"precisions": precisions, "recalls": true_positives},
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def rounded(value: float | None, *, up: bool = False, power: int = 0) -> float | None:
    """Return a figure as it is told; None if it is no number any more.

    Args:
        value: The figure, if there is one.
        up: Whether it bounds an error.
        power: The figure is told times this power of two.
    """
    if value is None or not math.isfinite(value):
        return None
    try:
        told = math.ldexp(value, power)
    except OverflowError:
        return None
    return math.ceil(told * 10**DECIMALS) / 10**DECIMALS if up else round(told, DECIMALS)
