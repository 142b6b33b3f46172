"""The table and the CSV at the end of a sweep."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from headrace.cli.sweep.summary import as_csv, as_text, best, show
from headrace.results.records import SweepRecord, SweepRun
from headrace.results.stored import RunRecord


def _run(
    number: int,
    value: str,
    *,
    loss: float | None = None,
    failure: str = "",
    fused: bool = False,
    tokens: int | None = 9_748,
    warnings: Sequence[str] = (),
) -> SweepRun:
    metrics = {"distinct_tokens": tokens, "colliding_tokens": 1_337, "collision_rate": 0.137156}
    figures = {"log_loss": loss, "auc": 0.75}
    evaluation = {"judged_on": "validation", "channels": {"validation": figures}}
    timings = {"seconds": 1.25, "peak_memory_mb": 103.4, **({"fused_runs": 2} if fused else {})}
    record = RunRecord(
        Path("/out"),
        {
            "rows": {"written": 5_000, "rejected": 2},
            "channels": {"train": {"rows": 5_000, "parts": [{"bytes": 1_034_430}]}},
            "warnings": [{"text": text} for text in warnings],
        },
        metrics if tokens else {},
        timings,
        evaluation if loss else None,
    )
    settings = {"backend": "script", "transform.n_features": value}
    folder = Path("/sweep", str(number))
    if failure:
        return SweepRun(number, folder, settings, "", None, failure, 2)
    return SweepRun(number, folder, settings, "/out", record)


def _sweep(*runs: SweepRun, folder: Path = Path("/sweep")) -> SweepRecord:
    return SweepRecord(folder, runs)


def test_the_table() -> None:
    sweep = _sweep(
        _run(0, "1024", loss=0.4321),
        _run(1, "0", failure="1 problem in the configuration:\n  a.b: wrong"),
        _run(2, "65536", loss=0.4211),
    )
    assert as_text(sweep) == "\n".join(
        [
            "run  n_features   rows  seconds   MB     size  tokens  colliding  log loss     AUC",
            "  0        1024  5,000     1.25  103  1.03 MB   9,748     13.7 %    0.4321  0.7500",
            "  2       65536  5,000     1.25  103  1.03 MB   9,748     13.7 %    0.4211  0.7500"
            "  best",
            "run 1 (transform.n_features=0) failed: 1 problem in the configuration: a.b: wrong",
        ]
    )


def test_a_narrow_terminal_gets_what_tells_the_runs_apart() -> None:
    sweep = _sweep(_run(0, "1024", loss=0.4321), _run(2, "the/path/of/some/file", loss=0.4211))
    assert as_text(sweep, 70).splitlines() == [
        "run             n_features   rows  seconds  log loss     AUC",
        "  0                   1024  5,000     1.25    0.4321  0.7500",
        "  2  the/path/of/some/file  5,000     1.25    0.4211  0.7500  best",
    ]
    assert as_text(sweep, 40).splitlines() == [
        "run  n_f…es   rows  seconds  log loss",
        "  0    1024  5,000     1.25    0.4321",
        "  2  the…le  5,000     1.25    0.4211  best",
    ]


def test_each_warning_is_said_once() -> None:
    sweep = _sweep(_run(0, "4", warnings=["odd", "even"]), _run(1, "8", warnings=["odd"]))
    assert as_text(sweep).splitlines()[-2:] == ["warning: odd", "warning: even (run 0)"]


def test_what_no_run_has_is_left_out() -> None:
    assert as_text(_sweep(_run(0, "4", tokens=None), _run(1, "8", tokens=None))) == "\n".join(
        [
            "run  n_features   rows  seconds   MB     size",
            "  0           4  5,000     1.25  103  1.03 MB",
            "  1           8  5,000     1.25  103  1.03 MB",
        ]
    )


def test_runs_that_were_fused_are_said_to_be() -> None:
    text = as_text(_sweep(_run(0, "4", fused=True), _run(1, "8", fused=True)))
    note = "runs 0, 1 were done in one go; seconds and MB are those of all of them together"
    assert note in text.splitlines()


def test_when_all_runs_failed() -> None:
    sweep = _sweep(_run(0, "4", failure="no disk"), _run(1, "8", failure="x" * 400))
    assert as_text(sweep) == "\n".join(
        [
            "run 0 (transform.n_features=4) failed: no disk",
            f"run 1 (transform.n_features=8) failed: {'x' * 300} …",
        ]
    )


def test_a_reason_that_runs_share_is_said_once() -> None:
    failures = ("no disk", "too wide", "no disk")
    sweep = _sweep(
        *(_run(number, str(number), failure=each) for number, each in enumerate(failures))
    )
    assert as_text(sweep).splitlines() == [
        "runs 0, 2 failed: no disk",
        "run 1 (transform.n_features=1) failed: too wide",
    ]


def test_the_best_has_the_least_log_loss() -> None:
    assert best(_sweep(_run(0, "4", loss=0.3), _run(1, "8", loss=0.2), _run(2, "9"))) == 1
    assert best(_sweep(_run(0, "4"), _run(1, "8"))) is None
    assert best(_sweep(_run(0, "4", loss=0.2), _run(1, "8", loss=0.2))) == 0


def test_the_csv_has_the_numbers_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = _sweep(
        _run(0, "1024", loss=0.4321), _run(1, "=1+1", failure="two\nlines"), folder=tmp_path
    )
    assert show(sweep) == tmp_path / "summary.csv"
    assert capsys.readouterr() == (f"{as_text(sweep)}\n", "")
    with (tmp_path / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "run": "0",
        "transform.n_features": "1024",
        "rows": "5000",
        "rejected": "2",
        "seconds": "1.25",
        "peak_memory_mb": "103.4",
        "bytes": "1034430",
        "distinct_tokens": "9748",
        "colliding_tokens": "1337",
        "collision_rate": "0.137156",
        "log_loss": "0.4321",
        "auc": "0.75",
        "rmse": "",
        "best": "yes",
        "output": "/out",
        "failure": "",
    }
    assert rows[1]["failure"] == "two\nlines"
    assert rows[1]["rows"] == ""


def test_a_table_that_cannot_be_written_is_shown_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "sweep"
    sweep = _sweep(_run(0, "4"), folder=folder)
    assert show(sweep) is None
    note = f"note: {folder / 'summary.csv'} was not written (Not a directory)\n"
    assert capsys.readouterr() == (f"{as_text(sweep)}\n", note)


def test_no_cell_is_a_formula() -> None:
    text = as_csv(_sweep(_run(0, "-1"), _run(1, "=1+1"), _run(2, "@x")))
    cells = [row[1] for row in list(csv.reader(text.splitlines()))[1:]]
    assert cells == ["-1", "'=1+1", "'@x"]
