"""Runs and sweeps read back from their folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headrace.results.records import (
    RUN,
    UNFINISHED,
    Note,
    RecordError,
    SweepRecord,
    forget,
    settings_of,
)
from headrace.results.stored import RunRecord, UnreadableError


def _report(folder: Path, **files: object) -> Path:
    (folder / "report").mkdir(parents=True)
    for name, content in files.items():
        (folder / "report" / f"{name}.json").write_text(json.dumps(content))
    return folder


def _run(sweep: Path, number: int, *overrides: str, name: str = "", **told: Any) -> Path:
    folder = sweep / (name or str(number))
    Note(number, overrides, **told).write(folder)
    return folder


def _done(output: Path | str) -> dict[str, Any]:
    return {"output": str(output), "failure": "", "exit_status": 0}


def test_a_run(tmp_path: Path) -> None:
    folder = _report(tmp_path, manifest={"channels": {}}, metrics={"rows": 3}, timings={})
    record = RunRecord.read(folder)
    assert (record.manifest, record.metrics) == ({"channels": {}}, {"rows": 3})
    assert record.evaluation is None


def test_texts_have_no_quotes_around_them(tmp_path: Path) -> None:
    for number, text in enumerate(('"0.7"', "'1e5'", "007", '"null"', '"a b"', '"7')):
        _run(tmp_path, number, f"flow.parameters.share={text}", "~x")
    runs = SweepRecord.read(tmp_path).runs
    assert [run.settings["flow.parameters.share"] for run in runs] == [
        *("0.7", "1e5", "007", "null", "a b", '"7'),
    ]


def test_no_manifest_no_result(tmp_path: Path) -> None:
    _report(tmp_path, metrics={})
    with pytest.raises(UnreadableError) as raised:
        RunRecord.read(tmp_path)
    assert str(raised.value) == f"{tmp_path}: holds no result (report/manifest.json is missing)"


def test_another_programs_manifest_is_no_result(tmp_path: Path) -> None:
    _report(tmp_path, manifest={"metadata": {}})
    with pytest.raises(UnreadableError) as raised:
        RunRecord.read(tmp_path)
    why = "report/manifest.json is no manifest of headrace"
    assert str(raised.value) == f"{tmp_path}: holds no result ({why})"


def test_settings_have_no_quotes_of_texts_and_tell_no_secrets() -> None:
    typed = [
        'program.arguments.share="0.7"',
        "+a.b='x y'",
        'c=["1.10",2]',
        "d=",
        "e='",
        "k_token=1",
    ]
    assert settings_of(typed) == {
        "program.arguments.share": "0.7",
        "+a.b": "x y",
        "c": '["1.10",2]',
        "d": "",
        "e": "'",
        "k_token": "***",
    }


def test_a_sweep_knows_which_runs_failed_and_what_differs(tmp_path: Path) -> None:
    done = _report(tmp_path / "0", manifest={"channels": {}})
    _run(tmp_path, 0, "backend=script", "transform.n_features=16", **_done(done))
    failed: dict[str, Any] = {"failure": "should be at least 1", "exit_status": 2}
    _run(tmp_path, 1, "backend=script", "transform.n_features=0", **failed)
    _run(tmp_path, 2, "backend=script", "transform.n_features=4")
    sweep = SweepRecord.read(tmp_path)
    assert sweep.swept == ("transform.n_features",)
    assert [run.settings["transform.n_features"] for run in sweep.runs] == ["16", "0", "4"]
    assert [run.failure for run in sweep.runs] == ["", "should be at least 1", UNFINISHED]
    assert sweep.exit_status == 2
    assert sweep.runs[0].record is not None
    assert sweep.runs[0].record.manifest == {"channels": {}}


def test_runs_are_in_the_order_of_their_numbers_whatever_their_folders_are_called(
    tmp_path: Path,
) -> None:
    for number in range(11):
        _run(tmp_path, number, name=f"group/width={20 - number}")
    assert [run.number for run in SweepRecord.read(tmp_path).runs] == list(range(11))


def test_other_sweeps_and_strange_files_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other"
    strange = [tmp_path / name / RUN for name in "abc"]
    for path, text in zip(strange, ('{"speed": 3}', "[1]", "\xff"), strict=True):
        path.parent.mkdir()
        path.write_text(text, "latin-1")
    _run(tmp_path, 0)
    _run(other, 7)
    for sweep in (tmp_path, other):
        (sweep / "multirun.yaml").touch()
    assert [run.number for run in SweepRecord.read(tmp_path).runs] == [0]
    forget(tmp_path)
    with pytest.raises(RecordError):
        SweepRecord.read(tmp_path)
    assert all(path.exists() for path in strange)
    assert [run.number for run in SweepRecord.read(other).runs] == [7]


def test_a_result_that_is_gone(tmp_path: Path) -> None:
    folder = _run(tmp_path, 0, **_done(tmp_path / "0"))
    (run,) = SweepRecord.read(tmp_path).runs
    assert run.exit_status == 1
    assert run.failure == f"{folder}: holds no result (report/manifest.json is missing)"


def test_a_broken_result_is_a_run_that_failed(tmp_path: Path) -> None:
    done = _report(tmp_path / "0", manifest={"channels": {}})
    (done / "report/metrics.json").write_text("[1]")
    _run(tmp_path, 0, **_done(done))
    (run,) = SweepRecord.read(tmp_path).runs
    assert (run.exit_status, run.record) == (1, None)
    assert run.failure == f"{done}: report/metrics.json cannot be read (it holds no JSON object)"


def test_a_sweep_that_was_moved(tmp_path: Path) -> None:
    folder = _report(tmp_path / "here" / "0", manifest={"channels": {}})
    _run(folder.parent, 0, **_done(folder))
    folder.parent.rename(tmp_path / "there")
    (run,) = SweepRecord.read(tmp_path / "there").runs
    assert run.record is not None
    assert run.record.folder == tmp_path / "there" / "0"


def test_a_result_on_s3_is_not_looked_for_here(tmp_path: Path) -> None:
    _run(tmp_path, 0, **_done("s3://bucket/out"))
    (run,) = SweepRecord.read(tmp_path).runs
    assert (run.output, run.record, run.failure) == ("s3://bucket/out", None, "")


def test_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(RecordError) as raised:
        SweepRecord.read(tmp_path)
    assert str(raised.value) == f"{tmp_path}: holds no runs of a sweep"
