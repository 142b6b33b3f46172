"""Input that changes while a job of several passes runs: the file is named, whatever broke."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.runtime.chain.pipeline import Process
from headrace.runtime.errors import DataError
from headrace.runtime.learning.analysis import Gathering
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import HASH, clicks, job, run

SHUFFLE = StepSpec("split", "split", {"method": "shuffle", "train_fraction": 0.7})
FILES = {f"day={day}/a.csv": clicks(200) for day in range(3)}
ADVICE = "while the job read it; start the job again when nothing writes to its input"


def appended(file: Path) -> None:
    file.write_text(file.read_text() + file.read_text().splitlines(keepends=True)[-1])


def cut_short(file: Path) -> None:
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:100]))


def touched(file: Path) -> None:
    os.utime(file, ns=(0, 0))


def made_nonsense(file: Path) -> None:
    file.write_text("x\n")


CHANGES: list[tuple[Callable[[Path], None], str]] = [
    (appended, "changed"), (cut_short, "changed"), (touched, "changed"),
    (made_nonsense, "changed"), (Path.unlink, "was removed"),
]  # fmt: skip


@pytest.mark.parametrize("block_bytes", [2000, 1 << 20])
@pytest.mark.parametrize(("change", "what"), CHANGES)
def test_a_file_that_changes_between_two_passes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], None],
    what: str,
    block_bytes: int,
) -> None:
    gathering = Gathering.finished

    def finished(self: Any) -> Any:
        (file,) = tmp_path.rglob("day=1/a.csv")
        change(file)
        return gathering(self)

    monkeypatch.setattr(Gathering, "finished", finished)
    spec = job(steps=[SHUFFLE, HASH], label="click", id="id", block_bytes=block_bytes)
    with pytest.raises(DataError) as caught:
        run(tmp_path, FILES, spec)
    assert str(caught.value) == f"day=1/a.csv: the file {what} {ADVICE}"


@pytest.mark.parametrize(("change", "what"), CHANGES)
def test_a_file_that_changes_while_the_result_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], what: str
) -> None:
    process = Process.__call__
    changed: list[Path] = []

    def called(self: Any, *arguments: Any) -> Any:
        if not changed:
            (file,) = tmp_path.rglob("day=2/a.csv")
            change(file)
            changed.append(file)
        return process(self, *arguments)

    monkeypatch.setattr(Process, "__call__", called)
    with pytest.raises(DataError) as caught:
        run(tmp_path, FILES, job(label="click", id="id", block_bytes=2000))
    assert str(caught.value) == f"day=2/a.csv: the file {what} {ADVICE}"
    assert not list(tmp_path.rglob("manifest.json"))
