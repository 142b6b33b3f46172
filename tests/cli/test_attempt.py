"""One attempt at a run, alone and in a sweep."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from headrace.cli.attempt import attempt
from headrace.cli.sweep import lines
from headrace.errors import DataError
from headrace.results.records import Note
from headrace.terminal import progress


@dataclass(frozen=True)
class Done:
    output: str = "/out"


def _raise(error: BaseException) -> Callable[[], NoReturn]:
    def work() -> NoReturn:
        raise error

    return work


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    """Makes this a run of a sweep; what the run left for the summary."""
    hydra = SimpleNamespace(
        mode=RunMode.MULTIRUN,
        runtime=SimpleNamespace(output_dir=str(tmp_path)),
        job=SimpleNamespace(num=3),
        overrides=SimpleNamespace(task=["a=1"]),
    )
    monkeypatch.setattr(HydraConfig, "get", lambda: hydra)
    return lambda: Note.read(tmp_path)


def test_a_run_of_a_sweep_leaves_where_its_result_is(sweep: Callable[[], object]) -> None:
    assert attempt(Done) == Done()
    assert sweep() == Note(3, ["a=1"], "/out", failure="", exit_status=0)


def test_a_run_of_a_sweep_that_fails_lets_the_others_go_on(
    sweep: Callable[[], object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert attempt(_raise(DataError("x.csv: the file is empty"))) is None
    assert sweep() == Note(3, ["a=1"], failure="x.csv: the file is empty", exit_status=1)
    assert capsys.readouterr() == ("run 3 (a=1): failed\n", "x.csv: the file is empty\n")


def test_runs_below_a_live_table_print_nothing_of_their_own(
    sweep: Callable[[], object],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines.begin(["a"], is_live=True)
    try:
        assert attempt(_raise(DataError("no"))) is None
        assert progress.RUN.get() == 3
        view = progress.default_view()
        view.show(progress.State(5, 43, 100, 1.0))
        view.show(progress.State(6, 44, 100, 1.1))  # too soon
        assert capsys.readouterr() == ("", "no\n\x1b_headrace 3 43 100\x1b\\\n")
        monkeypatch.setattr(os, "getpid", lambda: -1)
        monkeypatch.setattr(os, "getppid", lambda: -2)
        assert not lines.is_live()  # of another sweep, which has started this program
    finally:
        lines.end()
        progress.RUN.set(None)


def test_a_line_names_what_is_swept(
    sweep: Callable[[], object], capsys: pytest.CaptureFixture[str]
) -> None:
    HydraConfig.get().overrides.task.append('+b.c="2.0"')
    for swept, line in (
        (["a"], "run 3 (a=1): fine\n"),
        (["+b.c"], "run 3 (+b.c=2.0): fine\n"),
        ([], "run 3: fine\n"),
    ):
        lines.begin(swept, is_live=False)
        lines.done("fine")
        lines.end()
        assert capsys.readouterr().out == line


@pytest.mark.parametrize(
    ("error", "failure", "status"),
    [
        (KeyboardInterrupt(), "interrupted", 130),
        (RuntimeError("a bug"), "RuntimeError: a bug", 1),
    ],
)
def test_what_is_nobodys_mistake_is_noted_and_goes_on(
    sweep: Callable[[], object], error: BaseException, failure: str, status: int
) -> None:
    with pytest.raises(type(error)):
        attempt(_raise(error))
    assert sweep() == Note(3, ["a=1"], failure=failure, exit_status=status)


def test_a_run_that_is_killed_has_left_a_note(sweep: Callable[[], object]) -> None:
    assert attempt(lambda: Done(str(sweep()))) == Done(str(Note(3, ["a=1"])))


def test_a_note_that_cannot_be_written_is_no_failure(
    sweep: Callable[[], object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: object) -> None:
        raise OSError(ENOSPC, os.strerror(ENOSPC))

    monkeypatch.setattr(Note, "write", full)
    assert attempt(Done) == Done()
    line = "note: run.json was not written (No space left on device)\n"
    assert capsys.readouterr().err == 2 * line


def test_a_single_run_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(HydraConfig, "get", lambda: SimpleNamespace(mode=RunMode.RUN))
    with pytest.raises(SystemExit) as ended:
        attempt(_raise(DataError("x.csv: the file is empty")))
    assert ended.value.code == 1
    assert capsys.readouterr().err == "x.csv: the file is empty\n"
