"""The linear regression on labels of every size that a float64 has."""

from __future__ import annotations

import errno
import json
import math
import mmap
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from headrace.runtime.evaluation.linear import LinearJudge, LinearModel
from headrace.runtime.evaluation.model import Model, Sgd
from headrace.runtime.evaluation.rows import Rows
from headrace.runtime.spec import EvaluationSpec, StepSpec
from tests.runtime.jobs import HASH, SPLIT, job, run

LARGEST = float(np.finfo(np.float64).max)
SPEC = EvaluationSpec(kind="linear")
VOCABULARY = StepSpec("vocabulary", "vocabulary", {})
Floats = npt.NDArray[np.float64]


def labelled(labels: list[float] | Floats) -> Rows:
    """Rows of a constant and a number."""
    count = len(labels)
    values = np.column_stack([np.ones(count), np.arange(count) % 3.0]).ravel()
    indices = np.tile(np.array([0, 1], np.int32), count)
    offsets = np.arange(0, 2 * count + 1, 2, dtype=np.int32)
    return Rows(offsets, indices, values, 2, np.asarray(labels, np.float64))


def judged(predictions: Floats, labels: Floats, batch: int = 40) -> LinearJudge:
    judge = LinearJudge()
    for start in range(0, len(labels), batch):
        judge.add(predictions[start : start + batch], labels[start : start + batch])
    return judge


def near(value: float, power: int) -> object:
    """A figure times a power of two; None if that is no number."""
    try:
        return pytest.approx(math.ldexp(value, power), rel=1e-9, abs=1e-6)
    except OverflowError:
        return None


@pytest.mark.parametrize("power", [-1060, -540, -3, 0, 7, 511, 1018])
def test_a_power_of_two_changes_no_figure_but_by_itself(power: int) -> None:
    random = np.random.default_rng(3)
    labels = random.normal(5, 2, 100)
    predictions = labels + random.normal(0, 1, 100)
    # a label of 2**-1060 has few bits
    kept = [np.ldexp(np.ldexp(each, power), -power) for each in (predictions, labels)]
    other = judged(np.ldexp(predictions, power), np.ldexp(labels, power))
    found = other.figures()
    assert found["r2"] == judged(kept[0], kept[1]).figures()["r2"] == pytest.approx(0.75, abs=0.1)
    squares = np.square(predictions - labels)
    assert found["mae"] == near(np.abs(predictions - labels).mean(), power)
    assert found["rmse"] == near(math.sqrt(squares.mean()), power)
    assert found["mse"] == near(squares.mean(), 2 * power)
    assert found["mse_standard_error"] == near(stats.sem(squares), 2 * power)
    # each row is a group
    assert other.groups()["mean_loss"] == [near(each, 2 * power) for each in squares]


def test_labels_that_grow_are_judged_as_if_they_had_been_known() -> None:
    labels = np.concatenate([np.arange(40.0), np.full(40, 1e200), np.arange(40.0), [-3e200] * 40])
    predictions = labels * 1.5
    small, large = judged(predictions, labels), judged(predictions, labels, len(labels))
    assert small.figures() == pytest.approx(large.figures())
    assert small.figures()["r2"] == pytest.approx(1 - 0.25 * (1 + 9) / (1 + 9 - 1), rel=1e-6)
    assert small.groups()["mean_label"] == pytest.approx(large.groups()["mean_label"])


def test_errors_that_are_no_numbers() -> None:
    labels = np.array([LARGEST, -LARGEST])
    figures = judged(-labels, labels).figures()
    assert [figures[name] for name in ("mae", "mse", "rmse")] == [None] * 3
    assert (figures["label_mean"], figures["r2"]) == (0.0, -3.0)


@pytest.mark.parametrize(
    ("first", "mean", "scale"),
    [
        ([0.0, 0.0], 0.0, 1.0),
        ([1.0, 2.0], 1.5, 0.5),
        ([5e-324, 1e-323], 0.0, 0.0),
        ([LARGEST, -LARGEST], 0.0, LARGEST),
    ],
)
def test_predictions_are_numbers_whatever_labels_come_later(
    first: list[float], mean: float, scale: float
) -> None:
    model = LinearModel(SPEC)
    for labels in (first * 10, [LARGEST, -LARGEST, 1.0] * 10, [5e-324] * 10):
        model.learn(labelled(labels))
    assert np.isfinite(model.scores(labelled(np.zeros(5)))).all()
    described = model.described()
    assert (described["label_mean"], described["label_scale"]) == (mean, scale)


@pytest.mark.parametrize("steps", [(SPLIT, HASH), (SPLIT, VOCABULARY)], ids=["hashed", "dense"])
@pytest.mark.parametrize(
    ("labels", "numbers"),
    [
        (("1e308", "-1e308", "1.7e308"), ("1e308", "-1e308", "5e-324")),
        (("5e-324", "1e-323", "0"), ("1e-162", "3e-162", "2e-162")),
        (("1e200", "2e200", "0"), ("7", "7", "7")),
    ],
)
def test_a_report_of_any_labels(
    tmp_path: Path, steps: tuple[StepSpec, ...], labels: tuple[str, ...], numbers: tuple[str, ...]
) -> None:
    rows = (f"{n},{labels[n % 3]},{numbers[n * n % 3]},v{n % 4}\n" for n in range(40))
    made = "npz" if HASH in steps else "npy"
    spec = job(
        steps=steps, format=made, evaluation=SPEC, id="id", label="y", numeric=("x",), time="c"
    )
    result = run(tmp_path, "id,y,x,c\n" + "".join(rows), spec)
    for report in ("evaluation", "metrics"):
        text = (result.output / f"report/{report}.json").read_text("utf-8")
        json.loads(text, parse_constant=pytest.fail)
    figures = result.evaluation["channels"]["validation"]
    assert None not in (figures["r2"], figures["rmse"], figures["label_mean"])


@pytest.mark.parametrize("kind", [LinearModel, Model])
def test_scikit_learn_is_not_imported_where_it_has_no_room(
    kind: type[Sgd], monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenBLAS would ask for its memory again and again, for ever."""

    def refuse(_: int, size: int) -> None:
        assert size > 100 << 20
        raise OSError(errno.ENOMEM, "no")

    monkeypatch.setattr(mmap, "mmap", refuse)
    with pytest.raises(MemoryError):
        kind(SPEC)
