"""What ``dataset.path`` may be, and what is said when it is something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headrace.errors import ConfigError
from headrace.job.inputs import DataInput, resolve


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a\n1\n")


def refused(path: Path | str) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(str(path))
    (problem,) = caught.value.problems
    return str(problem)


def test_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "a b%20ü.csv")
    path = str(tmp_path / "a b%20ü.csv")
    assert resolve(path) == DataInput(f"file://{path}", files=(path,))


def test_a_file_by_its_uri(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv")
    assert resolve(f"file://{tmp_path}/a.csv") == resolve(f"{tmp_path}/a.csv")


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.csv")
    monkeypatch.chdir(tmp_path)
    assert resolve("a.csv").uri == f"file://{tmp_path}/a.csv"


def test_two_dots_are_no_part_of_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "c.csv", "far/d.csv", "far/in/e.csv", "here/f.csv")
    monkeypatch.chdir(tmp_path / "here")
    assert resolve("../c.csv").uri == f"file://{tmp_path}/c.csv"
    (tmp_path / "here" / "link").symlink_to(tmp_path / "far" / "in")
    assert resolve("link/../d.csv").uri == f"file://{tmp_path}/far/d.csv"  # as the system reads it


def test_a_folder_with_its_subfolders_but_without_hidden_names(tmp_path: Path) -> None:
    touch(tmp_path, "b.csv", "day=2/a.csv", "_SUCCESS", ".b.csv.crc", "_temporary/x.csv", "a.csv")
    found = resolve(f"{tmp_path}/")
    assert found.uri == f"file://{tmp_path}"
    assert found.kind == "S3Prefix"
    assert found.manifest is None
    assert found.files == tuple(f"{tmp_path}/{name}" for name in ("a.csv", "b.csv", "day=2/a.csv"))


def test_a_glob_becomes_a_manifest_of_s3s_own_format(tmp_path: Path) -> None:
    touch(tmp_path, "day=1/a.csv", "day=2/a.csv", "day=2/_x.csv", "_day=3/a.csv", "day=1/a.txt")
    found = resolve(f"{tmp_path}/*/*.csv")
    assert found.uri == f"file://{tmp_path}"
    assert found.kind == "ManifestFile"
    assert found.manifest is not None
    assert json.loads(found.manifest) == [
        {"prefix": f"file://{tmp_path}/"},
        "day=1/a.csv",
        "day=2/a.csv",
    ]
    assert found.files == (f"{tmp_path}/day=1/a.csv", f"{tmp_path}/day=2/a.csv")


def test_a_glob_over_any_depth(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv", "x/b.csv", "x/y/c.csv", ".x/d.csv", "_x/e.csv")
    names = [
        str(Path(file).relative_to(tmp_path)) for file in resolve(f"{tmp_path}/**/*.csv").files
    ]
    assert names == ["a.csv", "x/b.csv", "x/y/c.csv"]


def test_a_glob_that_matches_folders_takes_their_files_once(tmp_path: Path) -> None:
    touch(tmp_path, "day=1/a.csv", "day=1/_SUCCESS", "day=2/x/b.csv")
    (tmp_path / "day=3").mkdir()
    names = [str(Path(file).relative_to(tmp_path)) for file in resolve(f"{tmp_path}/**").files]
    assert names == ["day=1/a.csv", "day=2/x/b.csv"]


def test_a_glob_that_spells_the_underscore_means_it(tmp_path: Path) -> None:
    touch(tmp_path, "_a.csv", "b.csv")
    assert resolve(f"{tmp_path}/_*.csv").files == (f"{tmp_path}/_a.csv",)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("_*.csv", ["_a.csv"]),
        ("[_b]*.csv", ["b.csv"]),
        ("*/_x/*.csv", ["c/_x/d.csv"]),
        ("c/_*", ["c/_x/d.csv", "c/_y.csv"]),
        ("**/_x/*.csv", ["c/_x/d.csv"]),
        ("**/_*.csv", ["_a.csv", "c/_y.csv"]),
        ("*/*_x/*.csv", []),
    ],
)
def test_hidden_names_are_data_where_the_glob_spells_them(
    tmp_path: Path, pattern: str, names: list[str]
) -> None:
    """Then all that it matches is hidden: nobody who reads the input has to know the glob."""
    touch(tmp_path, "_a.csv", "b.csv", "c/_x/d.csv", "c/_x/_e.csv", "c/_y.csv", "_z/_x/f.csv")
    if not names:
        expected = f"dataset.path: no file matches '{tmp_path}/{pattern}'"
        assert refused(tmp_path / pattern) == expected
        return
    found = resolve(f"{tmp_path}/{pattern}").files
    assert [str(Path(file).relative_to(tmp_path)) for file in found] == names


def test_a_path_that_exists_is_no_glob(tmp_path: Path) -> None:
    touch(tmp_path, "a[1].csv", "a1.csv")
    assert resolve(f"{tmp_path}/a[1].csv").files == (f"{tmp_path}/a[1].csv",)


@pytest.mark.parametrize("path", ["s3://bucket/day=1/", "s3://bucket/day=1"])
def test_s3_is_left_alone(path: str) -> None:
    assert resolve(path) == DataInput(path)


def test_nothing_there(tmp_path: Path) -> None:
    path = tmp_path / "no.csv"
    assert refused(path) == f"dataset.path: there is no file or folder '{path}'"


def test_no_match(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt")
    assert refused(tmp_path / "*.csv") == f"dataset.path: no file matches '{tmp_path}/*.csv'"


def test_only_hidden_names(tmp_path: Path) -> None:
    touch(tmp_path, "_SUCCESS", ".a.csv")
    assert refused(tmp_path) == f"dataset.path: the folder '{tmp_path}' holds no files"


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scandir(path: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", scandir)
    assert refused(tmp_path) == f"dataset.path: cannot read '{tmp_path}': Permission denied"


@pytest.mark.parametrize("pattern", ["", "*.csv", "\udcff.csv"])
def test_a_name_that_no_request_can_hold(tmp_path: Path, pattern: str) -> None:
    touch(tmp_path, "\udcff.csv")
    name = f"{tmp_path}/\udcff.csv"
    assert refused(tmp_path / pattern) == (
        f"dataset.path: the name {name!r} is not UTF-8; rename it"
    )


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("https://x/y.csv", "cannot read 'https://x/y.csv'; allowed: a local path or s3://…"),
        ("s3://", "'s3://' names no bucket"),
        (
            "s3://bucket/*.csv",
            "'s3://bucket/*.csv' is a glob, which needs local files; name a prefix or an object",
        ),
    ],
)
def test_places_that_cannot_be_read(path: str, what: str) -> None:
    assert refused(path) == f"dataset.path: {what}"


def test_a_linked_folder_counts_once_even_if_it_leads_back(tmp_path: Path) -> None:
    real, data = tmp_path / "real", tmp_path / "data"
    real.mkdir()
    data.mkdir()
    (real / "a.csv").write_text("x\n1\n")
    (data / "linked").symlink_to(real)
    (real / "back").symlink_to(data)
    assert resolve(str(data)).files == (str(data / "linked" / "a.csv"),)
