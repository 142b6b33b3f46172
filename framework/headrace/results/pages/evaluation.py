"""The evaluation of a run's model, from ``report/evaluation.json``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from headrace.results.pages.charts import NARROW, Axes, Chart, Series, lines, ticks
from headrace.results.pages.figures import count, marks, share

_X = "mean prediction of a tenth of the rows, %"
_ROC, _PRECISION_RECALL = "receiver_operating_characteristic_curve", "precision_recall_curve"
_WHOLE = [(part / 4, f"{25 * part}") for part in range(5)]
_ODDS = (0.0001, 0.001, 0.01, 0.03, 0.1, 0.2, 0.5, 0.8, 0.9, 0.97, 0.99, 0.999, 0.9999)
"""Probabilities that an axis of log-odds names."""
_FEWEST_MARKS = 3
_CHANCE = ((0.0, 0.0), (1.0, 1.0))


@dataclass(frozen=True)
class Tenth:
    """A tenth of the rows, grouped by their predictions."""

    rows: int
    mean_prediction: float
    base_rate: float

    @property
    def ratio(self) -> float | None:
        """Return the mean prediction divided by the rate that happened; None if nothing did."""
        return self.mean_prediction / self.base_rate if self.base_rate else None


@dataclass(frozen=True)
class Evaluation:
    """The quality of the model on rows that it has not seen."""

    channel: str
    rows: int
    base_rate: float
    log_loss: float
    auc: float | None
    normalised_entropy: float | None
    calibration_ratio: float | None
    tenths: tuple[Tenth, ...]
    roc: tuple[tuple[float, float], ...] = ()
    """False and true positive rates, highest predictions first; none without both labels."""
    precision_recall: tuple[tuple[float, float], ...] = ()
    """Recalls and precisions, likewise."""
    scores: tuple[tuple[float, int, int], ...] = ()
    """Log-odds in the middle of each step of a histogram, and its zeros and ones."""

    @classmethod
    def of(cls, report: dict[str, Any] | None) -> Evaluation | None:
        """Return the evaluation on the channel that the job itself was judged on.

        None if there is none, or of a linear regression.
        """
        if not report or "calibration" not in report:
            return None
        channel = report["judged_on"]
        figures = report["channels"][channel]
        tenths = [
            Tenth(tenth["rows"], tenth["mean_prediction"], tenth["base_rate"])
            for tenth in report["calibration"][channel]
        ]
        names = ("rows", "base_rate", "log_loss", "auc", "normalised_entropy", "calibration_ratio")
        known = {name: figures[name] for name in names}
        metrics = report.get("binary_classification_metrics", {})
        roc = _curve(metrics, _ROC, "false_positive_rates", "true_positive_rates")
        precision_recall = _curve(metrics, _PRECISION_RECALL, "recalls", "precisions")
        return cls(
            channel=channel,
            tenths=tuple(tenths),
            roc=roc,
            precision_recall=precision_recall,
            scores=_steps(report.get("scores", {}).get(channel)),
            **known,
        )

    @property
    def rows_judged(self) -> tuple[str, int, float]:
        """Return the values that must be equal before two evaluations can be compared."""
        return (self.channel, self.rows, self.base_rate)


@dataclass(frozen=True)
class Regression:
    """The errors of a linear regression on rows that it has not seen."""

    channel: str
    rows: int
    rmse: float | None
    mae: float | None
    r2: float | None
    label_mean: float
    mean_prediction: float

    @classmethod
    def of(cls, report: dict[str, Any] | None) -> Regression | None:
        """Return those on the channel that the job itself was judged on; None of other models."""
        if not report or "regression_metrics" not in report:
            return None
        channel = report["judged_on"]
        names = ("rows", "rmse", "mae", "r2", "label_mean", "mean_prediction")
        return cls(channel, *(report["channels"][channel][name] for name in names))

    @property
    def rows_judged(self) -> tuple[str, int, float]:
        """Return the values that must be equal before two evaluations can be compared."""
        return (self.channel, self.rows, self.label_mean)


def calibration_chart(evaluation: Evaluation) -> Chart:
    """Draw predictions against outcomes; a calibrated model stays on the diagonal."""
    points = [(tenth.mean_prediction, tenth.base_rate) for tenth in evaluation.tenths]
    highest = max(x for x, _ in points)
    axes = _shares(
        "Calibration: click rate by mean prediction, a tenth of the rows at a time",
        x=_X,
        y="click rate, %",
        x_marks=_percents(highest),
    )
    perfect = Series("perfect", [(0, 0), (highest, highest)], ())
    return lines(axes, [Series(evaluation.channel, points, _titles("", evaluation))], faint=perfect)


def roc_chart(evaluation: Evaluation) -> Chart | None:
    """Draw how many of the ones are found for how many of the zeros; None without both labels."""
    if not evaluation.roc:
        return None
    titles = [
        f"{share(y)} of the ones found, with {share(x)} of the zeros" for x, y in evaluation.roc
    ]
    axes = _shares(
        "ROC curve: true positive rate by false positive rate",
        x="false positive rate, %",
        y="true positive rate, %",
    )
    curve = Series(evaluation.channel, evaluation.roc, titles)
    return lines(axes, [curve], faint=Series("chance", _CHANCE, ()))


def precision_recall_chart(evaluation: Evaluation) -> Chart | None:
    """Draw what part of those taken for ones are ones; None without both labels."""
    if not evaluation.precision_recall:
        return None
    points = evaluation.precision_recall[1:]  # the first one, by convention, stands for no rows
    titles = [
        f"{share(x)} of the ones found; {share(y)} of those taken are ones" for x, y in points
    ]
    axes = _shares("Precision-recall curve: precision by recall", x="recall, %", y="precision, %")
    chance = Series("base rate", [(x, evaluation.base_rate) for x, _ in _CHANCE], ())
    return lines(axes, [Series(evaluation.channel, points, titles)], faint=chance)


def scores_chart(evaluation: Evaluation) -> Chart | None:
    """Draw how the predictions for rows of either label are spread; None without both labels.

    The axis is that of the log-odds, on which small probabilities are as far apart as large ones.
    """
    sums = [sum(step[label] for step in evaluation.scores) for label in (1, 2)]
    if not all(sums):
        return None
    series = [
        Series(
            f"label {label}",
            [(step[0], step[label + 1] / sums[label]) for step in evaluation.scores],
            [
                f"label {label}: {share(step[label + 1] / sums[label])} are predicted about "
                f"{share(_probability(step[0]))} ({count(step[label + 1])} rows)"
                for step in evaluation.scores
            ],
        )
        for label in (0, 1)
    ]
    lowest, highest = evaluation.scores[0][0], evaluation.scores[-1][0]
    shown = [_log_odds(mark) for mark in _ODDS if lowest <= _log_odds(mark) <= highest]
    if len(shown) < _FEWEST_MARKS:
        shown = ticks(lowest, highest)
    axes = Axes(
        "Predictions by label: the share of the rows of each label at each prediction",
        "predicted probability, % (scale of log-odds)",
        "share of the label's rows, %",
        [(mark, f"{100 * _probability(mark):.3g}") for mark in shown],
        y_scale=100,
        from_zero=True,
        size=NARROW,
    )
    return lines(axes, series)


def _steps(histogram: dict[str, Any] | None) -> tuple[tuple[float, int, int], ...]:
    """Return the middle of each step, and its zeros and ones; an empty step at both ends."""
    if not histogram:
        return ()
    edges = histogram["log_odds"]
    step = edges[1] - edges[0]
    middles = [(low + high) / 2 for low, high in pairwise([edges[0] - step, *edges])]
    zeros, ones = ([0, *histogram[name], 0] for name in ("zeros", "ones"))
    return tuple(zip([*middles, middles[-1] + step], zeros, ones, strict=True))


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _probability(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def _shares(title: str, *, x: str, y: str, x_marks: Sequence[tuple[float, str]] = _WHOLE) -> Axes:
    """Return the axes of a small chart of one percentage by another."""
    return Axes(title, x, y, x_marks, y_scale=100, from_zero=True, size=NARROW)


def _curve(metrics: dict[str, Any], name: str, x: str, y: str) -> tuple[tuple[float, float], ...]:
    curve = metrics.get(name)
    return tuple(zip(curve[x], curve[y], strict=True)) if curve else ()


def ratio_chart(evaluations: Sequence[tuple[str, Evaluation]]) -> Chart:
    """Draw how much too low or too high each model predicts, which separates several models.

    Args:
        evaluations: At least one, each with its name; there were clicks.
    """
    series = [
        Series(name, [(each.mean_prediction, each.ratio) for each in evaluation.tenths], titles)
        for name, evaluation in evaluations
        for titles in [_titles(f"{name}: ", evaluation)]
    ]
    highest = max(x for each in series for x, _ in each.points)
    axes = Axes(
        title="Calibration: mean prediction divided by click rate, a tenth of the rows at a time",
        x=_X,
        y="prediction ÷ click rate",
        x_marks=_percents(highest),
    )
    return lines(axes, series, faint=Series("perfect", [(0, 1), (highest, 1)], ()))


def _titles(beginning: str, evaluation: Evaluation) -> list[str]:
    return [
        f"{beginning}predicted {share(tenth.mean_prediction)}, happened "
        f"{share(tenth.base_rate)}, {count(tenth.rows)} rows"
        for tenth in evaluation.tenths
    ]


def _percents(highest: float) -> list[tuple[float, str]]:
    positions = ticks(0, highest)
    return list(zip(positions, marks(positions, 100), strict=True))
