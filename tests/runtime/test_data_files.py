"""Which files are data: one rule, whoever asks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headrace.runtime.data_files import files_below, files_of_input, is_data
from headrace.runtime.errors import DataError
from tests.runtime.jobs import job, run


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    "path", ["a.csv", "day=1/a.csv", "a_b/c.d.csv", "..", "./a", "../a", "a/b"]
)
def test_data(path: str) -> None:
    assert is_data(path)


@pytest.mark.parametrize(
    "path", ["_SUCCESS", ".a.csv.crc", "_temporary/0/a.csv", "a/_b/c.csv", "a/.b/c", "...", "a/..b"]
)
def test_no_data(path: str) -> None:
    assert not is_data(path)


def test_the_files_of_a_folder(tmp_path: Path) -> None:
    names = ("b.csv", "a/c.csv", "_SUCCESS", ".b.csv.crc", "_tmp/d.csv", "a/.x/e.csv", "a-/f")
    touch(tmp_path, *names)
    found = [str(path.relative_to(tmp_path)) for path in files_below(tmp_path)]
    assert found == ["a/c.csv", "a-/f", "b.csv"]
    assert files_of_input(tmp_path) == files_below(tmp_path)


def test_a_folder_that_a_job_names_may_have_a_hidden_name(tmp_path: Path) -> None:
    touch(tmp_path, "_in/a.csv", "_in/_b.csv")
    assert files_below(tmp_path / "_in") == [tmp_path / "_in/a.csv"]


def test_links_are_followed_and_each_folder_is_entered_once(tmp_path: Path) -> None:
    touch(tmp_path, "in/a/b.csv", "elsewhere/c.csv")
    (tmp_path / "in/a/back").symlink_to(tmp_path / "in")
    (tmp_path / "in/z").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/y").symlink_to(tmp_path / "elsewhere")
    found = [str(path.relative_to(tmp_path / "in")) for path in files_below(tmp_path / "in")]
    assert found == ["a/b.csv", "y/c.csv"]


def test_hidden_files_alone_have_been_named(tmp_path: Path) -> None:
    touch(tmp_path, "_a.csv", "_b/c.csv")
    assert files_of_input(tmp_path) == [tmp_path / "_a.csv", tmp_path / "_b/c.csv"]
    result = run(tmp_path, {"_a.csv": "c\nx\n"}, job())
    assert result.manifest["rows"]["written"] == 1


def test_a_folder_without_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^the input holds no files$"):
        files_of_input(tmp_path)


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scandir(path: str) -> None:
        raise PermissionError(13, "Permission denied", f"{path}/day=1\n")

    monkeypatch.setattr("os.scandir", scandir)
    message = r"day=1\n: the folder cannot be read (Permission denied)"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        files_of_input(tmp_path)
