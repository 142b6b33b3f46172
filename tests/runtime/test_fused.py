"""Jobs that differ in their width alone, done in one go, leave the bytes that each leaves alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headrace.runtime.errors import HeadraceError
from headrace.runtime.process.fused import difference
from headrace.runtime.spec import JobSpec, StepSpec
from tests.runtime.jobs import SPARSE_FORMATS, SPLIT, clicks, job, run, run_together

WIDTHS = (7, 64, 2**20)
CONTENT = clicks(500, distinct=90)
DATA: dict[str, Any] = {"id": "id", "label": "click"}


def hashed(width: int, name: str = "feature_hasher", **parameters: Any) -> StepSpec:
    return StepSpec("hash", name, {"n_features": width, **parameters})


def jobs(*before: StepSpec, hasher: dict[str, Any] | None = None, **settings: Any) -> list[JobSpec]:
    chosen = hasher or {}
    return [job(steps=[*before, hashed(width, **chosen)], **settings) for width in WIDTHS]


def assert_as_alone(root: Path, content: str, specs: list[JobSpec]) -> None:
    together = run_together(root, content, specs)
    alone = [run(root, content, spec) for spec in specs]
    assert [each.bytes() for each in together] == [each.bytes() for each in alone]
    assert len({json.dumps(each.metrics) for each in together}) == len(specs)


@pytest.mark.parametrize("format_name", SPARSE_FORMATS)
def test_every_format(tmp_path: Path, format_name: str) -> None:
    assert_as_alone(tmp_path, CONTENT, jobs(SPLIT, format=format_name, rows_per_part=100, **DATA))


@pytest.mark.parametrize(
    "hasher",
    [
        {"name": "custom_hasher"},
        {"name": "custom_hasher", "index_ranges": "per_column", "hash": "murmur3_32"},
        {"alternate_sign": False},
    ],
)
def test_every_hasher(tmp_path: Path, hasher: dict[str, Any]) -> None:
    assert_as_alone(tmp_path, CONTENT, jobs(hasher=hasher, **DATA))


@pytest.mark.parametrize("format_name", SPARSE_FORMATS)
def test_a_step_behind_the_hasher(tmp_path: Path, format_name: str) -> None:
    settings: dict[str, Any] = {"format": format_name, "rows_per_part": 100, **DATA}
    specs = [job(steps=[hashed(width), SPLIT], **settings) for width in WIDTHS]
    assert_as_alone(tmp_path, CONTENT, specs)


def test_without_a_split_and_with_numbers(tmp_path: Path) -> None:
    content = "click,c0,price\n1,a,2.5\n0,b,\n1,a,0\n0,,-3\n"
    assert_as_alone(tmp_path, content, jobs(label="click", numeric=("price",)))


def test_a_shuffle_counts_the_rows_once(tmp_path: Path) -> None:
    shuffle = StepSpec("split", "split", {"method": "shuffle", "train_fraction": 0.7})
    assert_as_alone(tmp_path, CONTENT, jobs(shuffle, threads=3, block_bytes=500, **DATA))


def test_bad_rows_are_skipped_and_counted_in_each(tmp_path: Path) -> None:
    content = CONTENT.replace(",1,", ",x,", 3)
    specs = jobs(SPLIT, on_bad_rows="skip", block_bytes=900, **DATA)
    assert_as_alone(tmp_path, content, specs)
    for result in run_together(tmp_path, content, specs):
        assert result.manifest["rows"]["rejected"] == 3


def test_timings_say_how_many_runs_they_are_of(tmp_path: Path) -> None:
    for result in run_together(tmp_path, CONTENT, jobs(**DATA)):
        timings = json.loads((result.output / "report/timings.json").read_text("utf-8"))
        assert timings["fused_runs"] == 3


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (job(steps=[SPLIT, hashed(8)], label="click"), "they differ in dataset"),
        (job(steps=[SPLIT, hashed(8)], format="parquet"), "they differ in output"),
        (job(steps=[hashed(8)]), "they differ in transform.steps"),
        (job(steps=[SPLIT, hashed(8, "custom_hasher")]), "they differ in transform.steps"),
        (job(steps=[SPLIT, hashed(8, alternate_sign=True)]), "they differ in transform.steps"),
        (job(steps=[SPLIT, hashed(8)], packages={"a.whl": "1"}), "they differ in packages"),
        (job(steps=[SPLIT, hashed(8)]), None),
    ],
)
def test_what_keeps_jobs_apart(other: JobSpec, reason: str | None) -> None:
    assert difference(job(steps=[SPLIT, hashed(16)]), other) == reason


def test_jobs_with_the_same_packages() -> None:
    one, other = (job(steps=[hashed(width)], packages={"a.whl": "1"}) for width in (8, 16))
    assert difference(one, other) is None


def test_rows_that_are_not_hashed_have_no_width() -> None:
    spec = job(steps=[SPLIT])
    assert difference(spec, spec) == "no step hashes"


def test_unlike_jobs_are_refused(tmp_path: Path) -> None:
    specs = [job(steps=[hashed(8)], format=each) for each in ("npz", "parquet")]
    with pytest.raises(HeadraceError) as raised:
        run_together(tmp_path, "a\n1\n", specs)
    reason = "they differ in output"
    assert str(raised.value) == f"these jobs cannot be done in one go: {reason}"
