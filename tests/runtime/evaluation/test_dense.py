"""Models of rows that were not hashed, and of labels that are any numbers, by scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from scipy import stats
from scipy.optimize import brentq
from scipy.sparse import csr_matrix
from scipy.special import expit
from sklearn import metrics
from sklearn.linear_model import SGDClassifier, SGDRegressor

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.evaluation.dense import DenseRows
from headrace.runtime.spec import EvaluationSpec, StepSpec
from headrace.runtime.transform import Role, encoded, with_role
from tests.runtime.jobs import HASH, SPLIT, Result, job, run, run_together

VOCABULARY = StepSpec("vocabulary", "vocabulary", {"min_count": 1})
Floats = npt.NDArray[np.float64]


def log(rows: int = 3000) -> str:
    """A log whose label depends on a text, a number, and on whether there is a number."""
    random = np.random.default_rng(5)
    site, number = random.integers(0, 6, rows), random.lognormal(1, 2, rows)
    missing = random.random(rows) < 0.2
    chance = expit(-2 + 0.6 * site - 0.4 * np.log(number) + 1.5 * missing)
    click = (random.random(rows) < chance).astype(int)
    spent = 100 + 20 * site + 7 * missing + random.normal(0, 3, rows)
    lines = (
        f"{n},{click[n]},{spent[n]:.3f},s{site[n]},{'' if missing[n] else repr(float(number[n]))}"
        for n in range(rows)
    )
    return "id,click,spent,site,number\n" + "\n".join(lines) + "\n"


def evaluated(tmp_path: Path, kind: str, label: str, **more: Any) -> Result:
    steps = more.pop("steps", (SPLIT, VOCABULARY))
    told = {"numeric": ("number",), "categorical": ("site",), "format": "parquet", **more}
    spec = job(steps=steps, id="id", label=label, evaluation=EvaluationSpec(kind=kind), **told)
    return run(tmp_path, log(), spec)


def matrices(result: Result) -> tuple[list[csr_matrix], list[Floats]]:
    """The rows of both channels as the page describes them, made from the parts."""
    tables = [result.table(name) for name in ("train", "validation")]
    numbers = [np.arcsinh(table["number"].fill_null(0).to_numpy()) for table in tables]
    missing = [table["number"].is_null().to_numpy() for table in tables]
    first = numbers[0][~missing[0]]
    size = 1 + max(int(table["site"].to_numpy().max()) for table in tables)
    made = []
    for table, values, absent in zip(tables, numbers, missing, strict=True):
        scaled = np.where(absent, 0, (values - first.mean()) / first.std())
        ids = np.eye(size)[table["site"].to_numpy()]
        made.append(csr_matrix(np.column_stack([ids, scaled, absent, np.ones(len(absent))])))
    name = next(name for name in ("click", "spent") if name in tables[0].column_names)
    return made, [table[name].to_numpy() for table in tables]


def settings(rows: csr_matrix, curvature: int) -> dict[str, Any]:
    rate = 2 / curvature / (rows.power(2).sum() / rows.shape[0])
    told = {"alpha": 0, "learning_rate": "invscaling", "power_t": 0.1, "average": True}
    return {**told, "eta0": rate, "random_state": 0}


def test_a_logistic_regression_of_numbers_and_ids(tmp_path: Path) -> None:
    result = evaluated(tmp_path, "logistic", "click")
    (train, rest), (clicks, labels) = matrices(result)
    model = SGDClassifier(loss="log_loss", **settings(train, 1))
    model.partial_fit(train, clicks, classes=[0, 1])
    scores = model.decision_function(train)
    model.intercept_ += brentq(lambda b: expit(scores + b).mean() - clicks.mean(), -9, 9)
    told = result.evaluation["channels"]["validation"]
    predicted = model.predict_proba(rest)[:, 1]
    assert told["log_loss"] == pytest.approx(metrics.log_loss(labels, predicted), abs=1e-6)
    exact = metrics.roc_auc_score(labels, predicted)
    assert told["auc"] == pytest.approx(exact, abs=told["auc_error_bound"])
    assert told["auc"] > 0.75


def test_a_linear_regression(tmp_path: Path) -> None:
    result = evaluated(tmp_path, "linear", "spent")
    (train, rest), (spent, labels) = matrices(result)
    model = SGDRegressor(loss="squared_error", **settings(train, 4))
    model.partial_fit(train, (spent - spent.mean()) / spent.std())
    predicted = model.predict(rest) * spent.std() + spent.mean()
    report = result.evaluation
    told = report["channels"]["validation"]
    expected = {
        "label_mean": labels.mean(),
        "mean_prediction": predicted.mean(),
        "mae": metrics.mean_absolute_error(labels, predicted),
        "mse": metrics.mean_squared_error(labels, predicted),
        "mse_standard_error": stats.sem(np.square(predicted - labels)),
        "rmse": metrics.root_mean_squared_error(labels, predicted),
        "r2": metrics.r2_score(labels, predicted),
    }
    assert told.pop("rows") == len(labels)
    assert told == {
        name: pytest.approx(value, rel=1e-6, abs=5e-7) for name, value in expected.items()
    }
    assert told["r2"] > 0.95
    for name in ("mae", "mse", "rmse", "r2"):
        assert report["regression_metrics"][name]["value"] == told[name]
    assert report["model"]["algorithm"] == "sklearn.linear_model.SGDRegressor"


def test_a_linear_regression_of_hashed_rows(tmp_path: Path) -> None:
    result = evaluated(tmp_path, "linear", "spent", steps=(SPLIT, HASH), format="npz")
    assert result.evaluation["channels"]["validation"]["r2"] > 0.9


@pytest.mark.parametrize(("block_bytes", "threads"), [(3000, 1), (1 << 20, 3)])
def test_the_same_bytes_however_the_work_is_cut(
    tmp_path: Path, block_bytes: int, threads: int
) -> None:
    result = evaluated(tmp_path, "linear", "spent", block_bytes=block_bytes, threads=threads)
    whole = evaluated(tmp_path, "linear", "spent")
    assert result.bytes()["report/evaluation.json"] == whole.bytes()["report/evaluation.json"]


def test_each_cell_is_one_entry() -> None:
    ids = encoded(pa.field("site", pa.int32()), 3, null=0)
    without = encoded(pa.field("bucket", pa.int32()), 2)
    fields = [with_role(pa.field("y", pa.float64()), Role.LABEL), ids, without]
    schema = pa.schema([*fields, with_role(pa.field("x", pa.float64()), Role.NUMERIC)])
    columns = [
        pa.array([1.0, 0.0, 1.0]),
        pa.array([0, 2, 1], pa.int32()),
        pa.array([1, None, 0], pa.int32()),
        pa.array([0.5, None, -0.5]),
    ]
    batch = pa.RecordBatch.from_arrays(columns, schema=schema)
    rows = DenseRows(schema)([batch])
    assert rows.n_features == 3 + 3 + 2 + 1
    assert rows.indices.reshape(3, 4).tolist() == [[0, 4, 6, 8], [2, 5, 7, 8], [1, 3, 6, 8]]
    assert rows.values.reshape(3, 4).tolist() == [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, -1, 1]]


def test_text_is_refused_before_any_row_is_read(tmp_path: Path) -> None:
    with pytest.raises(ChainError) as caught:
        evaluated(tmp_path, "linear", "spent", steps=(SPLIT,))
    assert str(caught.value) == (
        "evaluation: needs numbers, and column 'site' holds text; add vocabulary, one_hot or "
        "feature_hasher, or use evaluation=none"
    )


def test_labels_that_are_all_the_same(tmp_path: Path) -> None:
    content = "id,y,a\n" + "".join(f"{n},5,v\n" for n in range(40))
    steps = (SPLIT, HASH)
    spec = job(steps=steps, id="id", label="y", evaluation=EvaluationSpec(kind="linear"))
    told = run(tmp_path, content, spec).evaluation["channels"]["validation"]
    assert (told["r2"], told["rmse"]) == (None, 0.0)
    (again,) = run_together(tmp_path, content, [spec])
    assert again.evaluation["channels"]["validation"] == told
