"""A job on Spark leaves the rows of the same job on one machine, whatever the shape of either."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from headrace import compile
from headrace.results.compare import SAME, main
from headrace.runtime.online import load
from headrace.runtime.online.transformer import RowTransformer
from headrace.runtime.spec import EvaluationSpec, LearnedSpec, StepSpec
from tests.runtime.jobs import HASH, SPLIT, Files, Result, clicks, gzipped, job, laid_out, run
from tests.runtime.shards import run_shared
from tests.spark.conftest import OnSpark

DATA: dict[str, Any] = {"id": "id", "label": "click"}
HEADER, *LINES = clicks(2000).splitlines(keepends=True)
WHOLE = HEADER + "".join(LINES)
SHUFFLE = StepSpec("split", "split", {"method": "shuffle", "train_fraction": 0.7})
RARE = StepSpec("rare", "rare_values", {"min_count": 30})
KIT = [
    StepSpec("counts", "count_encode", {"columns": ["c0"]}),
    StepSpec("target", "target_encode", {"columns": ["c1"]}),
    StepSpec("columns", "one_hot", {"columns": ["c2"]}),
    StepSpec("ids", "vocabulary", {"columns": ["c3"]}),
]
CUSTOM = StepSpec("custom", "custom_hasher", {"n_features": 97, "hash": "xxh32"})


def in_files(count: int) -> dict[str, bytes | str]:
    return {f"{n}.csv": HEADER + "".join(LINES[n::count]) for n in range(count)}


def as_parquet(path: Path) -> bytes:
    table = pyarrow.csv.read_csv(
        pa.BufferReader(WHOLE.encode()),
        convert_options=pyarrow.csv.ConvertOptions(column_types={"id": pa.decimal128(20)}),
    )
    pq.write_table(table, path, row_group_size=150)
    return path.read_bytes()


def same(one: Result, other: Result) -> bool:
    return main([str(one.output), str(other.output), "--recount"]) == SAME


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run(tmp_path_factory.mktemp("alone"), WHOLE, job(steps=[SPLIT, HASH], **DATA))


@pytest.mark.parametrize("partitions", [1, 2, 8])
def test_any_number_of_partitions(on_spark: OnSpark, alone: Result, partitions: int) -> None:
    spec = job(steps=[SPLIT, HASH], split_bytes=len(WHOLE) // partitions + 1, **DATA)
    made = on_spark(WHOLE, spec)
    assert len(made.parts("train")) == partitions
    assert same(made, alone)
    assert without_bytes(made.metrics) == without_bytes(alone.metrics)


def without_bytes(metrics: dict[str, Any]) -> dict[str, Any]:
    """Parts of another shape take other bytes."""
    channels = metrics["channels"].items()
    kept = {name: {**what, "bytes": None} for name, what in channels}
    return {**metrics, "channels": kept}


@pytest.mark.parametrize("kind", ["files", "gz", "parquet", "jsonl", "tiny"])
def test_any_shape_of_the_input(
    on_spark: OnSpark, alone: Result, tmp_path: Path, kind: str
) -> None:
    names = HEADER.strip().split(",")
    rows = (dict(zip(names, line.strip("\n").split(","), strict=True)) for line in LINES)
    inputs: dict[str, Files] = {
        "files": in_files(3),
        "gz": {"a.csv.gz": gzipped(WHOLE)},
        "parquet": {"a.parquet": as_parquet(tmp_path / "a.parquet")},
        "jsonl": {"a.jsonl": "".join(json.dumps(row) + "\n" for row in rows)},
        "tiny": in_files(60),
    }
    spec = job(steps=[SPLIT, HASH], split_bytes=9_000, block_bytes=2_000, **DATA)
    assert same(on_spark(inputs[kind], spec), alone)


def test_as_three_shards_have_it(on_spark: OnSpark, alone: Result, tmp_path: Path) -> None:
    shared = run_shared(tmp_path, in_files(5), job(steps=[SPLIT, HASH], **DATA), 3)
    assert same(shared, alone)
    assert same(shared, on_spark(in_files(5), job(steps=[SPLIT, HASH], split_bytes=7_000, **DATA)))


@pytest.mark.parametrize(
    "steps",
    [[SHUFFLE, HASH], [SPLIT, RARE, HASH], [SHUFFLE, RARE, CUSTOM], [SPLIT, *KIT, HASH]],
    ids=["a shuffle", "rare values", "both", "all the others"],
)
def test_steps_that_learn(on_spark: OnSpark, tmp_path: Path, steps: list[StepSpec]) -> None:
    """A shuffle knows every row by its number, so it is scikit-learn's on Spark, too."""
    alone = run(tmp_path, WHOLE, job(steps=steps, **DATA))
    made = on_spark(WHOLE, job(steps=steps, split_bytes=9_000, block_bytes=2_000, **DATA))
    assert len(made.parts("train")) > 5
    assert same(made, alone)
    states = [result.manifest.get("states") for result in (made, alone)]
    assert states[0] == states[1]


@pytest.mark.long
@pytest.mark.parametrize("is_to_come", [False, True], ids=["a result", "a job of a flow"])
def test_what_another_run_learned(on_spark: OnSpark, tmp_path: Path, is_to_come: bool) -> None:
    alone = run(tmp_path, WHOLE, job(steps=[SPLIT, *KIT, HASH], **DATA))
    files: dict[str, bytes | str] = {"a.csv": WHOLE}
    base = alone.output if is_to_come else alone.output / "report/state"
    for path in (alone.output / "report").rglob("*.arrow" if not is_to_come else "*.*"):
        files[f"../learned/{path.relative_to(base)}"] = path.read_bytes()
    data = laid_out(tmp_path, {"a.csv": WHOLE}) / "processing/input/data"
    given = {"transform.learned": alone.output, "dataset.path": data, "runtime.split_bytes": 9000}
    spec = compile(given, "backend=pyspark").job.program.spec
    assert spec is not None
    assert spec.learned is not None
    if is_to_come:  # as it was compiled before the run began
        learned = LearnedSpec((), spec.dataset, {}, alone.manifest["config_sha256"])
        made = on_spark(files, replace(spec, learned=learned))
    else:
        made = on_spark(files, spec)
    assert made.manifest["config_sha256"] == spec.sha256
    assert len(made.parts("rows")) > 5
    transformer = load(alone.output)
    assert isinstance(transformer, RowTransformer)
    indices = transformer.rows(list(csv.DictReader(WHOLE.splitlines()))).indices
    assert made.matrix("rows").indices.tolist() == indices.tolist()


def test_many_splits_are_put_together_by_executors(
    on_spark: OnSpark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.runtime.spark.cluster.FEW", 4)
    steps = [SPLIT, RARE, HASH]
    alone = run(tmp_path, WHOLE, job(steps=steps, **DATA))
    made = on_spark(WHOLE, job(steps=steps, split_bytes=8_000, **DATA))
    assert len(made.parts("train")) > 8
    assert same(made, alone)
    assert without_bytes(made.metrics) == without_bytes(alone.metrics)


def test_the_same_bytes_every_time(on_spark: OnSpark) -> None:
    spec = job(steps=[SPLIT, HASH], split_bytes=9_000, rows_per_part=100, **DATA)
    first, second = (on_spark(WHOLE, spec).bytes() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("format", ["npz", "parquet", "libsvm", "recordio"])
def test_a_channel_without_rows_has_a_part(on_spark: OnSpark, format: str) -> None:
    everything = StepSpec("split", "split", {"train_fraction": 1.0})
    spec = job(steps=[everything, HASH], format=format, split_bytes=9_000, **DATA)
    made = on_spark(WHOLE, spec)
    (part,) = made.manifest["channels"]["validation"]["parts"]
    assert part["rows"] == 0
    assert len(made.parts("validation")) == 1
    assert made.manifest["rows"]["written"] == len(LINES)


def test_bad_rows_that_are_skipped_are_counted(on_spark: OnSpark, tmp_path: Path) -> None:
    lines = [*LINES[:50], "1,no\n", *LINES[50:], "2,x,,,,\n"]
    content = HEADER + "".join(lines)
    settings = {**DATA, "on_bad_rows": "skip"}
    for steps in ([SPLIT, HASH], [SHUFFLE, HASH]):
        alone = run(tmp_path, content, job(steps=steps, **settings))
        made = on_spark(content, job(steps=steps, split_bytes=5_000, **settings))
        assert same(made, alone)
        assert made.manifest["rows"] == alone.manifest["rows"]
        assert made.manifest["rows"]["rejected"] == 2


@pytest.mark.parametrize("steps", [[SPLIT, HASH], [SHUFFLE, RARE, HASH]], ids=["hash", "shuffle"])
def test_the_same_model(on_spark: OnSpark, tmp_path: Path, steps: list[StepSpec]) -> None:
    """The driver trains it, on all rows in the input's order."""
    evaluation = EvaluationSpec(passes=2)
    alone = run(tmp_path, WHOLE, job(steps=steps, evaluation=evaluation, **DATA))
    spec = job(steps=steps, evaluation=evaluation, split_bytes=20_000, block_bytes=3_000, **DATA)
    assert on_spark(WHOLE, spec).evaluation == alone.evaluation


def listed(result: Result) -> bytes:
    return (result.output / "report/rejected.jsonl").read_bytes()


@pytest.mark.parametrize("kind", ["semicolons", "utf-16", "escapes", "folders"])
def test_any_way_of_writing_the_input(on_spark: OnSpark, tmp_path: Path, kind: str) -> None:
    """Whether Spark can cut it or not; rows that are left out are listed on the same lines."""
    lines = [line if n % 60 else "x\n" for n, line in enumerate(LINES)]
    text = HEADER + "".join(lines)
    ways: dict[str, tuple[Files, dict[str, Any]]] = {
        "semicolons": (
            {"a.csv": text.replace(",", ";").replace(";v1;", ";'v\n1';")},
            {"delimiter": ";", "quote": "'"},
        ),
        "utf-16": ({"a.csv": text.encode("utf-16")}, {"encoding": "utf-16"}),
        "escapes": (
            {"a.csv": f"# a\n{text}".replace("v1", "\\v\\\n1")},
            {"comment": "#", "escape": "\\"},
        ),
        "folders": ({"k=1/a.csv": text, "k=2/a.csv": text}, {"nulls": ("v7",), "trim": True}),
    }
    files, keys = ways[kind]
    spec = job(
        steps=[SPLIT, HASH], split_bytes=9_000, block_bytes=2_000, on_bad_rows="skip",
        **(DATA | keys),
    )  # fmt: skip
    made, alone = on_spark(files, spec), run(tmp_path, files, spec)
    assert same(made, alone)
    assert made.manifest["rows"]["rejected"] == (68 if kind == "folders" else 34)
    assert listed(made) == listed(alone)
