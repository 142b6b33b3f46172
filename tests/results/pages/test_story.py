"""The beginning of a run's page: title, command, chain, and the snippet, which is run."""

from __future__ import annotations

import json
import os
import re
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from headrace.results.pages import write_run_page
from headrace.results.pages.story import Made, Stage, moment_of, program_snippet, snippet, stages
from headrace.results.pages.story import title as title_of
from headrace.results.stored import RunRecord
from headrace.runtime.spec import StepSpec
from tests.results.pages.samples import evaluation, log, request, run_folder
from tests.runtime.jobs import SPLIT, job, run

HERE = Made("python run.py 'a=<b>'", "hashing", "on this machine")
NAME = "headrace-20261129-214000-799-ec2f5e"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    folder = run_folder(tmp_path_factory.mktemp("run"), request=request(NAME))
    return RunRecord.read(folder)


def test_a_title_says_what_was_done(record: RunRecord) -> None:
    assert title_of(record, HERE) == "hashing of day.csv, on this machine, 29 Nov 2026"
    assert title_of(record, Made()) == "split and feature_hasher of day.csv, 29 Nov 2026"
    bare = replace(record, request=None, written=datetime(2026, 1, 2, tzinfo=UTC))
    assert title_of(bare, Made()) == "split and feature_hasher, 2 Jan 2026"


def test_without_a_time_in_the_name_it_is_that_of_the_manifest(record: RunRecord) -> None:
    os.utime(record.folder / "report" / "manifest.json", (86_400, 86_400))
    unnamed = replace(RunRecord.read(record.folder), request=request("nightly"))
    assert moment_of(unnamed) == datetime(1970, 1, 2, tzinfo=UTC)
    impossible = replace(unnamed, request=request("a-20261399-214000-799-ec2f5e"))
    assert moment_of(impossible) == datetime(1970, 1, 2, tzinfo=UTC)


def test_the_chain(record: RunRecord) -> None:
    read, split, hasher, written = stages(record)
    columns = (("label", "click"), ("id", "id"), ("time", "hour"), ("categorical", "3"))
    assert read == Stage("input", "day.csv", "600 rows", columns)
    assert (split.kind, split.name, split.seen[0][0]) == ("step", "split", "train_fraction")
    assert hasher == Stage("step", "feature_hasher", "", (("n_features", "64"),))
    assert written == Stage(
        "output", "npz", "600 rows", (("channels", "train and validation"), ("width", "64"))
    )


def test_many_parameters_are_folded(record: RunRecord) -> None:
    steps = [{"label": "mine", "name": "other", "parameters": {f"p{i}": i for i in range(9)}}]
    config = {**record.manifest["config"], "steps": steps}
    _, mine, _ = stages(replace(record, manifest={**record.manifest, "config": config}))
    assert (mine.note, len(mine.seen), len(mine.more)) == ("other", 6, 3)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_a_page_keeps_how_the_run_was_made(record: RunRecord) -> None:
    page = write_run_page(record, HERE)
    assert "python run.py &#39;a=&lt;b&gt;&#39;" in text_of(page)
    assert "registry/image:1" not in text_of(page)
    assert write_run_page(record) == page
    assert Made.of_page(page) == HERE
    assert "hashing of day.csv, on this machine" in text_of(page)
    page.write_text(text_of(page).replace('name="headrace-made"', 'name="other"'))
    assert Made.of_page(page) is None
    write_run_page(record)
    assert "on SageMaker" in text_of(page)
    assert "registry/image:1" in text_of(page)  # as its outputs are on S3
    assert "no file of the result holds it" in text_of(page)


def test_the_folder_of_a_result_is_in_use(record: RunRecord) -> None:
    made = replace(HERE, command="python run.py output.path=out")
    assert "This folder is in use" in text_of(write_run_page(record, made))
    assert "This folder is in use" not in text_of(write_run_page(record, HERE))
    made = replace(made, command=f"{made.command} output.overwrite=true")
    assert "This folder is in use" not in text_of(write_run_page(record, made))


def ran(code: str) -> str:
    """What a snippet prints."""
    out = StringIO()
    with redirect_stdout(out):
        exec(compile(code, "snippet", "exec"), {})  # noqa: S102 - what a reader would copy
    return out.getvalue()


VOCABULARY = StepSpec("vocabulary", "vocabulary", {})


@pytest.mark.parametrize(
    ("how", "begins"),
    [
        (
            {"steps": [SPLIT, StepSpec("feature_hasher", "feature_hasher", {"n_features": 64})]},
            "(290, 64) ",
        ),
        ({"steps": [SPLIT, VOCABULARY], "format": "npy"}, "(290, 3) "),
        ({"steps": [SPLIT], "format": "parquet"}, "{'hour': array(['14"),
        ({"steps": [SPLIT], "format": "parquet", "label": None}, "{'click': array(['"),
    ],
    ids=["hashed", "ids", "text", "no label"],
)
def test_a_snippet_loads_the_rows(tmp_path: Path, how: dict[str, Any], begins: str) -> None:
    folder = run(tmp_path, log(), job(**{"id": "id", "label": "click", **how})).output
    assert ran(snippet(RunRecord.read(folder))).startswith(begins)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("train/a.csv", "x,y\n1,2\n", [1]),
        ("a.json", '{"x": 1}', 1),
        ("a.bin", "x", b"x"),
    ],
)
def test_a_snippet_reads_the_first_file_of_a_program(
    record: RunRecord, tmp_path: Path, name: str, content: str, expected: object
) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(content)
    told = program_snippet(replace(record, place=str(tmp_path)), [{"file": name}])
    names: dict[str, Any] = {}
    exec(compile(told, "snippet", "exec"), names)  # noqa: S102 - what a reader would copy
    data = names["data"]
    assert (
        data if isinstance(data, bytes) else json.loads(json.dumps(data["x"], default=list))
    ) == expected


def test_on_s3_a_snippet_says_what_it_needs(record: RunRecord) -> None:
    stored = replace(record, place="s3://bucket/out")
    assert "pandas.read_csv('s3://bucket/out/a.csv')" in program_snippet(
        stored, [{"file": "a.csv"}]
    )
    fetched = "boto3.client('s3').download_file('bucket', 'out/x/a.bin', 'a.bin')"
    assert fetched in program_snippet(stored, [{"file": "x/a.bin"}])
    assert program_snippet(stored, []) == ""


def test_scores_and_errors_are_charts_and_tables(tmp_path: Path) -> None:
    told = evaluation()
    told["scores"] = {
        "validation": {"log_odds": [-1.0, -0.75, -0.5], "zeros": [30, 10], "ones": [5, 15]}
    }
    page = text_of(write_run_page(RunRecord.read(run_folder(tmp_path, evaluation=told))))
    assert "Predictions for the rows of each label" in page
    assert re.search("label 1: 75.0.% are predicted about 34.9.% \\(15 rows\\)", page)
    figures = {"rows": 9, "rmse": 9131.79787, "mae": 0.123456, "r2": None}
    linear = {
        "regression_metrics": {},
        "judged_on": "validation",
        "channels": {"validation": {**figures, "label_mean": 2.0, "mean_prediction": 1.5}},
    }
    page = text_of(write_run_page(RunRecord.read(run_folder(tmp_path / "b", evaluation=linear))))
    for number in ("9,132", "0.1235", "2.000", "1.500"):
        assert number in page
