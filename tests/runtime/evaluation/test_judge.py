"""Every figure, against scikit-learn on the very same predictions."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from headrace.runtime.evaluation import figures
from headrace.runtime.evaluation.judge import Judge, bucket_of, probabilities

Floats = npt.NDArray[np.float64]
LAST_DIGIT = 5e-7
SCORES = st.one_of(
    st.floats(-800, 800), st.floats(-3, 3), st.sampled_from([0.0, -0.0, 1e-300, -1e-300, 37, -37])
)
ROWS = st.lists(st.tuples(SCORES, st.sampled_from([0.0, 1.0])), min_size=1, max_size=300)


def columns(rows: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    scores, labels = np.array(rows).T
    return scores, labels


def judge(scores: Floats, labels: Floats, batch: int = 7) -> Judge:
    made = Judge()
    for start in range(0, len(scores), batch):
        made.add(scores[start : start + batch], labels[start : start + batch])
    return made


def clicks(rows: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Scores as of a good model, and labels that are drawn accordingly."""
    random = np.random.default_rng(seed)
    scores = random.normal(-2, 1, rows)
    return scores, (random.random(rows) < probabilities(scores)).astype(float)


@given(ROWS)
def test_log_loss(rows: list[tuple[float, float]]) -> None:
    scores, labels = columns(rows)
    expected = metrics.log_loss(labels, probabilities(scores), labels=[0, 1])
    made = judge(scores, labels)
    assert made.losses.total / made.rows == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert figures.channel_figures(made)["log_loss"] == pytest.approx(expected, abs=LAST_DIGIT)


@given(ROWS)
def test_scores_by_label(rows: list[tuple[float, float]]) -> None:
    scores, labels = columns(rows)
    told = figures.score_histogram(judge(scores, labels))
    edges = np.array(told["log_odds"])
    assert np.diff(edges) == pytest.approx(0.25)
    assert -10 <= edges[0] < edges[-1] <= 10
    # as float32, as the scores are kept
    kept = np.clip(scores.astype(np.float32), edges[0], np.nextafter(edges[-1], -np.inf))
    for name, label in (("zeros", 0), ("ones", 1)):
        expected, _ = np.histogram(kept[labels == label], edges)
        assert told[name] == expected.tolist()


@given(ROWS)
def test_auc_is_wrong_by_no_more_than_it_says(rows: list[tuple[float, float]]) -> None:
    scores, labels = columns(rows)
    buckets = judge(scores, labels).buckets
    if len(set(labels)) == 1:
        assert buckets.auc() is buckets.auc_error() is None
        return
    auc, error = buckets.auc(), buckets.auc_error()
    assert auc is not None
    assert error is not None
    assert abs(auc - metrics.roc_auc_score(labels, scores)) <= error + 1e-12


@given(st.lists(st.tuples(st.integers(-9, 9), st.sampled_from([0.0, 1.0])), min_size=1))
def test_auc_is_exact_where_scores_are_far_enough_apart(rows: list[tuple[float, float]]) -> None:
    scores, labels = columns(rows)
    if len(set(labels)) == 2:
        auc = judge(scores, labels).buckets.auc()
        assert auc == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)


def test_auc_of_many_rows() -> None:
    scores, labels = clicks(200_000)
    buckets = judge(scores, labels, 65_536).buckets
    assert buckets.auc() == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-7)
    assert buckets.auc_error() == pytest.approx(0, abs=3e-5)


def test_the_standard_error_of_the_auc_is_that_of_pairs_counted_one_by_one() -> None:
    """DeLong's placements: the share of the other label that a row beats; and a bootstrap."""
    scores, labels = clicks(600, seed=5)
    scores = np.round(scores, 1)  # with ties
    ones, zeros = scores[labels == 1], scores[labels == 0]
    wins = np.sign(ones[:, None] - zeros) / 2 + 0.5
    spread = np.var(wins.mean(1), ddof=1) / len(ones) + np.var(wins.mean(0), ddof=1) / len(zeros)
    told = figures.channel_figures(judge(scores, labels))
    assert told["auc_standard_error"] == pytest.approx(math.sqrt(spread), abs=LAST_DIGIT)
    again = np.random.default_rng(0)
    drawn = [again.integers(0, 600, 600) for _ in range(200)]
    bootstrap = np.std([metrics.roc_auc_score(labels[rows], scores[rows]) for rows in drawn])
    assert told["auc_standard_error"] == pytest.approx(bootstrap, rel=0.2)


def test_the_standard_error_of_the_log_loss() -> None:
    scores, labels = clicks(3_001)
    losses = np.logaddexp(0, np.where(labels == 1, -scores, scores))
    told = figures.channel_figures(judge(scores, labels))["log_loss_standard_error"]
    assert told == pytest.approx(stats.sem(losses), abs=LAST_DIGIT)
    assert judge(scores[:1], labels[:1]).losses.standard_error() is None


def test_groups_of_rows_tell_the_standard_error_of_a_difference() -> None:
    scores, labels = clicks(20_037)
    other = scores + np.random.default_rng(1).normal(0, 0.3, len(scores))
    one, two = judge(scores, labels, 4_096).losses.groups(), judge(other, labels).losses.groups()
    assert one["mean_label"] == two["mean_label"]
    assert one["mean_label"][36] == pytest.approx(labels[36::100].mean(), abs=LAST_DIGIT)
    assert len(one["mean_loss"]) == 100
    exact = [np.logaddexp(0, np.where(labels == 1, -each, each)) for each in (scores, other)]
    apart = np.subtract(*(np.array(each["mean_loss"], float) for each in (two, one)))
    assert stats.sem(apart) == pytest.approx(stats.sem(exact[1] - exact[0]), rel=0.2)


def test_fewer_rows_than_groups() -> None:
    scores, labels = clicks(7)
    assert judge(scores, labels, 3).losses.groups()["mean_label"] == labels.tolist()


@given(st.lists(st.floats(-1e38, 1e38), min_size=1))
def test_buckets_keep_the_order(values: list[float]) -> None:
    scores = np.sort(np.array(values))
    assert (np.diff(bucket_of(scores).astype(np.int64)) >= 0).all()
    near = scores[np.abs(scores) > 1e-30]
    assert (bucket_of(near * 0.999) != bucket_of(near)).all()


def test_both_zeros_are_one_score() -> None:
    assert len(set(bucket_of(np.array([0.0, -0.0])).tolist())) == 1


@given(ROWS)
def test_a_click_is_predicted_above_a_half(rows: list[tuple[float, float]]) -> None:
    scores, labels = columns(rows)
    predicted = probabilities(scores) > 0.5
    made = figures.binary_classification_metrics(judge(scores, labels))
    (tn, fp), (fn, tp) = metrics.confusion_matrix(labels, predicted, labels=[0, 1]).tolist()
    assert made["confusion_matrix"] == {"0": {"0": tn, "1": fp}, "1": {"0": fn, "1": tp}}
    nan = {"zero_division": math.nan}
    expected = {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "precision": metrics.precision_score(labels, predicted, **nan),
        "recall": metrics.recall_score(labels, predicted, **nan),
        "f1": metrics.f1_score(labels, predicted, **nan),
        "true_positive_rate": metrics.recall_score(labels, predicted, **nan),
        "true_negative_rate": metrics.recall_score(labels, predicted, pos_label=0, **nan),
        "false_positive_rate": 1 - metrics.recall_score(labels, predicted, pos_label=0, **nan),
        "false_negative_rate": 1 - metrics.recall_score(labels, predicted, **nan),
    }
    for name, value in expected.items():
        assert made[name]["standard_deviation"] == "NaN"
        if math.isnan(value):
            assert made[name]["value"] is None
        else:
            assert made[name]["value"] == pytest.approx(value, abs=LAST_DIGIT)


def test_the_curves_are_points_of_the_exact_ones() -> None:
    scores, labels = clicks(20_000)
    made = figures.binary_classification_metrics(judge(scores, labels))
    roc = made["receiver_operating_characteristic_curve"]
    fpr, tpr = np.array(roc["false_positive_rates"]), np.array(roc["true_positive_rates"])
    exact_fpr, exact_tpr, _ = metrics.roc_curve(labels, scores, drop_intermediate=False)
    assert len(fpr) == len(tpr) == 101
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert np.abs(np.interp(fpr, exact_fpr, exact_tpr) - tpr).max() < 2e-3
    assert metrics.auc(fpr, tpr) == pytest.approx(made["auc"]["value"], abs=1e-3)
    curve = made["precision_recall_curve"]
    assert curve["recalls"] == roc["true_positive_rates"]
    taken = np.arange(1, 101) * 200
    hits = np.cumsum(labels[np.argsort(-scores)])[taken - 1]
    assert np.abs(np.array(curve["precisions"][1:]) - hits / taken).max() < 5e-3


def test_normalised_entropy_is_the_loss_against_always_predicting_the_base_rate() -> None:
    scores, labels = clicks(5000)
    base_rate = labels.mean()
    always = metrics.log_loss(labels, np.full(len(labels), base_rate))
    expected = metrics.log_loss(labels, probabilities(scores)) / always
    made = figures.channel_figures(judge(scores, labels))
    assert made["normalised_entropy"] == pytest.approx(expected, abs=LAST_DIGIT)
    constant = np.full(len(labels), math.log(base_rate / (1 - base_rate)))
    assert figures.channel_figures(judge(constant, labels))["normalised_entropy"] == 1.0


def test_deciles_are_those_of_sorted_predictions() -> None:
    scores, labels = clicks(100_000)
    made = figures.calibration(judge(scores, labels, 1000))
    order = np.argsort(scores)
    predictions = probabilities(scores)
    assert [each["decile"] for each in made] == list(range(1, 11))
    assert sum(each["rows"] for each in made) == 100_000
    for each, tenth in zip(made, np.split(order, 10), strict=True):
        assert each["rows"] == pytest.approx(10_000, abs=20)
        assert each["mean_prediction"] == pytest.approx(predictions[tenth].mean(), abs=1e-4)
        assert each["base_rate"] == pytest.approx(labels[tenth].mean(), abs=1e-3)


@given(ROWS)
def test_no_row_is_lost_between_deciles(rows: list[tuple[float, float]]) -> None:
    scores, labels = columns(rows)
    made = figures.calibration(judge(scores, labels))
    assert sum(each["rows"] for each in made) == len(rows)
    clicked = sum(each["rows"] * each["base_rate"] for each in made)
    assert clicked == pytest.approx(labels.sum(), abs=1e-6 * len(rows))
    means = [each["mean_prediction"] for each in made]
    assert means == sorted(means)


def test_constant_predictions() -> None:
    labels = np.array([0.0, 1.0, 0.0, 0.0])
    made = figures.channel_figures(judge(np.zeros(4), labels))
    assert made == {
        "rows": 4,
        "base_rate": 0.25,
        "log_loss": 0.693147,
        "log_loss_standard_error": 0.0,
        "normalised_entropy": 1.232623,
        "auc": 0.5,
        "auc_standard_error": None,
        "auc_error_bound": 0.5,
        "mean_prediction": 0.5,
        "calibration_ratio": 2.0,
    }
    calibrated = figures.calibration(judge(np.zeros(4), labels))
    assert calibrated == [{"decile": 6, "rows": 4, "mean_prediction": 0.5, "base_rate": 0.25}]


@pytest.mark.parametrize(("label", "ratio"), [(0.0, None), (1.0, 0.5)])
def test_one_class_only(label: float, ratio: float | None) -> None:
    made = judge(np.zeros(3), np.full(3, label))
    told: dict[str, Any] = figures.channel_figures(made)
    assert told == {
        "rows": 3,
        "base_rate": label,
        "log_loss": 0.693147,
        "log_loss_standard_error": 0.0,
        "normalised_entropy": None,
        "auc": None,
        "auc_standard_error": None,
        "auc_error_bound": None,
        "mean_prediction": 0.5,
        "calibration_ratio": ratio,
    }
    shape = figures.binary_classification_metrics(made)
    assert shape["auc"] == {"value": None, "standard_deviation": "NaN"}
    assert "receiver_operating_characteristic_curve" not in shape


def test_scores_beyond_all_measure_warn_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = judge(np.array([1e300, -1e300, 1e300]), np.array([1.0, 0.0, 0.0]))
    assert made.losses.total == pytest.approx(-math.log(np.finfo(float).eps))
