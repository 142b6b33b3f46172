"""A result goes to an empty folder that can be written, or the user has said otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from framework.config import OutputConfig
from framework.output_folder import check


def _check(path: Path | str, *, overwrite: bool = False) -> list[str]:
    return [str(problem) for problem in check(OutputConfig(path=str(path), overwrite=overwrite))]


def test_a_folder_that_is_not_there_yet_is_fine_and_is_not_made(tmp_path: Path) -> None:
    assert _check(tmp_path / "a" / "b") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "ours", [".hydra/config.yaml", "request.json", "code/entry.pyz", "run.log", "config/job.json"]
)
def test_what_hydra_and_a_plan_leave_does_not_count(tmp_path: Path, ours: str) -> None:
    (tmp_path / ours).parent.mkdir(exist_ok=True)
    (tmp_path / ours).touch()
    assert _check(tmp_path) == []


def test_anything_else_counts_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    assert _check(tmp_path) == [
        f"output.path: the folder '{tmp_path}' is not empty; "
        "choose another or set output.overwrite=true"
    ]
    assert _check(tmp_path, overwrite=True) == []


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    message = f"output.path: '{file}' is a file; give a folder"
    assert _check(file) == [message]
    assert _check(file / "below", overwrite=True) == [message]


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    assert _check(tmp_path / "x") == [
        f"output.path: cannot write in '{tmp_path / 'x'}': Permission denied"
    ]


def test_a_remote_place_is_not_looked_at() -> None:
    assert _check("s3://bucket/folder") == []
