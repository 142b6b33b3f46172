"""Runs and sweeps read back from their folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framework.records import RUN, UNFINISHED, RecordError, RunRecord, SweepRecord


def _report(folder: Path, **files: object) -> Path:
    (folder / "report").mkdir(parents=True)
    for name, content in files.items():
        (folder / "report" / f"{name}.json").write_text(json.dumps(content))
    return folder


def _run(sweep: Path, number: int, *overrides: str) -> Path:
    folder = sweep / str(number)
    (folder / ".hydra").mkdir(parents=True)
    lines = "".join(f"- {each}\n" for each in overrides)
    (folder / ".hydra" / "overrides.yaml").write_text(lines or "[]\n")
    return folder


def _note(*, output: str = "", failure: str = "", exit_status: int = 0) -> str:
    return json.dumps({"output": output, "failure": failure, "exit_status": exit_status})


def test_a_run(tmp_path: Path) -> None:
    folder = _report(tmp_path, manifest={"n_features": 8}, metrics={"rows": 3}, timings={})
    record = RunRecord.read(folder)
    assert (record.manifest, record.metrics) == ({"n_features": 8}, {"rows": 3})
    assert record.evaluation is None


def test_no_manifest_no_result(tmp_path: Path) -> None:
    _report(tmp_path, metrics={})
    with pytest.raises(RecordError) as raised:
        RunRecord.read(tmp_path)
    assert str(raised.value) == f"{tmp_path}: holds no result (report/manifest.json is missing)"


def test_a_sweep_knows_which_runs_failed_and_what_differs(tmp_path: Path) -> None:
    widths = ("transform.n_features=16", "transform.n_features=0", "transform.n_features=4")
    folders = [
        _run(tmp_path, number, "backend=script", width) for number, width in enumerate(widths)
    ]
    _report(folders[0], manifest={"n_features": 16})
    (folders[0] / RUN).write_text(_note(output=str(folders[0])))
    (folders[1] / RUN).write_text(_note(failure="should be at least 1", exit_status=2))
    sweep = SweepRecord.read(tmp_path)
    assert sweep.swept == ("transform.n_features",)
    assert [run.settings["transform.n_features"] for run in sweep.runs] == ["16", "0", "4"]
    assert [run.failure for run in sweep.runs] == ["", "should be at least 1", UNFINISHED]
    assert sweep.exit_status == 2
    assert sweep.runs[0].record is not None
    assert sweep.runs[0].record.manifest == {"n_features": 16}


def test_runs_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in range(11):
        _run(tmp_path, number)
    assert [run.number for run in SweepRecord.read(tmp_path).runs] == list(range(11))


def test_a_result_that_is_gone(tmp_path: Path) -> None:
    folder = _run(tmp_path, 0)
    (folder / RUN).write_text(_note(output=str(folder)))
    (run,) = SweepRecord.read(tmp_path).runs
    assert run.exit_status == 1
    assert run.failure == f"{folder}: holds no result (report/manifest.json is missing)"


def test_a_result_on_s3_is_not_looked_for_here(tmp_path: Path) -> None:
    folder = _run(tmp_path, 0)
    (folder / RUN).write_text(_note(output="s3://bucket/out"))
    (run,) = SweepRecord.read(tmp_path).runs
    assert (run.output, run.record, run.failure) == ("s3://bucket/out", None, "")


def test_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(RecordError) as raised:
        SweepRecord.read(tmp_path)
    assert str(raised.value) == f"{tmp_path}: holds no runs of a sweep"
