"""The closing table."""

from __future__ import annotations

import json
from pathlib import Path

from headrace.results.result import Channel, Result, RunResult, how_to_load, summary

CHANNELS = (
    Channel("train", rows=8_012, parts=1, bytes=311_870),
    Channel("validation", rows=1_988, parts=12, bytes=78),
)


def test_a_result_as_a_table() -> None:
    manifest = {"rows": {"read": 10_003, "written": 10_000, "rejected": 3}}
    assert summary(Result("/data/out", manifest, 1.93, CHANNELS)) == "\n".join(
        [
            "channel      rows  parts    size",
            "train       8,012      1  312 kB",
            "validation  1,988     12    78 B",
            "10,000 rows in 1.9 s, 3 rejected",
            "/data/out",
        ]
    )


def test_files_of_a_programs_own_are_not_taken_for_a_report(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    files = {
        "manifest": {"program": {}, "outputs": {}},
        "timings": {"seconds": "long"},
        "evaluation": {"channels": {"a": {"auc": 1}}},
    }
    for name, content in files.items():
        (tmp_path / "report" / f"{name}.json").write_text(json.dumps(content))
    opened = RunResult.at(tmp_path)
    assert repr(opened) == f"done in 0.0 s\n{tmp_path}"
    assert opened.evaluation == files["evaluation"]


def test_the_python_that_loads_a_result() -> None:
    manifest = {"output_format": "npz"}
    made = Result("/data/it's é", manifest, 1.0, CHANNELS)
    assert how_to_load(made) == """headrace.open_result("/data/it's é").load('train')"""
    written = Result("s3://b/out", {"output_format": "recordio"}, 1.0, CHANNELS)
    assert how_to_load(written) == "headrace.open_result('s3://b/out').load('train')"
    program = Result("/out", {"program": {}}, 1.0, ())
    assert how_to_load(program) == "headrace.open_result('/out')"
    assert how_to_load(Result("/out", {}, 1.0, ())) is None
    assert how_to_load(Result("s3://b/out", {}, 1.0, (), has_ended=False)) is None


def test_warnings_stand_before_the_last_lines() -> None:
    warnings = [{"kind": "null", "column": f"c{n}", "text": f"column 'c{n}'"} for n in range(12)]
    lines = summary(Result("/o", {"warnings": warnings}, 2.0, CHANNELS[:1])).splitlines()
    assert lines[2:] == [
        *(f"warning: column 'c{n}'" for n in range(10)),
        "2 more warnings: report/manifest.json",
        "8,012 rows in 2.0 s",
        "/o",
    ]


def test_nothing_rejected_and_large_numbers() -> None:
    channels = (Channel("train", rows=40_428_967, parts=309, bytes=5_870_000_000),)
    assert summary(Result("/o", {}, 1061.0, channels)) == "\n".join(
        [
            "channel        rows  parts     size",
            "train    40,428,967    309  5.87 GB",
            "40,428,967 rows in 1,061.0 s",
            "/o",
        ]
    )


def test_a_model_was_judged() -> None:
    judged = {
        "validation": {"log_loss": 0.392149, "auc": 0.741702, "normalised_entropy": 0.930512},
        "test": {"log_loss": 0.0123, "auc": None, "normalised_entropy": None},
    }
    assert summary(Result("/o", {}, 2.0, CHANNELS[:1], {"channels": judged})) == "\n".join(
        [
            "channel   rows  parts    size",
            "train    8,012      1  312 kB",
            "validation: log loss 0.3921, AUC 0.742, normalised entropy 0.931",
            "test: log loss 0.0123; all its labels are the same",
            "8,012 rows in 2.0 s",
            "/o",
        ]
    )


def test_a_linear_regression_was_judged() -> None:
    judged = {
        "validation": {"rmse": 3.332763, "mae": 2.683651, "r2": 0.990553},
        "test": {"rmse": 0.0, "mae": 0.0, "r2": None},
        "other": {"rmse": None, "mae": None, "mse": None, "r2": None},
    }
    told = summary(Result("/o", {}, 2.0, CHANNELS[:1], {"channels": judged})).splitlines()
    assert told[2:5] == [
        "validation: RMSE 3.33276, MAE 2.68365, R² 0.991",
        "test: RMSE 0, MAE 0; all its labels are the same",
        "other: RMSE too large, MAE too large",
    ]


def test_a_request_that_reports_nothing() -> None:
    assert summary(Result("/o", {}, 0.04, ())) == "done in 0.0 s\n/o"
