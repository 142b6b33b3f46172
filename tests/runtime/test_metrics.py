"""``metrics.json``: distinct values, nulls and collisions, against counting by brute force."""

from __future__ import annotations

import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.utils import murmurhash3_32

from headrace.runtime.spec import StepSpec
from headrace.runtime.statistics.distinct import LIMIT
from tests.runtime.jobs import SPLIT, clicks, job, run

SIGMAS = 3
ERROR = 1 / math.sqrt(LIMIT / 2)
"""The standard error of an estimate that the module promises."""


def hasher(n_features: int) -> StepSpec:
    return StepSpec("feature_hasher", "feature_hasher", {"n_features": n_features})


def brute_force(content: str, n_features: int) -> dict[str, Any]:
    rows = [line.split(",") for line in content.splitlines()]
    columns = {name: [row[i] for row in rows[1:]] for i, name in enumerate(rows[0])}
    columns = {
        name: cells for name, cells in columns.items() if name.startswith("c") and name != "click"
    }
    index = {
        (name, cell): abs(murmurhash3_32(f"{name}={cell}", seed=0)) % n_features
        for name, cells in columns.items()
        for cell in set(cells) - {""}
    }
    users = Counter(index.values())
    colliding = Counter(name for (name, _), place in index.items() if users[place] > 1)
    return {
        "distinct_tokens": len(index),
        "colliding_tokens": colliding.total(),
        "collision_rate": round(colliding.total() / len(index), 6),
        "collisions_are_exact": True,
        "columns": {
            name: {
                "distinct": len(set(cells) - {""}),
                "distinct_is_exact": True,
                "nulls": cells.count(""),
                "frequent_values": frequent_values(cells),
                "colliding_tokens": colliding[name],
            }
            for name, cells in columns.items()
        },
    }


def frequent_values(cells: list[str]) -> list[dict[str, Any]]:
    counts = sorted(Counter(cells).items(), key=lambda pair: (-pair[1], pair[0]))
    least = len(cells) / 100
    told = [{"value": cell, "rows": rows} for cell, rows in counts if cell and rows >= least]
    return told[:10]


@pytest.mark.parametrize("n_features", [1, 2, 50, 3000, 2**20, 2**31 - 1])
def test_collisions(tmp_path: Path, n_features: int) -> None:
    content = clicks(1000, columns=5, distinct=400)
    spec = job(id="id", label="click", steps=[SPLIT, hasher(n_features)], block_bytes=2000)
    metrics = run(tmp_path, content, spec).metrics
    expected = brute_force(content, n_features)
    for column in metrics["columns"].values():
        assert sum(column.pop("null_channels", {}).values()) == column["nulls"]
        for value in column["frequent_values"]:
            assert sum(value.pop("channels").values()) == value["rows"] > value.pop("label_ones")
    assert {key: metrics[key] for key in expected} == expected
    assert (metrics["rows"], metrics["n_features"]) == (1000, n_features)


def test_ranges_of_their_own_do_not_collide_with_each_other(tmp_path: Path) -> None:
    content = "a,b\n" + "".join(f"{i},{i}\n" for i in range(3))
    own = {"n_features": 2**20, "index_ranges": "per_column"}
    step = StepSpec("custom_hasher", "custom_hasher", own)
    metrics = run(tmp_path, content, job(steps=[step])).metrics
    assert (metrics["distinct_tokens"], metrics["colliding_tokens"]) == (6, 0)


def test_a_numeric_column_is_one_token(tmp_path: Path) -> None:
    content = "n,m,c\n1,1,x\n2,,x\n,3,y\n2,4,y\n"
    metrics = run(tmp_path, content, job(numeric=("n", "m"), steps=[hasher(1)])).metrics
    assert metrics["distinct_tokens"] == 4
    assert metrics["columns"]["n"] == {
        "distinct": 2,
        "distinct_is_exact": True,
        "nulls": 1,
        "frequent_values": [{"value": "2", "rows": 2}, {"value": "1", "rows": 1}],
        "colliding_tokens": 1,
    }
    assert metrics["columns"]["c"]["colliding_tokens"] == 2


def test_without_a_hasher_there_are_no_collisions(tmp_path: Path) -> None:
    spec = job(label="y", numeric=("n",), steps=[SPLIT], format="parquet")
    metrics = run(tmp_path, "y,n,c\n1,2.5,x\n0,,x\n1,2.5,\n", spec).metrics
    rows = {"rows": 2, "channels": {"train": 1, "validation": 1}}
    nulls = {"nulls": 1, "null_channels": {"train": 1, "validation": 0}}
    described = {"distinct": 1, "distinct_is_exact": True, **nulls}
    assert metrics["columns"] == {
        "n": {**described, "frequent_values": [{"value": "2.5", **rows, "label_ones": 2}]},
        "c": {**described, "frequent_values": [{"value": "x", **rows, "label_ones": 1}]},
    }
    assert metrics["n_features"] is None
    assert "colliding_tokens" not in metrics


BY_TIME = StepSpec("split", "split", {"method": "time", "column": "t", "before": "2"})


@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_frequent_values_by_channel_and_label(tmp_path: Path, block_bytes: int) -> None:
    content = "y,t,n,c\n1,1,-0.0,x\n0,1,7,x\n1,1,7,y\n0,2,7,x\n1,2,0,\n"
    how: dict[str, Any] = {"numeric": ("n",), "steps": [BY_TIME, hasher(64)]}
    columns = run(tmp_path, content, job(label="y", block_bytes=block_bytes, **how)).metrics[
        "columns"
    ]
    assert columns["c"]["frequent_values"] == [
        {"value": "x", "rows": 3, "channels": {"train": 2, "validation": 1}, "label_ones": 1},
        {"value": "y", "rows": 1, "channels": {"train": 1, "validation": 0}, "label_ones": 1},
    ]
    assert columns["c"]["null_channels"] == {"train": 0, "validation": 1}
    assert columns["n"]["frequent_values"] == [
        {"value": "7", "rows": 3, "channels": {"train": 2, "validation": 1}, "label_ones": 1},
        {"value": "-0", "rows": 1},  # as a number, it is 0 too
        {"value": "0", "rows": 1},
    ]


def test_values_of_other_labels_and_of_one_channel_are_only_counted(tmp_path: Path) -> None:
    numbers = run(tmp_path, "y,c\n1.5,x\n0,x\n", job(label="y", steps=[hasher(64)])).metrics
    assert numbers["columns"]["c"]["frequent_values"] == [{"value": "x", "rows": 2}]
    many = "c\n" + "".join(f"{min(row, 512)}\n" for row in range(600))
    told = run(tmp_path, many, job(steps=[SPLIT, hasher(64)])).metrics["columns"]["c"]
    assert told["frequent_values"] == [{"value": "512", "rows": 88}]  # of 513 values


def test_label_means(tmp_path: Path) -> None:
    content = "y,t,c\n1,1,x\n0,1,x\n1,1,x\n0.25,2,x\n-3,2,x\n"
    metrics = run(tmp_path, content, job(label="y", steps=[BY_TIME, hasher(64)])).metrics
    assert metrics["channels"]["train"]["label_mean"] == 2 / 3
    assert metrics["channels"]["validation"]["label_mean"] == -1.375


@pytest.mark.parametrize("block_bytes", [1, 77, 1 << 20])
def test_label_means_are_exact_sums(tmp_path: Path, block_bytes: int) -> None:
    """No block size changes how the labels add up."""
    labels = [*(0.1 * i for i in range(200)), 1e16, -1e16, 1e-300, 3e200, -3e200]
    content = "y,c\n" + "".join(f"{label!r},x\n" for label in labels)
    metrics = run(tmp_path, content, job(label="y", block_bytes=block_bytes)).metrics
    mean = math.fsum(labels) / len(labels)
    assert metrics["channels"]["train"]["label_mean"] == pytest.approx(mean, rel=1e-15)


def many(distinct: int, seed: int = 0) -> str:
    """One column with that many distinct values, some of them several times, in no order."""
    order = [*range(distinct), *range(0, distinct, 7)]
    random.Random(seed).shuffle(order)  # noqa: S311 (no secret)
    return "c\n" + "".join(f"{each:x}\n" for each in order)


def test_exact_up_to_the_limit(tmp_path: Path) -> None:
    metrics = run(tmp_path, many(LIMIT), job(steps=[hasher(2**20)])).metrics
    assert metrics["columns"]["c"]["distinct"] == LIMIT
    assert metrics["columns"]["c"]["distinct_is_exact"]
    assert metrics["collisions_are_exact"]
    indices = np.array(
        [abs(murmurhash3_32(f"c={each:x}", seed=0)) % 2**20 for each in range(LIMIT)]
    )
    users = Counter(indices.tolist())
    assert metrics["colliding_tokens"] == sum(count for count in users.values() if count > 1)


@pytest.mark.parametrize("distinct", [LIMIT + 1, 150_000, 300_000])
def test_estimated_beyond_the_limit(tmp_path: Path, distinct: int) -> None:
    metrics = run(tmp_path, many(distinct), job(steps=[hasher(2**20)])).metrics
    column = metrics["columns"]["c"]
    assert not column["distinct_is_exact"]
    assert not metrics["collisions_are_exact"]
    assert abs(column["distinct"] / distinct - 1) < SIGMAS * ERROR
    expected = distinct * (1 - (1 - 2**-20) ** (distinct - 1))
    assert abs(metrics["colliding_tokens"] / expected - 1) < 2 * SIGMAS * ERROR


def test_an_estimate_depends_on_nothing_but_the_values(tmp_path: Path) -> None:
    made = [
        run(tmp_path, many(100_000, seed), job(threads=threads, block_bytes=size)).metrics[
            "columns"
        ]
        for seed, threads, size in [(0, 1, 1 << 20), (1, 3, 50_000), (2, 2, 300_000)]
    ]
    assert made[1] == made[0]
    assert made[2] == made[0]


def test_many_numbers_do_not_make_collisions_an_estimate(tmp_path: Path) -> None:
    rows = [f"{row % 2},{row}.5,{row % 7}" for row in range(LIMIT + 10)]
    content = "\n".join(["click,price,c", *rows]) + "\n"
    metrics = run(tmp_path, content, job(label="click", numeric=("price",))).metrics
    assert not metrics["columns"]["price"]["distinct_is_exact"]
    assert metrics["collisions_are_exact"]
    assert metrics["distinct_tokens"] == 8
