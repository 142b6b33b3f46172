"""What a sweeper minimises: the log loss, else the collision rate, and the worst for a failure."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.cli.sweep.objective import objective
from headrace.results.result import Result
from tests.conftest import Completed

HAS_OPTUNA = importlib.util.find_spec("optuna") is not None
FIGURES = {"log_loss": 0.4, "auc": 0.7, "normalised_entropy": None}
WHERE: dict[str, Any] = {"judged_on": "test", "channels": {"test": FIGURES}}
JUDGED = {
    **WHERE,
    "binary_classification_metrics": {"log_loss": {"value": 0.4}, "auc": {"value": 0.7}},
}


def result(folder: Path, *, has_ended: bool = True, **report: dict[str, Any]) -> Result:
    (folder / "report").mkdir()
    for name, content in report.items():
        (folder / "report" / f"{name}.json").write_text(json.dumps(content))
    return Result(str(folder), {"channels": {}}, 1.0, (), has_ended=has_ended)


def test_the_log_loss_if_a_model_was_judged(tmp_path: Path) -> None:
    judged = result(tmp_path, metrics={"collision_rate": 0.1}, evaluation=JUDGED)
    assert objective(judged) == 0.4


def test_else_the_collision_rate(tmp_path: Path) -> None:
    assert objective(result(tmp_path, metrics={"collision_rate": 0.1})) == 0.1


def test_nothing_is_the_worst(tmp_path: Path) -> None:
    assert objective(None) == math.inf
    assert objective(result(tmp_path, metrics={"rows": 3})) == math.inf


def test_neither_is_a_job_that_goes_on(tmp_path: Path) -> None:
    assert objective(result(tmp_path, has_ended=False)) == math.inf


def test_no_value_is_the_worst_and_never_nan(tmp_path: Path) -> None:
    unknown = {**WHERE, "binary_classification_metrics": {"log_loss": {"value": math.nan}}}
    assert objective(result(tmp_path, evaluation=unknown)) == math.inf


def test_an_error_that_is_no_number_is_the_worst(tmp_path: Path) -> None:
    told = {**FIGURES, "rmse": None, "mae": None, "r2": 0.1, "rows": 2, "label_mean": 1e300}
    report = {
        "judged_on": "test",
        "channels": {"test": {**told, "mean_prediction": 1e300}},
        "regression_metrics": {"mse": {"value": None}},
    }
    judged = result(tmp_path, metrics={"collision_rate": 0.1}, evaluation=report)
    assert objective(judged) == math.inf


def test_a_program_may_write_any_number(tmp_path: Path) -> None:
    own = result(tmp_path, metrics={"collision_rate": 10**400})
    assert objective(replace(own, manifest={"program": {}})) == math.inf


@pytest.mark.slow
@pytest.mark.skipif(not HAS_OPTUNA, reason="hydra-optuna-sweeper is not installed (extra optuna)")
def test_optuna_finds_the_best_of_its_trials(
    headrace: Callable[..., Completed], tmp_path: Path
) -> None:
    ran = headrace(
        "-m", "hydra/sweeper=optuna", "experiment=search", "hydra.sweep.dir=found",
        "hydra.sweeper.n_trials=3", "hydra.sweeper.sampler.seed=1",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = yaml.safe_load((tmp_path / "found/optimization_results.yaml").read_text())
    judged = [
        json.loads((tmp_path / f"found/{number}/report/evaluation.json").read_text())
        for number in range(3)
    ]
    losses = [each["binary_classification_metrics"]["log_loss"]["value"] for each in judged]
    assert found["best_value"] == min(losses)
