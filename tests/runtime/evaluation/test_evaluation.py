"""Whole jobs that judge a model: what they find, and that nothing else has a say in it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit
from sklearn import metrics
from sklearn.linear_model import LogisticRegression, SGDClassifier

from benchmarks import generate
from headrace.runtime.chain.chain import ChainError
from headrace.runtime.errors import DataError, HeadraceError
from headrace.runtime.evaluation import evaluator, rows
from headrace.runtime.evaluation.model import Model
from headrace.runtime.spec import EvaluationSpec, JobSpec, StepSpec
from tests.runtime.jobs import FORMATS, SPLIT, Result, clicks, job, run, run_together

LOGISTIC = EvaluationSpec()
HASH = StepSpec("feature_hasher", "feature_hasher", {"n_features": 4096})
THREE = StepSpec("split", "split", {"train_fraction": 0.5, "test_fraction": 0.2})
LAST_DIGIT = 6e-7


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A log from which a model can learn."""
    path = tmp_path_factory.mktemp("log") / "log.csv"
    generate.write(path, 30_000)
    return path.read_bytes()


def judged(spec: EvaluationSpec | None = LOGISTIC, **settings: Any) -> JobSpec:
    settings = {"steps": (SPLIT, HASH), "id": "id", "label": "click", **settings}
    return job(evaluation=spec, **settings)


def by_hand(result: Result, spec: EvaluationSpec, batch: int) -> SGDClassifier:
    """The same model, trained on the parts that the job wrote."""
    matrix, labels = result.matrix().astype(np.float64), result.array("label")
    first = matrix[:batch]
    model = SGDClassifier(
        loss="log_loss",
        alpha=spec.alpha,
        learning_rate="invscaling",
        eta0=spec.learning_rate / (first.power(2).sum() / first.shape[0]),
        power_t=0.1,
        average=True,
        random_state=0,
    )
    for _ in range(spec.passes):
        for start in range(0, len(labels), batch):
            chosen = slice(start, start + batch)
            model.partial_fit(matrix[chosen], labels[chosen], classes=[0, 1])
    last = max(0, (len(labels) - 1) // batch * batch - batch)  # the last two batches
    scores, base_rate = model.decision_function(matrix[last:]), labels[last:].mean()
    model.intercept_ += brentq(lambda more: expit(scores + more).mean() - base_rate, -9, 9)
    return model


@pytest.mark.parametrize("spec", [LOGISTIC, EvaluationSpec(3, 1.5, 1e-4)])
@pytest.mark.parametrize("batch", [4000, 65_536])
def test_the_figures_are_those_of_a_model_made_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: bytes, spec: EvaluationSpec, batch: int
) -> None:
    monkeypatch.setattr(rows, "BATCH_ROWS", batch)
    monkeypatch.setattr(evaluator, "BATCH_ROWS", batch)
    result = run(tmp_path, log, judged(spec, steps=(THREE, HASH)))
    model = by_hand(result, spec, batch)
    assert list(result.evaluation["channels"]) == ["validation", "test"]
    for name, told in result.evaluation["channels"].items():
        labels = result.array("label", name)
        scores = model.decision_function(result.matrix(name))
        predictions = model.predict_proba(result.matrix(name))[:, 1]
        assert told["rows"] == len(labels)
        assert told["base_rate"] == pytest.approx(labels.mean(), abs=LAST_DIGIT)
        assert told["log_loss"] == pytest.approx(
            metrics.log_loss(labels, predictions), abs=LAST_DIGIT
        )
        exact = metrics.roc_auc_score(labels, scores)
        assert told["auc"] == pytest.approx(exact, abs=told["auc_error_bound"])
        assert told["auc_error_bound"] < 1e-4
        assert told["mean_prediction"] == pytest.approx(predictions.mean(), abs=LAST_DIGIT)


def test_it_comes_close_to_the_best_that_a_logistic_regression_can(
    tmp_path: Path, log: bytes
) -> None:
    result = run(tmp_path, log, judged(EvaluationSpec(passes=3)))
    best = min(
        metrics.log_loss(
            result.array("label", "validation"),
            LogisticRegression(C=strength)
            .fit(result.matrix(), result.array("label"))
            .predict_proba(result.matrix("validation"))[:, 1],
        )
        for strength in (0.003, 0.01, 0.03, 0.1)
    )
    told = result.evaluation["channels"]["validation"]
    assert told["normalised_entropy"] < 0.96
    assert best < told["log_loss"] < 1.02 * best


@pytest.mark.parametrize("rows", [2000, 30_000])
def test_the_mean_prediction_is_right_on_the_rows_that_it_learned_from(
    tmp_path: Path, log: bytes, rows: int
) -> None:
    content = b"\n".join(log.split(b"\n")[: rows + 1])
    result = run(tmp_path, content, judged())
    model = by_hand(result, LOGISTIC, 65_536)
    labels = result.array("label")
    assert model.predict_proba(result.matrix())[:, 1].mean() == pytest.approx(labels.mean())
    assert result.evaluation["model"]["intercept_correction"] > 0.02


def test_what_the_report_says_of_the_model(tmp_path: Path, log: bytes) -> None:
    report = run(tmp_path, log, judged(EvaluationSpec(2, 4.4, 1e-6))).evaluation
    assert list(report) == [
        "binary_classification_metrics",
        "judged_on",
        "channels",
        "calibration",
        "scores",
        "groups",
        "model",
    ]
    assert report["judged_on"] == "validation"
    told = report["channels"]["validation"]
    for name in ("auc", "log_loss"):
        assert report["binary_classification_metrics"][name]["value"] == told[name]
    assert len(report["calibration"]["validation"]) == 10
    versions = report["model"].pop("scikit_learn")
    assert versions.count(".") == 2
    assert report["model"] == {
        "algorithm": "sklearn.linear_model.SGDClassifier",
        "passes": 2,
        "batch_rows": 65_536,
        "parameters": {
            "loss": "log_loss",
            "penalty": "l2",
            "alpha": 1e-6,
            "learning_rate": "invscaling",
            "eta0": pytest.approx(4.4 / 22, abs=0.005),
            "power_t": 0.1,
            "average": True,
        },
        "intercept_correction": pytest.approx(0.2, abs=0.2),
        "rows": 30_000 - told["rows"],
    }


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("block_bytes", [50_000, 1 << 23])
def test_the_same_bytes_however_the_work_is_cut(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log: bytes,
    threads: int,
    block_bytes: int,
) -> None:
    monkeypatch.setattr(rows, "BATCH_ROWS", 1000)
    monkeypatch.setattr(evaluator, "BATCH_ROWS", 1000)
    spec = EvaluationSpec(passes=2)
    expected = run(tmp_path, log, judged(spec, steps=(THREE, HASH), threads=2))
    made = run(
        tmp_path,
        log,
        judged(spec, steps=(THREE, HASH), threads=threads, block_bytes=block_bytes),
    )
    assert made.bytes() == expected.bytes()


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "libffm"])
def test_rows_and_figures_do_not_depend_on_each_other(
    tmp_path: Path, log: bytes, format: str
) -> None:
    alone = run(tmp_path, log, judged(None, format=format)).bytes()
    made = run(tmp_path, log, judged(format=format))
    told = made.bytes()
    told.pop("report/evaluation.json")
    assert without_the_list(told) == without_the_list(alone)
    npz = run(tmp_path, log, judged())
    assert made.evaluation == npz.evaluation
    assert sorted(path.name for path in (made.output / "report").iterdir()) == [
        "evaluation.json",
        "manifest.json",
        "metrics.json",
        "timings.json",
    ]


def without_the_list(files: dict[str, bytes]) -> dict[str, Any]:
    """The files, but for what the manifest says of which there are."""
    manifest = json.loads(files["report/manifest.json"])
    del manifest["files"], manifest["sha256"]
    return {**files, "report/manifest.json": manifest}


def test_several_widths_in_one_go_are_judged_as_if_each_was_alone(
    tmp_path: Path, log: bytes
) -> None:
    wide = StepSpec("feature_hasher", "feature_hasher", {"n_features": 2**16})
    specs = [judged(EvaluationSpec(2), steps=(SPLIT, hasher)) for hasher in (HASH, wide)]
    together = run_together(tmp_path, log, specs)
    for made, spec in zip(together, specs, strict=True):
        assert made.bytes() == run(tmp_path, log, spec).bytes()
    narrow, broad = (each.evaluation["channels"]["validation"] for each in together)
    assert narrow["log_loss"] != broad["log_loss"]


def test_the_time_that_it_took(tmp_path: Path) -> None:
    with_model = run(tmp_path, clicks(100), judged())
    without = run(tmp_path, clicks(100), judged(None))
    timings, others = (
        (each.output / "report/timings.json").read_text("utf-8") for each in (with_model, without)
    )
    assert '"evaluation_seconds": ' in timings
    assert '"evaluation_seconds"' not in others


def test_numbers_do_not_throw_the_model_about(tmp_path: Path, log: bytes) -> None:
    told = run(tmp_path, log, judged(numeric=("C14", "C17", "C20", "C21")))
    assert told.evaluation["channels"]["validation"]["normalised_entropy"] < 1


def test_rows_of_nothing(tmp_path: Path) -> None:
    content = clicks(40).replace("v", "")
    empty = "\n".join(line if not i else ",".join(line.split(",")[:2]) + ",,,,"
                      for i, line in enumerate(content.splitlines()))  # fmt: skip
    told = run(tmp_path, empty + "\n", judged()).evaluation["channels"]["validation"]
    assert told["auc"] == 0.5


# -- what cannot be judged


def refusal(tmp_path: Path, content: str | bytes, spec: JobSpec) -> HeadraceError:
    with pytest.raises(HeadraceError) as caught:
        run(tmp_path, content, spec)
    return caught.value


def test_labels_of_more_than_two_kinds(tmp_path: Path) -> None:
    error = refusal(tmp_path, clicks(50).replace(",1,", ",7,"), judged())
    assert isinstance(error, DataError)
    assert str(error) == (
        "column 'click': a logistic regression needs labels that are 0 or 1, "
        "got 7; use evaluation=linear or none for others"
    )


@pytest.mark.parametrize(("kept", "message"), [
    ("0", "channel 'train' holds no rows that a model could learn from"),
    ("9", "channel 'validation' holds no rows that a model could judge on"),
])  # fmt: skip
def test_a_channel_without_rows(tmp_path: Path, kept: str, message: str) -> None:
    by_time = {"method": "time", "column": "day", "before": kept}
    steps = (StepSpec("split", "split", by_time), HASH)
    content = "id,click,day,c\n1,0,5,a\n2,1,6,b\n"
    error = refusal(tmp_path, content, judged(steps=steps))
    assert isinstance(error, DataError)
    assert str(error) == f"{message}; split in another way, or use evaluation=none"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"label": None},
            "needs a label to learn; say which column it is (dataset.label)",
        ),
        (
            {"steps": (SPLIT,), "format": "parquet"},
            "needs numbers, and column 'c0' holds text; add vocabulary, one_hot or "
            "feature_hasher, or use evaluation=none",
        ),
        (
            {"steps": (HASH,)},
            "needs the channel 'train' and another one to judge on (got train); "
            "add the step 'split', or use evaluation=none",
        ),
    ],
)
def test_what_a_chain_lacks_is_told_before_any_row_is_read(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    error = refusal(tmp_path, clicks(3).replace(",1,", ",no number,"), judged(**settings))
    assert isinstance(error, ChainError)
    assert str(error) == f"evaluation: {message}"


def test_no_scikit_learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    error = refusal(tmp_path, clicks(3).replace(",1,", ",no number,"), judged())
    assert error.exit_status == 2
    assert str(error) == (
        "evaluation: there is no scikit-learn here. AWS's image (backend=sklearn) and those of "
        "containers/ have it; add scikit-learn to your own, or use evaluation=none"
    )


def test_more_weights_than_there_is_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(SGDClassifier, "partial_fit", full)
    assert str(refusal(tmp_path, clicks(50), judged())) == (
        "evaluation: no memory for 4,096 weights; choose a smaller transform.n_features "
        "or a larger instance"
    )


def test_a_bug_in_the_background_keeps_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Model, batch: rows.Rows) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Model, "learn", broken)
    monkeypatch.setattr(evaluator, "BATCH_ROWS", 10)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(tmp_path, clicks(5000), judged(block_bytes=1000))


def test_a_channel_of_one_class(tmp_path: Path) -> None:
    content = clicks(400).replace(",1,v", ",0,v").replace(",1,,", ",0,,")
    told = run(tmp_path, content, judged()).evaluation["channels"]["validation"]
    assert told["auc"] is told["normalised_entropy"] is told["calibration_ratio"] is None
    assert 0 < told["log_loss"] < 0.4


def test_a_linear_regression_knows_no_correction_for_rows_that_were_left_out(
    tmp_path: Path,
) -> None:
    fewer = StepSpec("downsample", "downsample", {"rate": 0.2})
    with pytest.raises(ChainError) as caught:
        run(tmp_path, clicks(50), judged(EvaluationSpec(kind="linear"), steps=(SPLIT, fewer, HASH)))
    assert str(caught.value) == (
        "evaluation: a linear regression cannot be corrected for the rows that downsample leaves "
        "out by their label; leave one of the two out"
    )


def test_a_matrix_of_one_column(tmp_path: Path) -> None:
    one = StepSpec("feature_hasher", "feature_hasher", {"n_features": 1, "alternate_sign": False})
    told = run(tmp_path, clicks(500), judged(steps=(SPLIT, one))).evaluation
    assert told["channels"]["validation"]["log_loss"] < 0.75


def test_predictions_are_corrected_for_rows_that_were_left_out(tmp_path: Path, log: bytes) -> None:
    rate = 0.2
    fewer = StepSpec("downsample", "downsample", {"rate": rate})
    result = run(tmp_path, log, judged(steps=(SPLIT, fewer, HASH)))
    model = by_hand(result, LOGISTIC, rows.BATCH_ROWS)
    matrix, labels = result.matrix("validation"), result.array("label", "validation")
    p = model.predict_proba(matrix.astype(np.float64))[:, 1]
    corrected = p / (p + (1 - p) / rate)
    figures = result.evaluation["channels"]["validation"]
    assert figures["mean_prediction"] == pytest.approx(corrected.mean(), abs=LAST_DIGIT)
    assert figures["log_loss"] == pytest.approx(metrics.log_loss(labels, corrected), abs=1e-6)
    assert 0.8 < figures["calibration_ratio"] < 1.2
    assert p.mean() / labels.mean() > 2
    assert result.evaluation["model"]["downsample"] == {"label": 0.0, "rate": rate}
    assert result.manifest["warnings"] == []  # that the labels' means differ is meant
