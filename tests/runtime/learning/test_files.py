"""``report/state/``: whole, listed in the manifest, and enough to do the same to single rows."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headrace.runtime.chain.chain import Link
from headrace.runtime.errors import DataError, HeadraceError
from headrace.runtime.learning.files import write
from headrace.runtime.online import load
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import HASH, Result, clicks, job, run

SHUFFLE = StepSpec("split", "split", {"method": "shuffle", "train_fraction": 0.5})
RARE = StepSpec("rare", "rare_values", {"min_count": 3, "columns": ["c0", "c1", "c2"]})
SCALED = StepSpec("a scale/of..ours", "standardize", {})
CONTENT = clicks(300, distinct=60).replace(",v", ",").replace("\n", "\r\n")


@pytest.fixture
def result(tmp_path: Path) -> Result:
    spec = job(steps=[SHUFFLE, SCALED, RARE, HASH], id="id", label="click", numeric=("c3",))
    return run(tmp_path, CONTENT, spec)


def test_the_manifest_lists_them(result: Result) -> None:
    states = result.manifest["states"]
    assert {label: each["file"] for label, each in states.items()} == {
        "split": "report/state/split.arrow",
        "a scale/of..ours": "report/state/a%20scale%2Fof..ours.arrow",
        "rare": "report/state/rare.arrow",
    }
    for each in states.values():
        content = (result.output / each["file"]).read_bytes()
        assert each["bytes"] == len(content)
        assert each["sha256"] == hashlib.sha256(content).hexdigest()
    assert len(list((result.output / "report/state").iterdir())) == 3


def test_a_job_that_learns_nothing_has_none(tmp_path: Path) -> None:
    result = run(tmp_path, CONTENT, job(steps=[HASH]))
    assert "states" not in result.manifest
    assert not (result.output / "report/state").exists()


def test_anyone_who_knows_arrow_can_read_them(result: Result) -> None:
    with pa.OSFile(str(result.output / "report/state/a%20scale%2Fof..ours.arrow")) as file:
        (row,) = pa.ipc.open_file(file).read_all().to_pylist()
    cells = [line.split(",")[5] for line in CONTENT.splitlines()[1:]]
    ids = {each.decode() for each in result.array("id")}
    train = [
        float(cell)
        for cell, line in zip(cells, CONTENT.splitlines()[1:], strict=True)
        if cell and line.split(",")[0] in ids
    ]
    assert row == {
        "column": "c3",
        "mean": pytest.approx(np.mean(train), rel=1e-14),
        "scale": pytest.approx(np.std(train), rel=1e-14),
    }
    with pa.OSFile(str(result.output / "report/state/split.arrow")) as file:
        assert pa.ipc.open_file(file).read_all().to_pylist() == [{"rows": 300}]


def test_single_rows_come_out_as_the_job_made_them(result: Result) -> None:
    transformer = load(result.output)
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(CONTENT))}
    for channel in ("train", "validation"):
        matrix = result.matrix(channel)
        for number, each in enumerate(result.array("id", channel)):
            indices, values = transformer(rows[each.decode()])
            assert np.array_equal(indices, matrix[number].indices)
            assert np.array_equal(values, matrix[number].data)


def refusal(result: Result) -> str:
    with pytest.raises(HeadraceError) as caught:
        load(result.output)
    return str(caught.value)


def test_a_state_that_was_changed_or_is_gone(result: Result) -> None:
    path = result.output / "report/state/rare.arrow"
    path.write_bytes(path.read_bytes()[:-1])
    assert refusal(result) == (f"{path}: is not the file that the manifest means (sha256 differs)")
    path.unlink()
    assert refusal(result) == f"{path}: cannot be read (No such file or directory)"


def test_a_run_that_kept_no_state(result: Result) -> None:
    manifest: dict[str, Any] = result.manifest
    del manifest["states"]["rare"], manifest["sha256"]  # as an older version wrote it
    (result.output / "report/manifest.json").write_text(json.dumps(manifest))
    assert refusal(result) == "transform.steps.rare: the run did not keep what it learned"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    schema = pa.schema([])
    link = Link("x", None, schema, schema, pa.table({"a": [1]}))  # type: ignore[arg-type]
    with pytest.raises(DataError) as caught:
        write(tmp_path, [link])
    assert str(caught.value) == f"{tmp_path}/state: cannot be written (File exists)"
