"""Several steps that learn in one chain: the same rows however they are read, and no leak."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.chain.preflight import preflight
from headrace.runtime.learning.passes import Pass, passes
from headrace.runtime.spec import JobSpec, StepSpec
from tests.runtime.jobs import clicks, job, run

SPLIT = StepSpec("split", "split", {"train_fraction": 0.6})
KIT = [
    SPLIT,
    StepSpec("filled", "impute", {"strategy": "median", "indicator": True}),
    StepSpec("buckets", "bucketize", {"buckets": 4, "columns": ["x"]}),
    StepSpec("counts", "count_encode", {"columns": ["c0"]}),
    StepSpec("target", "target_encode", {"columns": ["c1"], "folds": 3}),
    StepSpec("columns", "one_hot", {"columns": ["c2"], "max_categories": 5}),
    StepSpec("ids", "vocabulary", {"columns": ["c3"], "min_count": 2}),
]
HASH = StepSpec("hash", "feature_hasher", {"n_features": 1024})
DATA: dict[str, Any] = {"id": "id", "label": "click", "numeric": ("x",)}


def content() -> str:
    draw = random.Random(5)  # noqa: S311 (no secret)
    header, *lines = clicks(300, distinct=40).splitlines()
    numbers = [repr(draw.gauss(3, 1) * 10 ** draw.randint(-9, 9)) for _ in lines]
    return "\n".join([f"{header},x", *map(",".join, zip(lines, numbers, strict=True))]) + "\n"


def spec(steps: list[StepSpec], **settings: Any) -> JobSpec:
    return job(steps=steps, **{"format": "parquet", **DATA, **settings})


@pytest.mark.parametrize("steps", [KIT, [*KIT, HASH]], ids=["dense", "hashed"])
def test_the_same_bytes_however_it_is_read(tmp_path: Path, steps: list[StepSpec]) -> None:
    made = [
        run(tmp_path, content(), spec(steps, threads=threads, block_bytes=size)).bytes()
        for threads, size in [(1, 1 << 20), (3, 400)]
    ]
    assert made[1] == made[0]
    assert sum("/state/" in name for name in made[0]) == len(KIT) - 1


def test_they_learn_in_as_few_passes_as_there_can_be(tmp_path: Path) -> None:
    """Only the buckets depend on what another step learns, and the rest waits for none."""
    file = tmp_path / "data.csv"
    file.write_text(content())
    labels = tuple(step.label for step in KIT[2:])
    assert list(passes(preflight(spec(KIT), [file]))) == [Pass(1, ("filled",)), Pass(2, labels)]
    apart = [SPLIT, *KIT[2:]]
    assert list(passes(preflight(spec(apart), [file]))) == [Pass(1, labels)]


def test_a_step_for_all_columns_that_are_left_learns_with_those_before_it(tmp_path: Path) -> None:
    """It does not see the columns that the others are going to change."""
    some = StepSpec("target", "target_encode", {"columns": ["c0", "c1"]})
    steps = [SPLIT, some, StepSpec("counts", "count_encode", {})]
    named = [SPLIT, some, StepSpec("counts", "count_encode", {"columns": ["c2", "c3"]})]
    file = tmp_path / "data.csv"
    file.write_text(content())
    assert list(passes(preflight(spec(steps), [file]))) == [Pass(1, ("target", "counts"))]
    one, other = (
        run(tmp_path, content(), spec(each)).manifest["states"] for each in (steps, named)
    )
    assert one == other


@pytest.mark.parametrize("name", ["label", "id"])
def test_the_label_is_needed_and_the_id_is_not(tmp_path: Path, name: str) -> None:
    left = spec([StepSpec("target", "target_encode", {})], **{name: None})
    if name == "id":
        assert run(tmp_path, content(), left).manifest["rows"]["written"] == 300
        return
    with pytest.raises(ChainError) as caught:
        run(tmp_path, content(), left)
    assert str(caught.value) == (
        "transform.steps.target: needs the label of each row; dataset.label should name its column"
    )


def random_clicks(rows: int) -> str:
    """Labels that nothing tells, and values that few rows share."""
    draw = np.random.default_rng(3)
    lines = zip(
        range(rows), draw.integers(0, 2, rows), draw.integers(0, rows // 3, rows), strict=True
    )
    return "id,click,a\n" + "".join(f"{row},{label},v{value}\n" for row, label, value in lines)


def test_out_of_fold_values_leak_nothing(tmp_path: Path) -> None:
    """A training row's value tells nothing of its random label; in the naive way it tells much."""
    found = {}
    for folds in (0, 5):
        step = StepSpec("target", "target_encode", {"folds": folds, "smooth": 1})
        table = spec([SPLIT, step], numeric=())
        result = run(tmp_path, random_clicks(3000), table)
        for channel in ("train", "validation"):
            rows = result.table(channel)
            found[folds, channel] = roc_auc_score(rows["click"], rows["a"])
    assert found[0, "train"] > 0.8
    assert abs(found[5, "train"] - 0.5) < 0.05
    assert found[5, "validation"] == found[0, "validation"]
    assert abs(found[5, "validation"] - 0.5) < 0.05


def test_rows_without_an_id_are_put_into_folds_without_a_look_at_their_label(
    tmp_path: Path,
) -> None:
    """Most rows are equal but for their label; a hash of the whole row would tell it."""
    step = StepSpec("target", "target_encode", {"smooth": 1, "columns": ["a"]})
    lines = random_clicks(6000).splitlines()
    twins = "".join(f"{line.partition(',')[2]},w{row % 3}\n" for row, line in enumerate(lines[1:]))
    table = job(steps=[step], format="parquet", label="click")
    rows = run(tmp_path, f"click,a,b\n{twins}", table).table("train")
    assert abs(roc_auc_score(rows["click"], rows["a"]) - 0.5) < 0.05


def test_a_step_behind_the_split_does_not_see_validation_rows(tmp_path: Path) -> None:
    """Before the split the labels of validation rows are in their values."""
    step = StepSpec("target", "target_encode", {"folds": 0, "smooth": 1})
    behind, before = (
        run(tmp_path, random_clicks(3000), spec(steps, numeric=())).table("validation")
        for steps in ([SPLIT, step], [step, SPLIT])
    )
    assert abs(roc_auc_score(behind["click"], behind["a"]) - 0.5) < 0.05
    assert roc_auc_score(before["click"], before["a"]) > 0.8
