"""Inputs as layers: which files of a folder an instance sees, without a copy where possible."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from headrace.targets.local.inputs import Link
from headrace.targets.local.private_root.layers import Layers, layers

INSIDE = PurePosixPath("/opt/ml/processing/input/data")


def links(**sources: Path) -> list[Link]:
    return [Link(source, INSIDE / name.replace("__", "/")) for name, source in sources.items()]


def test_a_whole_folder_is_a_layer_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "data/deep").mkdir(parents=True)
    for name in ("a", "deep/b"):
        (tmp_path / "data" / name).touch()
    given = links(a=tmp_path / "data/a", deep__b=tmp_path / "data/deep/b")
    found = layers(given, INSIDE, tmp_path / "data", tmp_path / "staged")
    assert found == Layers(INSIDE, (tmp_path / "data",))
    assert not (tmp_path / "staged").exists()


def test_what_an_instance_does_not_get_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "data/deep").mkdir(parents=True)
    (tmp_path / "data/others").mkdir()
    for name in ("a", "b", "deep/c", "deep/d", "others/e"):
        (tmp_path / "data" / name).touch()
    given = links(a=tmp_path / "data/a", deep__d=tmp_path / "data/deep/d")
    found = layers(given, INSIDE, tmp_path / "data", tmp_path / "staged")
    assert found == Layers(INSIDE, (tmp_path / "data",), hidden=("b", "deep/c", "others"))


def test_what_links_lead_to_comes_into_a_layer_above(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/b").write_text("b")
    (tmp_path / "data/a").touch()
    (tmp_path / "data/b").symlink_to("../elsewhere/b")
    (tmp_path / "data/deep").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/nowhere").symlink_to("no-such-file")
    names = {"a": "a", "b": "b", "deep__b": "deep/b"}
    given = links(**{key: tmp_path / "data" / name for key, name in names.items()})
    found = layers(given, INSIDE, tmp_path / "data", tmp_path / "staged")
    assert found == Layers(INSIDE, (tmp_path / "staged", tmp_path / "data"), hidden=("nowhere",))
    assert (tmp_path / "staged/b").stat().st_nlink == 3
    assert (tmp_path / "staged/deep/b").read_text() == "b"


def test_single_files_are_linked_or_copied(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    other_disk = Path("/proc/version")
    given = links(a=tmp_path / "a", version=other_disk)
    found = layers(given, INSIDE, None, tmp_path / "staged")
    assert (found.folders, found.hidden) == ((tmp_path / "staged",), ())
    assert (tmp_path / "staged/a").samefile(tmp_path / "a")
    assert (tmp_path / "staged/version").read_text() == other_disk.read_text()


def test_folders_of_others_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data/deep/er").mkdir(parents=True)
    (tmp_path / "data/unwanted").mkdir()
    (tmp_path / "data/deep/er/a").touch()
    monkeypatch.setattr("os.geteuid", lambda: 12_345)
    given = links(deep__er__a=tmp_path / "data/deep/er/a")
    found = layers(given, INSIDE, tmp_path / "data", tmp_path / "staged")
    assert found == Layers(
        INSIDE, (tmp_path / "data",), hidden=("unwanted",), others=("deep", "deep/er")
    )
