from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.targets.container.target import input_folders
from headrace.targets.local.sandbox import Host, Sandbox
from headrace.targets.shutdown.interrupts import Interrupts
from tests.targets.by_hand import CODE, DATA, data_input, make_job

Folder = Callable[..., Path]
Mounted = Callable[..., tuple[dict[str, Path], Host]]


@pytest.fixture
def mounted(tmp_path: Path, output: Path) -> Mounted:
    """Lays out a job with one input; gives what is to be mounted, and the host."""

    def make(uri: str, kind: str = "S3Prefix") -> tuple[dict[str, Path], Host]:
        job = make_job(output, "print()", inputs=(data_input(uri, kind),))
        (host,) = Sandbox(tmp_path / "scratch", str(output)).lay_out(job, Interrupts())
        return input_folders(job.view, host, Interrupts()), host

    return make


@pytest.fixture
def no_hard_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """As between two file systems."""

    def refuse(link: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)


def files(folder: Path) -> dict[str, str]:
    assert [path for path in folder.rglob("*") if path.is_symlink()] == []
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}


def test_files_get_a_second_name(mounted: Mounted, folder: Folder) -> None:
    data = folder("a.csv", "b/c.csv", "_SUCCESS")
    folders, host = mounted(f"file://{data}")
    assert folders == {
        DATA: host.ml / "processing/input/data",
        CODE: host.ml / "processing/input/code",
    }
    assert files(folders[DATA]) == {
        "a.csv": "content of a.csv\n",
        "b/c.csv": "content of b/c.csv\n",
    }
    assert (folders[DATA] / "a.csv").samefile(data / "a.csv")
    assert files(folders[CODE]) == {"entry.pyz": "print()"}


@pytest.mark.usefixtures("no_hard_links")
def test_else_a_folder_is_taken_as_it_is(mounted: Mounted, folder: Folder) -> None:
    data = folder("a.csv", "b/c.csv", "_SUCCESS")
    folders, _ = mounted(f"file://{data}")
    assert folders[DATA] == data


@pytest.mark.usefixtures("no_hard_links")
def test_else_the_only_file_of_a_folder(mounted: Mounted, folder: Folder) -> None:
    data = folder("a.csv")
    folders, _ = mounted(f"file://{data}/a.csv")
    assert folders[DATA] == data


@pytest.mark.usefixtures("no_hard_links")
def test_one_of_several_files_is_copied(mounted: Mounted, folder: Folder) -> None:
    data = folder("a.csv", "b.csv")
    folders, host = mounted(f"file://{data}/a.csv")
    assert folders[DATA] == host.ml / "processing/input/data"
    assert files(folders[DATA]) == {"a.csv": "content of a.csv\n"}


@pytest.mark.usefixtures("no_hard_links")
def test_the_files_of_a_manifest_are_copied(
    mounted: Mounted, folder: Folder, tmp_path: Path
) -> None:
    data = folder("a/x.csv", "b/x.csv", "b/y.csv")
    manifest = tmp_path / "input.manifest"
    manifest.write_text(json.dumps([{"prefix": f"file://{data}/"}, "a/x.csv", "b/y.csv"]))
    folders, _ = mounted(f"file://{manifest}", "ManifestFile")
    assert files(folders[DATA]) == {
        "a/x.csv": "content of a/x.csv\n",
        "b/y.csv": "content of b/y.csv\n",
    }


@pytest.mark.usefixtures("no_hard_links")
def test_a_folder_whose_files_are_links_is_copied(
    mounted: Mounted, folder: Folder, tmp_path: Path
) -> None:
    """The links would lead nowhere in a container."""
    elsewhere = folder("a.csv", "b.csv")
    data = tmp_path / "links"
    data.mkdir()
    for name in ("a.csv", "b.csv"):
        (data / f"link-{name}").symlink_to(elsewhere / name)
    folders, _ = mounted(f"file://{data}")
    assert files(folders[DATA]) == {
        "link-a.csv": "content of a.csv\n",
        "link-b.csv": "content of b.csv\n",
    }
