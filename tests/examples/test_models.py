"""The examples train on what a job made of the sample; each model is better than a coin."""

from __future__ import annotations

import importlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headrace.config.defaults import PROJECT
from headrace.runtime.spec import OutputSpec, StepSpec
from tests.runtime.jobs import Result, job, run

SAMPLE = (PROJECT / "data/avazu_sample.csv").read_bytes()
SPLIT = StepSpec("split", "split", {"train_fraction": 0.8})
HASH = StepSpec("feature_hasher", "feature_hasher", {"n_features": 4096})
COUNT = StepSpec("count_encode", "count_encode", {})
VOCABULARY = StepSpec("vocabulary", "vocabulary", {"min_count": 5})

pytestmark = pytest.mark.long


def made(folder: Path, step: StepSpec, output: dict[str, Any]) -> Result:
    spec = job(id="id", label="click", steps=[SPLIT, step], rows_per_part=1500, output=output)
    return run(folder, SAMPLE, spec)


@pytest.mark.parametrize(
    ("name", "step", "output"),
    [
        ("sklearn", HASH, {"tokens": True}),
        ("xgboost", COUNT, {"format": "csv"}),
        ("lightgbm", VOCABULARY, {"format": "npy"}),
    ],
)
def test_a_model_learns_something(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    step: StepSpec,
    output: dict[str, Any],
) -> None:
    pytest.importorskip(name)
    result = made(tmp_path, step, output)
    script = importlib.import_module(f"examples.models.train_{name}")
    capsys.readouterr()
    assert 0.62 < script.main(result.output) < 0.9
    if name == "sklearn":
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == script.SHOWN
        assert all(re.fullmatch(r"[+-]\d+\.\d\d  (\w+=.+|)", line) for line in lines)


@pytest.mark.filterwarnings("ignore:.*Text file input has been deprecated")
def test_xgboost_reads_the_csv_itself(tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    result = made(tmp_path, COUNT, {"format": "csv", "rows_per_part": OutputSpec.rows_per_part})
    (part,) = result.parts("train")
    matrix = xgboost.DMatrix(f"{part}?format=csv&label_column=0")
    table = pd.read_csv(io.BytesIO(part.read_bytes()), header=None)
    assert matrix.num_row() == len(table)
    assert (matrix.get_label() == table[0]).all()
    assert np.array_equal(matrix.get_data().toarray(), table.iloc[:, 1:].to_numpy(np.float32))
