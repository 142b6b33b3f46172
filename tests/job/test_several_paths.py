"""``dataset.path``: several files, folders and globs, and what can be no input."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from headrace.errors import ConfigError
from headrace.job.inputs import resolve
from headrace.runtime.data_files import files_of_input
from headrace.runtime.errors import DataError


def laid_out(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("a\n1\n")


def refused(*paths: object) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(*map(str, paths))
    return "\n".join(map(str, caught.value.problems))


def test_a_list_of_files_folders_and_globs(tmp_path: Path) -> None:
    laid_out(tmp_path, "logs/day=1/a.csv", "logs/day=1/_x.csv", "logs/day=2/b.csv", "logs/c.csv")
    logs = tmp_path / "logs"
    data = resolve(f"{logs}/day=2", f"{logs}/day=*/a*", f"{logs}/day=1/a.csv", f"{logs}/c.csv")
    manifest = json.loads(data.manifest or b"")
    assert manifest == [{"prefix": f"file://{logs}/"}, "c.csv", "day=1/a.csv", "day=2/b.csv"]
    assert [str(Path(file).relative_to(data.folder)) for file in data.files] == manifest[1:]


def test_a_list_of_one_is_that_one(tmp_path: Path) -> None:
    laid_out(tmp_path, "a.csv")
    assert resolve(str(tmp_path)).kind == "S3Prefix"
    assert resolve(str(tmp_path / "a.csv")).folder == tmp_path


def test_a_list_of_one_file_twice(tmp_path: Path) -> None:
    laid_out(tmp_path, "a.csv")
    file = str(tmp_path / "a.csv")
    assert resolve(file, file).files == (file,)


def test_lists_that_are_refused(tmp_path: Path) -> None:
    laid_out(tmp_path, "a.csv")
    assert refused(tmp_path / "a.csv", "s3://logs/x/") == (
        "dataset.path: of a list, all or none is on S3 (got 's3://logs/x/' beside local files); "
        "copy the others to its bucket"
    )
    laid_out(tmp_path, "_a.csv")
    assert refused(tmp_path / "a.csv", tmp_path / "_a.csv") == (
        "dataset.path: '_a.csv' begins with '.' or '_', and such a file counts only where all do; "
        "rename it, or run a job for it alone"
    )
    missing = tmp_path / "b.csv"
    assert refused(tmp_path / "a.csv", missing) == (
        f"dataset.path: there is no file or folder {str(missing)!r}"
    )


def test_what_can_be_read_only_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/stdin", "/dev/null", "/dev/fd/0"):
        assert refused(path) == (
            f"dataset.path: {str(path)!r} is a pipe or a device, which can be read only once, and "
            "a job reads its input again; write it to a file"
        )


def test_a_link_that_leads_to_nothing(tmp_path: Path) -> None:
    laid_out(tmp_path, "in/a.csv")
    link = tmp_path / "in" / "b.csv"
    link.symlink_to(tmp_path / "gone.csv")
    assert refused(link) == f"dataset.path: the link {str(link)!r} leads to nothing"
    assert refused(tmp_path / "in") == (
        f"dataset.path: cannot read {str(link)!r}: a link that leads to nothing"
    )
    with pytest.raises(DataError) as caught:
        files_of_input(tmp_path / "in")
    assert str(caught.value) == "b.csv: cannot be read (a link that leads to nothing)"
    link.rename(tmp_path / "in" / ".#b.csv")  # as an editor leaves it
    assert len(resolve(str(tmp_path / "in")).files) == 1


def test_a_delta_table(tmp_path: Path) -> None:
    laid_out(tmp_path, "t/part-0.parquet", "t/_delta_log/00000000000000000000.json")
    what = (
        "a Delta table, whose folder also holds rows that were removed; name its live files in "
        "dataset.path, as DeltaTable(…).file_uris() of the package deltalake lists them"
    )
    for path in (tmp_path, tmp_path / "t"):
        table = str(tmp_path / "t")
        assert refused(path) == f"dataset.path: cannot read {table!r}: {what}"
    with pytest.raises(DataError) as caught:
        files_of_input(tmp_path / "t")
    assert str(caught.value) == f".: cannot be read ({what})"
    assert resolve(str(tmp_path / "t" / "part-0.parquet")).files
